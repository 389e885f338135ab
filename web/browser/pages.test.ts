// What must hold on every page: axe finds nothing serious, nothing scrolls sideways
// on a phone, no script fails and the policy refuses nothing, in light and dark.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop } from "./bellhop.ts";
import { Complaints, expectAccessible, expectNoSidewaysScroll, expectReadableInDark, launch, settled, signedIn } from "./chromium.ts";
import { Receiver } from "./receiver.ts";
import { fill, type Sample } from "./sample.ts";

let bellhop: Bellhop;
let browser: Browser;
let good: Receiver;
let bad: Receiver;
let sample: Sample;
beforeAll(async () => {
  [bellhop, browser, good, bad] = await Promise.all([Bellhop.start("--dev"), launch(), Receiver.start(), Receiver.start()]);
  sample = await fill(bellhop, good, bad);
});
afterAll(async () => {
  await browser?.close();
  await bellhop?.stop();
  await Promise.all([good?.stop(), bad?.stop()]);
});

const pages: [string, (s: Sample) => string][] = [
  ["Overview", () => "/"],
  ["Start", () => "/start"],
  ["Endpoints", () => "/endpoints"],
  ["New endpoint", () => "/endpoints/new"],
  ["Endpoint, working", (s) => `/endpoints/${s.working}`],
  ["Endpoint, failing", (s) => `/endpoints/${s.failing}`],
  ["Endpoint, paused", (s) => `/endpoints/${s.paused}`],
  ["Endpoint, locked", (s) => `/endpoints/${s.locked}`],
  ["Endpoint, different by app", (s) => `/endpoints/${s.locked}?tab=settings`],
  ["Endpoint, its settings", (s) => `/endpoints/${s.failing}?tab=settings`],
  ["Endpoint, its secret", (s) => `/endpoints/${s.working}?tab=secret`],
  ["Edit endpoint", (s) => `/endpoints/${s.failing}/edit`],
  ["Events", () => "/events"],
  ["Event", (s) => `/events/${s.event}`],
  ["Logs", () => "/logs"],
  ["Failed logs", () => "/logs?status=failed"],
  ["Attempt", (s) => `/logs?attempt=${s.attempt}`],
  ["Live logs", () => "/logs?live=1"],
  ["Event types", () => "/event-types"],
  ["Event type", () => "/event-types/invoice.purchase"],
  ["Edit event type", () => "/event-types/invoice.purchase?edit=1"],
  ["Apps", () => "/apps"],
  ["Keys", () => "/keys"],
  ["Sessions", () => "/keys?kind=session"],
  ["Audit log", () => "/audit"],
  ["Dialects", () => "/dialects"],
  ["Dialect", () => "/dialects?name=github"],
  ["Inboxes", () => "/inboxes"],
  ["Inbox", (s) => `/inboxes/${s.inbox}`],
  ["Settings", () => "/settings"],
  ["No such page", () => "/nowhere"],
  ["No such endpoint", () => "/endpoints/ep_0000000000000"],
  ["No such event", () => "/events/evt_0000000000000"],
];

describe("times", () => {
  it("are the viewer's, with UTC at hand", async () => {
    // Seven hours behind UTC, always: of a zone with rules, Chromium may know others than Node.js.
    const context = await signedIn(browser, bellhop, { timezoneId: "Etc/GMT+7" });
    const page = await context.newPage();
    await page.goto(`${bellhop.url}/events/${sample.event}`);
    const time = page.locator("time").first();
    await time.waitFor();
    const at = new Date((await time.getAttribute("datetime"))!);
    const clock = new Date(at.getTime() - 7 * 3_600_000).toISOString().slice(11, 19);
    expect(await time.innerText()).toContain(clock);
    const [full, utc] = (await time.getAttribute("title"))!.split("\n");
    expect(full).toContain(clock);
    expect(utc).toBe(at.toISOString().replace("T", " ").replace("Z", " UTC"));
    await context.close();
  });
});

describe("the keyboard", () => {
  it("is enough: past the navigation, into a line of the log, and out again", async () => {
    const page = await (await signedIn(browser, bellhop)).newPage();
    await page.goto(`${bellhop.url}/logs`);
    await page.getByRole("row").nth(3).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // Skip to content
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
    const into = page.getByRole("row").nth(1).getByRole("link", { name: /^Open the attempt/ });
    for (let i = 0; i < 40 && !(await into.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press("Tab");
    expect(await into.evaluate((e) => e === document.activeElement)).toBe(true);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.waitForFunction(() => document.activeElement !== document.body); // the focus came back
    await page.context().close();
  });
});

for (const [look, options] of [
  ["in light and dark", { colorScheme: "light" }],
  ["on a phone", { colorScheme: "light", viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }],
] as const) {
  describe(look, () => {
    let page: Page;
    beforeAll(async () => {
      page = await (await signedIn(browser, bellhop, options)).newPage();
    });
    it.each(pages)("%s", async (name, path) => {
      const complaints = new Complaints(page);
      await page.goto(bellhop.url + path(sample));
      await settled(page);
      await expectAccessible(page, name);
      if (look === "on a phone") await expectNoSidewaysScroll(page, name);
      else await expectReadableInDark(page, name);
      complaints.expectNone();
    });
  });
}

describe("the form of an endpoint", () => {
  it("can be used by all with every part open", async () => {
    const page = await (await signedIn(browser, bellhop)).newPage();
    await page.goto(`${bellhop.url}/endpoints/${sample.locked}/edit`);
    for (const part of ["Only some of these events", "Different by app", "Advanced"]) await page.getByRole("button", { name: part }).click();
    await page.getByRole("switch", { name: "Locked" }).waitFor();
    await page.getByRole("region", { name: "Harbour Homes" }).getByRole("textbox", { name: /^Filter/ }).waitFor();
    await page.getByText(/newest event/).first().waitFor();
    await expectAccessible(page, "the form");
    await expectReadableInDark(page, "the form");
    await page.context().close();
  });
});

describe("dark", () => {
  it("is there from the first paint, where the system is dark", async () => {
    const context = await signedIn(browser, bellhop, { colorScheme: "dark" });
    const page = await context.newPage();
    const complaints = new Complaints(page);
    await page.goto(bellhop.url);
    await settled(page);
    expect(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme)).toBe("dark");
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).not.toBe("rgb(255, 255, 255)");
    complaints.expectNone();
    await context.close();
  });
});
