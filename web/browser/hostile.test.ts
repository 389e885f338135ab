// What strangers put into payloads, names and answers is shown, and does nothing.
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given, until } from "./bellhop.ts";
import { Complaints, expectNoSidewaysScroll, launch, settled, signedIn } from "./chromium.ts";
import { Receiver } from "./receiver.ts";

const script = `<script>window.pwned=1</script><img src=x onerror="window.pwned=2"><svg onload="window.pwned=3">{{constructor.constructor('window.pwned=4')()}}`;
const rightToLeft = "\u202Emoc.elpmaxe//:sptth\u2066 مرحبا \u200F\u202E";

let bellhop: Bellhop;
let browser: Browser;
let receiver: Receiver;
let context: BrowserContext;
let endpoint: string;
beforeAll(async () => {
  [bellhop, browser, receiver] = await Promise.all([Bellhop.start("--dev"), launch(), Receiver.start()]);
  receiver.body = script;
  receiver.status = 400;
  await given(bellhop.api().PUT("/v1/apps/{id}", { params: { path: { id: "acme" } }, body: { name: script } }));
  await given(bellhop.api().PUT("/v1/event-types/{name}", { params: { path: { name: "a.b" } }, body: {
    description: script + rightToLeft, example: { [script]: script }, schema: { type: "object", description: script, properties: { [script]: { type: "string", description: script } } },
  } }));
  endpoint = await bellhop.endpoint("acme", `${receiver.url}?q=%3Cscript%3E`, { name: script + rightToLeft, metadata: { x: script }, headers: { "X-Note": script } });
  context = await signedIn(browser, bellhop, { viewport: { width: 900, height: 800 } });
});
afterAll(async () => {
  await browser?.close();
  await bellhop?.stop();
  await receiver?.stop();
});

const payloads: [string, unknown][] = [
  ["markup", { [script]: script, nested: [script] }],
  ["text that turns around", { note: rightToLeft, [rightToLeft]: 1 }],
  ["200 kB", { rows: Array.from({ length: 2000 }, (_, i) => ({ i, text: `${script.slice(0, 40)}${"x".repeat(40)}` })) }],
  ["one long word", { word: "a".repeat(200_000) }],
  ["deep nesting", nested(90)],
];

describe("an event with", () => {
  it.each(payloads)("%s is shown harmless", async (_, data) => {
    const event = await bellhop.publish("acme", "a.b", data, { subject: `<b>&"'` });
    await until(async () => (await given(bellhop.api().GET("/v1/attempts", { params: { query: { event } } }))).data.length > 0, "it was tried");
    const page = await context.newPage();
    const complaints = new Complaints(page);
    page.on("dialog", () => complaints.list.push("a dialog opened"));
    await page.goto(`${bellhop.url}/events/${event}`);
    await page.getByRole("heading", { name: "a.b", level: 1 }).waitFor();
    await settled(page);
    await page.getByText("Raw", { exact: true }).click();
    await page.getByRole("region", { name: /JSON|Data/ }).first().waitFor();
    await expectNoSidewaysScroll(page, "the event");
    expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
    complaints.expectNone();
    await page.close();
  });
});

describe("names, answers and headers with markup", () => {
  it.each([
    ["the endpoint", () => `/endpoints/${endpoint}`],
    ["its settings", () => `/endpoints/${endpoint}?tab=settings`],
    ["its form", () => `/endpoints/${endpoint}/edit`],
    ["the endpoints", () => "/endpoints"],
    ["the events", () => "/events"],
    ["the apps", () => "/apps"],
    ["the event type", () => "/event-types/a.b"],
    ["the audit log", () => "/audit"],
    ["the overview", () => "/"],
  ])("are text on the page of %s", async (_, path) => {
    const page = await context.newPage();
    const complaints = new Complaints(page);
    await page.goto(bellhop.url + path());
    await settled(page);
    expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
    await expectNoSidewaysScroll(page, path());
    complaints.expectNone();
    await page.close();
  });

  it("are text in the log, the answer included", async () => {
    const { data } = await given(bellhop.api().GET("/v1/attempts", { params: { query: { endpoint } } }));
    const page = await context.newPage();
    const complaints = new Complaints(page);
    await page.goto(`${bellhop.url}/logs?attempt=${data[0]!.id}`);
    await page.getByRole("dialog").getByText("window.pwned=1").first().waitFor();
    expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
    complaints.expectNone();
    await page.close();
  });
});

function nested(levels: number): unknown {
  let value: unknown = "bottom";
  for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { in: value };
  return value;
}
