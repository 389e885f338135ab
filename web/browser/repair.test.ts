// An endpoint is made, tested, breaks, is understood, is repaired.
import { execFileSync } from "node:child_process";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given, until } from "./bellhop.ts";
import { Complaints, expectAccessible, expectNoSidewaysScroll, expectReadableInDark, launch, signedIn } from "./chromium.ts";
import { MailServer } from "./mailserver.ts";
import { Receiver } from "./receiver.ts";

let bellhop: Bellhop;
let browser: Browser;
let receiver: Receiver;
let mails: MailServer;
let context: BrowserContext;
let page: Page;
let complaints: Complaints;
beforeAll(async () => {
  [mails, browser, receiver] = await Promise.all([MailServer.relay(), launch(), Receiver.start()]);
  bellhop = await Bellhop.start("--dev", "--smtp-url", mails.url, "--smtp-from", "bellhop@ours.example", "--notice-gather", "1s", "--notice-gap", "1s");
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
  await mails?.stop();
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
    await page.getByRole("button", { name: "Send again: Bookkeeping" }).click();
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

describe("what the screen says of a receiver that fails", () => {
  let endpoint: string;
  let events: string[];
  let first: number;
  const health = () => page.getByRole("region", { name: "Health" });
  const badge = (word: string) => page.getByRole("heading", { level: 1 }).getByText(word, { exact: true });

  it("is so after a restart, too: failing, and not well", async () => {
    receiver.status = 503;
    await bellhop.app("shops"); // where nothing else fails
    endpoint = await bellhop.endpoint("shops", `${receiver.url}/till`, { name: "Till", events: ["till.*"], retry: ["1h"] });
    events = [];
    first = receiver.received.length;
    for (let i = 0; i < 4; i++) events.push(await bellhop.publish("shops", "till.closed", { i }));
    await until(() => receiver.received.length >= first + 4, "each was tried");
    await until(async () => (await given(bellhop.api().GET("/v1/endpoints/{id}", { params: { path: { id: endpoint } } }))).health?.state === "failing", "it is failing");
    await bellhop.kill();
    await bellhop.startAgain();
    await page.goto(`${bellhop.url}/?app=shops`);
    const trouble = page.getByRole("region", { name: "in trouble" });
    await trouble.getByRole("link", { name: "Till", exact: true }).waitFor();
    await trouble.getByText("Failing: the receiver answered 503, unavailable.").waitFor();
    for (const question of ["Why", "What happens next", "What you can do now"]) await trouble.getByText(question, { exact: true }).first().waitFor();
    expect(await page.getByText("All is well").count()).toBe(0);
    await expectAccessible(page, "an overview with trouble");
    await trouble.getByRole("link", { name: "Till", exact: true }).click();
    await badge("Failing").waitFor();
    await health().getByText("4 attempts in a row failed", { exact: false }).waitFor();
  });

  it("is grouped by cause", async () => {
    const group = page.getByRole("region", { name: "Failures by cause" }).getByRole("listitem");
    await group.getByText("answered 503", { exact: true }).waitFor();
    await group.getByText("4 wait", { exact: true }).waitFor();
    await group.getByRole("button", { name: "Try 4 now" }).waitFor();
    await expectAccessible(page, "failures by cause");
  });

  it("is not known after a pause, and what goes out by resuming is told truly", async () => {
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await badge("Paused").waitFor();
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await page.getByRole("alert").getByText("None goes out now. 4 wait for a later time", { exact: false }).waitFor();
    await badge("Not known yet").waitFor();
    await health().getByRole("button", { name: "Send a test" }).waitFor();
    expect(await page.getByText("Working").count()).toBe(0);
  });

  it("counts a failed test as no delivery", async () => {
    await health().getByRole("button", { name: "Send a test" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Send a test event" }).click();
    await dialog.getByText("A test is not tried again, and counts as no failed delivery.").waitFor();
    await expectAccessible(page, "a failed test");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.reload();
    const numbers = page.locator("dl", { hasText: "Failed attempts" });
    await numbers.getByText("of 4 attempts").waitFor(); // the test is not among them
    await numbers.getByText("no delivery failed").waitFor();
  });

  it("leads from a 401 to the secret and to the check of a request", async () => {
    receiver.status = 401;
    const wrong = await bellhop.endpoint("shops", `${receiver.url}/wrong`, { name: "Wrong", events: ["wrong.*"], retry: ["1h"] });
    const event = await bellhop.publish("shops", "wrong.secret");
    await page.goto(`${bellhop.url}/events/${event}`);
    const panel = page.getByRole("region", { name: "What is the matter at Wrong" });
    await panel.getByText("The receiver answered 401 Unauthorized.").waitFor();
    await panel.getByRole("link", { name: "Check a request: Wrong" }).waitFor();
    await expectAccessible(page, "an event that failed");
    await expectReadableInDark(page, "an event that failed");
    await page.setViewportSize({ width: 390, height: 800 });
    await page.reload();
    await panel.getByText("Why", { exact: true }).waitFor();
    await expectNoSidewaysScroll(page, "an event that failed");
    await page.setViewportSize({ width: 1280, height: 720 });
    await panel.getByRole("link", { name: "Show the secret: Wrong" }).click();
    await page.getByRole("button", { name: "Show secret" }).waitFor();
    await given(bellhop.api().DELETE("/v1/endpoints/{id}", { params: { path: { id: wrong } } }));
  });

  it("is not known once the URL leads elsewhere", async () => {
    receiver.status = 503;
    await given(bellhop.api().PATCH("/v1/endpoints/{id}", { params: { path: { id: endpoint } }, body: { url: `${receiver.url}/moved` } }));
    await page.goto(`${bellhop.url}/endpoints/${endpoint}`);
    await badge("Not known yet").waitFor();
  });

  it("is repaired by one click, and each event arrives once", async () => {
    receiver.status = 200;
    const before = receiver.received.length;
    await page.goto(`${bellhop.url}/endpoints/${endpoint}`);
    await page.getByRole("button", { name: "Try 4 now" }).click();
    await until(() => receiver.received.length >= before + 4, "all were tried now");
    await badge("Healthy").waitFor();
    await page.getByRole("region", { name: "Failures by cause" }).waitFor({ state: "detached" });
    const came = receiver.received.slice(before).map((r) => String(r.headers["webhook-id"]));
    expect([...came].sort()).toEqual([...events].sort());
  });

  it("says of an event that is delivered that it is, and of one that waits when it is tried", async () => {
    receiver.status = 503;
    const event = await bellhop.publish("shops", "till.closed", { last: true });
    const count = receiver.received.length;
    await page.goto(`${bellhop.url}/events/${event}`);
    const panel = page.getByRole("region", { name: "What is the matter at Till" });
    await panel.getByText("This was try 1; the next one is at", { exact: false }).waitFor();
    receiver.status = 200;
    await panel.getByRole("button", { name: "Try now: Till" }).click();
    await page.getByText("Delivered after 2 attempts", { exact: false }).waitFor();
    await panel.waitFor({ state: "detached" });
    expect(receiver.received.slice(count).filter((r) => r.headers["webhook-id"] === event).length).toBeLessThanOrEqual(2);
    complaints.expectNone();
  });
});

describe("the owner of an endpoint that breaks", () => {
  it("is told once, repairs it with two clicks, is told that it works again, and the receiver has each event once", async () => {
    await bellhop.app("kiosks");
    await given(bellhop.api().PUT("/v1/apps/{id}/notices", { params: { path: { id: "kiosks" } }, body: { failures: 3 } }));
    receiver.status = 503;
    const kiosk = await bellhop.endpoint("kiosks", `${receiver.url}/kiosk`, { name: "Kiosk", retry: ["1h"], notify: ["owner@kiosk.example"] });
    const events: string[] = [];
    for (let i = 0; i < 3; i++) events.push(await bellhop.publish("kiosks", "kiosk.opened", { i }));
    const told = () => mails.received.filter((m) => m.to.includes("owner@kiosk.example"));
    await until(() => told().length > 0, "the owner is told");
    const link = new RegExp(`${bellhop.url}/endpoints/${kiosk}[^\\s"<]*`).exec(told()[0]!.text.replaceAll("=\n", ""))?.[0];
    expect(link, told()[0]!.text).toBeDefined();

    receiver.status = 200; // the receiver is repaired
    let clicks = 1; // the button in the mail
    await page.goto(link!);
    await page.getByRole("region", { name: "Health" }).getByText("Failing: the receiver answered 503, unavailable.").waitFor();
    await page.getByRole("region", { name: "Health" }).getByRole("button", { name: "Try all 3 deliveries now" }).click();
    clicks++;
    await page.getByRole("heading", { level: 1 }).getByText("Healthy", { exact: true }).waitFor();
    await until(() => told().length > 1, "the owner is told that it works again");
    expect(clicks).toBe(2);
    expect(told().map((m) => /^Subject: (.*)$/m.exec(m.text)?.[1])).toEqual(["Endpoint Kiosk fails", "Endpoint Kiosk works again"]);
    const came = receiver.received.filter((r) => r.path.endsWith("/kiosk")).map((r) => String(r.headers["webhook-id"]));
    for (const event of events) expect(came.filter((id) => id === event), event).toHaveLength(2); // refused once, taken once
    complaints.expectNone();
  });
});

describe("a copied command", () => {
  it.each(["stripe", "showpass", "allthings"])("repeats a request in the dialect %s, and its signature verifies", async (dialect) => {
    const inbox = (await given(bellhop.api().POST("/v1/inboxes", { body: { app: "acme" } }))) as { token: string; url: string };
    const endpoint = await bellhop.endpoint("acme", inbox.url, { name: `In ${dialect}`, dialect, events: [`copied.${dialect}`] });
    const came = async () => (await given(bellhop.api().GET("/v1/inboxes/{token}", { params: { path: { token: inbox.token } } }))).requests;
    const before = (await came()).length; // allthings has asked it something already
    const event = await bellhop.publish("acme", `copied.${dialect}`, { quote: "it's \"$(id)\" `id` \\ é", n: 12345678901234567890n.toString() });
    await until(async () => (await came()).length === before + 1, "it arrived");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    let attempt: string | undefined;
    await until(async () => {
      attempt = (await given(bellhop.api().GET("/v1/attempts", { params: { query: { event, endpoint } } }))).data[0]?.id; // others get it, too
      return attempt !== undefined;
    }, "the log has it");
    await page.goto(`${bellhop.url}/logs?attempt=${attempt}`);
    const drawer = page.getByRole("dialog");
    await drawer.getByText("proven by the hash", { exact: false }).waitFor();
    await drawer.getByRole("button", { name: "Copy as cURL" }).click();
    await drawer.getByRole("button", { name: "Copied" }).waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    execFileSync("sh", ["-s"], { input: command, timeout: 20_000, stdio: ["pipe", "ignore", "ignore"] });
    const [again, first] = (await came()).map(({ id, at, headers: { "User-Agent": agent, ...headers }, ...rest }) => ({ ...rest, headers })); // eslint-disable-line @typescript-eslint/no-unused-vars
    expect(again!.signature).toMatchObject({ dialect, verified: true });
    expect(again).toEqual(first);
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
