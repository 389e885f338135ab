// From nothing to a first delivered event, as a new user goes.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Bellhop } from "./bellhop.ts";
import { Complaints, expectAccessible, launch } from "./chromium.ts";

let bellhop: Bellhop;
let browser: Browser;
beforeAll(async () => {
  [bellhop, browser] = await Promise.all([Bellhop.start("--dev"), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await bellhop?.stop();
});

it("leads from an empty server to a delivered event with a verified signature", async () => {
  const page = await browser.newPage();
  const complaints = new Complaints(page);
  await page.goto(`${bellhop.url}/sign-in#key=${bellhop.adminKey}`);
  // The overview of nothing leads to the first steps.
  await page.waitForURL("**/start*");

  await page.getByLabel("Id", { exact: true }).fill("acme");
  await page.getByRole("button", { name: "Create app" }).click();
  await page.getByRole("button", { name: "Create an inbox and its endpoint" }).click();
  await page.getByLabel("Event type").fill("invoice.paid");
  await page.getByLabel("Data", { exact: true }).fill('{"total": 12345678901234567890}');
  await page.getByRole("button", { name: "Publish", exact: true }).click();

  await page.getByText("Delivered", { exact: true }).waitFor();
  await page.getByText("The signature verifies").first().waitFor();
  await expectAccessible(page, "the first steps, done");
  expect(await page.locator("body").innerText()).toContain("12345678901234567890");

  // The inbox has it, too, and shows it to a reader who comes later.
  await page.getByRole("link", { name: /^Open the inbox/ }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByText("Signature verified").first().waitFor();
  complaints.expectNone();
  await page.close();
});
