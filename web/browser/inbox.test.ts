// A receiver that is programmed by hand: slow, flaky, with an answer of its own.
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

it("programs what an inbox answers, and says what is wrong with it", async () => {
  const page = await browser.newPage();
  const complaints = new Complaints(page);
  await page.goto(`${bellhop.url}/sign-in#key=${bellhop.adminKey}`);
  await page.waitForURL("**/start*");
  await page.getByLabel("Id", { exact: true }).fill("acme");
  await page.getByRole("button", { name: "Create app" }).click();
  await page.getByRole("button", { name: "Create an inbox and its endpoint" }).waitFor();

  await page.goto(`${bellhop.url}/inboxes`);
  await page.getByRole("button", { name: "New inbox" }).first().click();
  await page.getByRole("button", { name: "Create inbox" }).click();
  await page.getByRole("heading", { name: "Inbox of acme" }).waitFor();
  const url = (await page.locator("code").first().innerText()).trim();

  await page.getByRole("button", { name: "Delay, text, failures…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Status", { exact: true }).fill("202");
  await dialog.getByLabel("Fail first").fill("1");
  await dialog.getByRole("combobox", { name: "Fail with" }).click();
  await page.getByRole("option", { name: "503 Unavailable" }).click();
  await dialog.getByLabel("Text", { exact: true }).fill("x".repeat(17_000));
  await dialog.getByRole("button", { name: "Answer like this" }).click();
  await dialog.getByText("at most 16384 are allowed").waitFor();
  await dialog.getByLabel("Text", { exact: true }).fill('{"pin":"4711"}');
  await expectAccessible(page, "the form of an inbox's answer");
  await dialog.getByRole("button", { name: "Answer like this" }).click();
  await dialog.waitFor({ state: "hidden" });
  await page.getByText("the next 1 request with 503 Unavailable; with a text of its own").waitFor();

  const post = async () => {
    const response = await fetch(url, { method: "POST", body: "{}" });
    return { status: response.status, text: await response.text() };
  };
  expect((await post()).status).toBe(503);
  expect(await post()).toEqual({ status: 202, text: '{"pin":"4711"}' });
  await page.getByText("answered 503").waitFor();
  await page.getByText("answered 202").waitFor();
  complaints.expectNone();
  await page.close();
});
