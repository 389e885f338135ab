// An endpoint is made, tested, breaks, is understood, is repaired.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given, until } from "./bellhop.ts";
import { Complaints, expectAccessible, launch, signedIn } from "./chromium.ts";
import { Receiver } from "./receiver.ts";

let bellhop: Bellhop;
let browser: Browser;
let receiver: Receiver;
let context: BrowserContext;
let page: Page;
let complaints: Complaints;
beforeAll(async () => {
  [bellhop, browser, receiver] = await Promise.all([Bellhop.start("--dev"), launch(), Receiver.start()]);
  await bellhop.app("acme");
  await given(bellhop.api().PUT("/v1/event-types/{name}", { params: { path: { name: "invoice.purchase" } }, body: { description: "An order was paid." } }));
  context = await signedIn(browser, bellhop);
  page = await context.newPage();
  complaints = new Complaints(page);
});
afterAll(async () => {
  await browser?.close();
  await bellhop?.stop();
  await receiver?.stop();
});

describe("an endpoint", () => {
  it("is created in a form, shows its secret and code that verifies, and passes a test", async () => {
    await page.goto(`${bellhop.url}/endpoints`);
    await page.getByRole("link", { name: "New endpoint" }).first().click();
    await page.getByLabel("URL", { exact: false }).first().fill("ftp://example.com");
    await page.getByLabel("Name", { exact: true }).fill("Bookkeeping");
    await page.getByRole("button", { name: "Create endpoint" }).click();
    expect(page.url()).toContain("/endpoints/new"); // the URL is refused, nothing is lost
    await page.getByLabel("URL", { exact: false }).first().fill(receiver.url);
    await page.getByRole("button", { name: "Create endpoint" }).click();

    await page.getByRole("heading", { name: "Keep the signing secret now" }).waitFor();
    await page.getByRole("button", { name: "Show signing secret" }).click();
    await page.getByText(/^whsec_\S+$/).waitFor();
    for (const language of ["Node", "Python", "Go", "PHP", "Ruby", "Java", "C#"]) {
      await page.getByRole("tab", { name: new RegExp(`^${language.replace("#", "\\#")}`) }).first().waitFor();
    }
    await expectAccessible(page, "a created endpoint");

    await page.getByRole("button", { name: "Send a test event" }).click();
    await page.getByText("The receiver accepted it").waitFor();
    expect(receiver.received).toHaveLength(1);
    await page.getByRole("link", { name: "Go to the endpoint" }).click();
    await page.getByRole("heading", { name: "Bookkeeping", level: 1 }).waitFor();

    // The form knows the server's default for what it is.
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByRole("button", { name: /Retries.*Standard/i }).or(page.getByText(/^Standard/)).first().waitFor();
  });

  it("that breaks says so, and why, and is repaired by sending again", async () => {
    receiver.status = 500;
    receiver.body = "out of paper";
    const event = await bellhop.publish("acme", "invoice.purchase", { total: "118.00" });
    await until(() => receiver.received.length === 2, "the event was tried");

    // In the log, with what the receiver said.
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Logs" }).click();
    await page.getByRole("radiogroup", { name: "Result" }).getByText("Failed").click();
    await page.getByRole("row").filter({ hasText: "invoice.purchase" }).first().getByRole("cell").first().click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText("out of paper").waitFor();
    await expectAccessible(page, "a failed attempt");
    const shared = page.url();
    expect(shared).toMatch(/status=failed/);
    expect(shared).toMatch(/attempt=att_/);
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "hidden" });

    // By the event: what became of it at each endpoint.
    await page.goto(`${bellhop.url}/events/${event}`);
    await page.getByText("The receiver answered 500").first().waitFor();

    receiver.status = 200;
    await page.getByRole("button", { name: "Send again to Bookkeeping" }).click();
    await page.getByRole("dialog").getByRole("button", { name: /^Send/ }).click();
    await until(() => receiver.received.length >= 3, "the event was sent again");
    await page.getByText("Delivered after").first().waitFor();

    // The shared link opens the same line for somebody else.
    const other = await signedIn(browser, bellhop);
    const theirs = await other.newPage();
    await theirs.goto(shared);
    await theirs.getByRole("dialog").getByText("out of paper").waitFor();
    await other.close();
    complaints.expectNone();
  });
});

describe("live logs", () => {
  it("show attempts as they happen, and can be paused", async () => {
    await page.goto(`${bellhop.url}/logs?live=1`);
    await page.getByText("Live: attempts appear as they happen").waitFor();
    const first = await bellhop.publish("acme", "invoice.purchase", {}, { subject: "live:1" });
    await page.getByRole("row").filter({ hasText: first }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    const second = await bellhop.publish("acme", "invoice.purchase");
    // Also a retry of an earlier event may arrive meanwhile.
    const show = page.getByRole("button", { name: /^\d+ new attempts? – show$/ });
    const row = page.getByRole("row").filter({ hasText: second });
    await show.waitFor();
    expect(await row.count()).toBe(0);
    await until(async () => {
      await show.click({ timeout: 500 }).catch(() => undefined);
      return (await row.count()) > 0;
    }, "what waited is shown");
  });
});

describe("a server that goes away", () => {
  it("is said to be gone, and the page goes on by itself when it is back", async () => {
    await page.goto(`${bellhop.url}/endpoints`);
    await page.getByRole("link", { name: "Bookkeeping" }).waitFor();
    await bellhop.kill();
    // A page that was not loaded before, so that its script is missing, too.
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Audit log" }).click();
    await page.getByText("The server does not answer").waitFor();
    await bellhop.startAgain();
    await page.getByText("The server does not answer").waitFor({ state: "hidden" });
    await page.getByRole("heading", { name: "Audit log", level: 1 }).waitFor();
    await page.getByRole("row").filter({ hasText: "Bookkeeping" }).or(page.getByRole("row").nth(2)).first().waitFor();
  });
});
