// How requests are made, by somebody who only clicks and types: recipes, and a script.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given, until } from "./bellhop.ts";
import { Complaints, expectAccessible, expectNoSidewaysScroll, expectReadableInDark, launch, signedIn } from "./chromium.ts";
import { MailServer } from "./mailserver.ts";
import { Receiver } from "./receiver.ts";

let bellhop: Bellhop;
let browser: Browser;
let receiver: Receiver;
let mailServer: MailServer;
let context: BrowserContext;
let page: Page;
let complaints: Complaints;
beforeAll(async () => {
  [bellhop, browser, receiver, mailServer] = await Promise.all([Bellhop.start("--dev"), launch(), Receiver.start(), MailServer.start("ada", "pass word")]);
  await bellhop.app("acme");
  context = await signedIn(browser, bellhop);
  page = await context.newPage();
  complaints = new Complaints(page);
});
afterAll(async () => {
  complaints?.expectNone();
  await browser?.close();
  await bellhop?.stop();
  await Promise.all([receiver?.stop(), mailServer?.stop()]);
});

const target = (name: string) => page.getByRole("radio", { name, exact: true });
const field = (name: string) => page.getByRole("textbox", { name, exact: true });
const preview = (words: string | RegExp) => page.getByRole("region", { name: /as it is sent/ }).getByText(words).waitFor();
const create = () => page.getByRole("button", { name: "Create endpoint" }).click();

describe("a recipe that somebody sets up", () => {
  it("posts to Slack, from the portal, too", async () => {
    const { url } = await given(bellhop.api().POST("/v1/portal-links", { body: { app: "acme", role: "editor" } }));
    const theirs = await (await browser.newContext({ viewport: { width: 375, height: 740 }, reducedMotion: "reduce" })).newPage();
    for (const [at, open] of [[theirs, () => theirs.goto(url)], [page, () => page.goto(`${bellhop.url}/endpoints?app=acme`)]] as const) {
      receiver.received.length = 0;
      await open();
      await at.getByRole("link", { name: "New endpoint" }).first().click();
      await at.getByRole("radio", { name: "Slack", exact: true }).click();
      await at.getByLabel("Webhook URL").fill(`${receiver.url}/slack`);
      await at.getByRole("region", { name: /as it is sent/ }).getByText('{"text":"New ticket T-10482').waitFor();
      await expectNoSidewaysScroll(at, "the form for Slack");
      await at.getByRole("button", { name: "Create endpoint" }).click();
      await at.getByRole("heading", { name: "Endpoint created" }).waitFor();
      expect(await at.getByText("Keep the signing secret").count()).toBe(0); // Slack looks at no signature
      await at.getByRole("button", { name: "Send a test event" }).click();
      await at.getByText("The receiver accepted it").waitFor();
      expect(receiver.received).toMatchObject([{ method: "POST", path: "/hooks/slack" }]);
      expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({ text: expect.stringContaining("New ticket") as string });
      expect(receiver.received[0]!.headers).not.toHaveProperty("webhook-signature");
    }
    await theirs.context().close();
  });

  it("appends rows to a Google sheet, whose script answers by a redirect", async () => {
    receiver.redirects.set("/hooks/exec", new URL("/echo", receiver.url).href);
    receiver.body = '{"ok":true}';
    receiver.received.length = 0;
    await page.goto(`${bellhop.url}/endpoints/new?app=acme`);
    await target("Google Sheets").click();
    await field("Web app URL").fill(`${receiver.url}/exec`);
    await field("Sheet").fill("Codes");
    await preview('"sheet":"Codes"');
    await create();
    await page.getByRole("button", { name: "Send a test event" }).click();
    await page.getByText("The receiver accepted it").waitFor();
    expect(receiver.received).toMatchObject([{ method: "POST", path: "/hooks/exec" }, { method: "GET", path: "/echo" }]);
    expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({ sheet: "Codes", row: { type: "registration-code.created" } });
    receiver.body = "ok";
  });

  it("sends mails, with a user and a password that nobody sees again", async () => {
    await page.goto(`${bellhop.url}/endpoints/new?app=acme`);
    await target("E-mail").click();
    await create();
    await page.getByText("Give From.").first().waitFor(); // what is missing is said, and nothing is lost
    await field("Mail server").fill(mailServer.url);
    await field("From").fill("tickets@example.com");
    await field("To").fill("zoe@example.com");
    await field("Subject").fill("Invoice ${data.number}");
    await field("User name").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill("pass word");
    await page.getByRole("button", { name: /^Certificates/ }).click();
    await field("Authorities to trust").fill(MailServer.certificate);
    await field("Name").fill("Mails");
    await create();
    await page.getByRole("heading", { name: "Endpoint created" }).waitFor();

    await bellhop.publish("acme", "invoice.purchase", { number: 118 });
    await until(() => mailServer.received.length > 0, "the mail came");
    expect(mailServer.received[0]).toMatchObject({ user: "ada", from: "tickets@example.com", to: ["zoe@example.com"], text: expect.stringContaining("Subject: Invoice 118") as string });

    await page.getByRole("link", { name: "Go to the endpoint" }).click();
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByText("Set; it is not shown again.").waitFor();
    await expectAccessible(page, "the form of a recipe");
    await expectReadableInDark(page, "the form of a recipe");
    await page.getByRole("button", { name: "Replace: Password" }).click();
    await page.getByLabel("Password", { exact: true }).fill("another");
    await page.getByText("Authentication:").waitFor();
    await page.getByRole("button", { name: "Keep the one that is set" }).click();
    expect(await page.content()).not.toContain("pass word");
    await page.getByRole("button", { name: "Cancel" }).click();
  });
});

describe("a script", () => {
  it("is written, breaks, is corrected, and what was held goes out", async () => {
    const came = () => receiver.received.filter((r) => r.path === "/hooks/script").map((r) => r.body);
    const endpoint = await bellhop.endpoint("acme", `${receiver.url}/script`, { name: "Orders", events: ["order.*"] });
    await bellhop.publish("acme", "order.paid", { customer: { name: "Ada" }, total: "1.00" });
    await until(() => came().length === 1, "the event came as it was");

    // Written, and tried with the event of before.
    await page.goto(`${bellhop.url}/endpoints/${endpoint}/edit`);
    await page.getByRole("button", { name: /^How requests look/ }).click();
    await page.getByRole("switch", { name: "Change requests with a script" }).check();
    await write("function transform(event) {\n  return { body: { name: event.data.customer.nam } ");
    await page.getByRole("alert").getByText(/^Line \d/).waitFor();
    await write("function transform(event) {\n  return { body: { name: event.data.customer.name.toUpperCase() } };\n}");
    await page.getByRole("combobox", { name: "Try it with" }).click();
    await page.getByRole("option", { name: /^order\.paid · / }).click();
    await page.getByRole("region", { name: "The request that the script makes" }).getByText('{"name":"ADA"}').waitFor();
    await page.getByText(/^It works, and takes/).waitFor();
    await page.getByText("Difference", { exact: true }).click();
    await page.getByRole("region", { name: "The body, against the one without the script" }).getByText('"name": "ADA"', { exact: true }).waitFor();
    await expectAccessible(page, "the script");
    await expectReadableInDark(page, "the script");
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByRole("heading", { name: "Orders", level: 1 }).waitFor();

    // It breaks on an event that is not as its author thought.
    for (const total of ["2.00", "3.00"]) await bellhop.publish("acme", "order.paid", { total });
    await page.getByRole("region", { name: "Held deliveries" }).getByText("2 deliveries are held: the script fails at line 2").waitFor();
    await expectAccessible(page, "an endpoint with held deliveries");
    expect(came()).toHaveLength(1);

    await page.getByRole("link", { name: "Correct the script" }).click();
    await write('function transform(event) {\n  return { body: { name: event.data.customer?.name ?? "somebody" } };\n}');
    await page.getByRole("button", { name: "Save changes" }).click();
    await until(() => came().length === 3, "what was held went out");
    expect(came().slice(1)).toEqual(['{"name":"somebody"}', '{"name":"somebody"}']);
    await page.getByRole("region", { name: "Held deliveries" }).waitFor({ state: "detached" });

    // The log has the very bytes.
    const recent = page.getByRole("region", { name: "Recent attempts" });
    await expect.poll(() => recent.getByText("200", { exact: true }).count()).toBe(3);
    await recent.getByRole("row").filter({ has: page.getByText("200", { exact: true }) }).first().getByRole("link").first().click();
    await page.getByRole("dialog").getByText("As it was sent, byte for byte.").waitFor();
    await page.getByRole("dialog").getByText("somebody").first().waitFor();
    await expectAccessible(page, "an attempt whose request a script made");
  });
});

/** Types a script in place of the one that is there, once the editor has taken the place of the plain field. */
async function write(code: string): Promise<void> {
  await page.getByRole("textbox", { name: "Script", exact: true }).and(page.locator("[contenteditable]")).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(code);
}
