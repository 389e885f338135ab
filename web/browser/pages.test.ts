// What must hold on every page: axe finds nothing serious, nothing scrolls sideways
// on a phone, no script fails and the policy refuses nothing, in light and dark.
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop } from "./bellhop.ts";
import { Complaints, expectAccessible, expectNoSidewaysScroll, expectReadableInDark, launch, ofColours, settled, signedIn } from "./chromium.ts";
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
  ["Check of a request", () => "/check"],
  ["Check of an attempt", (s) => `/check?attempt=${s.attempt}`],
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

describe("in light, in the dark and on a phone", () => {
  let page: Page;
  const desk = { width: 1280, height: 720 };
  beforeAll(async () => {
    page = await (await signedIn(browser, bellhop, { colorScheme: "light", viewport: desk })).newPage();
  });
  it.each(pages)("%s", async (name, path) => {
    const complaints = new Complaints(page);
    await page.goto(bellhop.url + path(sample));
    await settled(page);
    await expectAccessible(page, name);
    await expectReadableInDark(page, name);
    await page.setViewportSize({ width: 360, height: 740 });
    await settled(page);
    await expectAccessible(page, `${name}, on a phone`, { without: ofColours });
    await expectNoSidewaysScroll(page, name);
    await page.setViewportSize(desk);
    complaints.expectNone();
  });
});

describe("lists", () => {
  const open = async (path: string, options: Parameters<Browser["newContext"]>[0] = {}) => {
    const page = await (await signedIn(browser, bellhop, options)).newPage();
    await page.goto(bellhop.url + path);
    await settled(page);
    return page;
  };
  const view = async (page: Page, choice: string) => {
    await page.getByRole("button", { name: "View", exact: true }).click();
    await page.getByRole("menuitemradio", { name: choice }).click();
    await page.keyboard.press("Escape");
  };

  it("show twenty lines of the log at 1280 × 900 where lines are dense, and times in UTC where that is chosen; this browser keeps both", async () => {
    const page = await open("/logs", { viewport: { width: 1280, height: 900 }, timezoneId: "Etc/GMT+7" });
    await view(page, "Dense lines");
    await view(page, "UTC");
    for (const again of [false, true]) {
      if (again) await page.reload();
      await page.getByRole("columnheader", { name: "Time (UTC)" }).waitFor();
      const box = (await page.getByRole("region", { name: "Attempts" }).boundingBox())!;
      const lines = await page.getByRole("row").evaluateAll((rows, end) => rows.slice(1).filter((r) => r.getBoundingClientRect().bottom <= end).length, Math.min(900, box.y + box.height));
      expect(lines).toBeGreaterThanOrEqual(20);
      const time = page.getByRole("row").nth(1).locator("time");
      expect(await time.innerText()).toContain((await time.getAttribute("datetime"))!.slice(11, 19));
    }
    await expectAccessible(page, "dense lines");
    await view(page, "Your time zone");
    await page.getByRole("columnheader", { name: /^Time \((GMT|UTC)[-−]7\)$/ }).waitFor();
    await page.context().close();
  });

  it("open a line where it is clicked, but not where text is marked or a link stands", async () => {
    const page = await open("/logs?status=failed");
    const line = page.getByRole("row").nth(1);
    const type = line.getByText(/^(invoice|ticket)\./).first();
    await type.dblclick();
    // Double-clicking marks a word; the first click has opened the line.
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    const box = (await type.boundingBox())!;
    await page.mouse.move(box.x + 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    expect(await page.evaluate(() => String(getSelection()).length)).toBeGreaterThan(3);
    expect(page.url()).not.toContain("attempt=");
    await page.mouse.click(5, 600); // unmarks
    await line.getByRole("cell").last().click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await line.getByRole("link", { name: "Door access" }).click();
    await page.getByRole("heading", { name: "Door access", level: 1 }).waitFor();
    await page.context().close();
  });

  it("are narrowed by answer and cause; events by what became of them and by what is in their data", async () => {
    const page = await open("/logs");
    await page.getByRole("combobox", { name: "Answer or cause" }).fill("503");
    await page.getByRole("option", { name: "Answer 503" }).click();
    await page.waitForURL(/response_status=503/);
    await expect.poll(() => page.getByRole("row").getByText("200", { exact: true }).count()).toBe(0);
    // What is exported is what is filtered.
    await page.getByRole("button", { name: "Export what is filtered" }).click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: /^As JSON lines/ }).click()]);
    const lines = readFileSync(await file.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line) as { response_status: number });
    expect(lines.length).toBeGreaterThan(5);
    expect(new Set(lines.map((l) => l.response_status))).toEqual(new Set([503]));
    expect(await page.getByRole("row").count()).toBeGreaterThan(5);
    await page.goto(`${bellhop.url}/events`);
    await page.getByRole("textbox", { name: "Search in the data" }).fill("customer.name ~ moreau");
    await page.keyboard.press("Enter");
    await page.getByText(/^Searched to the end: \d+ events found/).waitFor();
    await expect.poll(() => page.getByRole("row").filter({ hasText: "ticket." }).count()).toBe(0);
    expect(await page.getByRole("row").filter({ hasText: "invoice.purchase" }).count()).toBeGreaterThan(3);
    await page.getByRole("textbox", { name: "Search in the data" }).fill("data.total 118");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "a comparison is missing" }).waitFor();
    await expectAccessible(page, "a search that cannot be read");
    await page.goto(`${bellhop.url}/events?outcome=held`);
    await page.getByRole("row").filter({ hasText: "Held" }).first().waitFor();
    expect(await page.getByRole("row").filter({ hasText: "No endpoint" }).count()).toBe(0);
    await page.context().close();
  });

  it("do one thing with many endpoints, and say what came of each", async () => {
    const ids = [];
    for (const name of ["Bulk one", "Bulk two", "Bulk three"]) ids.push(await bellhop.endpoint("harbour", `${good.url}/bulk`, { name }));
    await bellhop.api().POST("/v1/endpoints/{id}/pause", { params: { path: { id: ids[1]! } } });
    const page = await open("/endpoints?q=bulk&sort=name");
    for (const name of ["Bulk one", "Bulk two", "Bulk three"]) await page.getByRole("checkbox", { name: `Choose ${name}` }).check();
    // One of them goes meanwhile: that is told of, and holds up no other.
    await bellhop.api().DELETE("/v1/endpoints/{id}", { params: { path: { id: ids[2]! } } });
    await page.getByRole("group", { name: "With those chosen" }).getByRole("button", { name: "Pause" }).click();
    const dialog = page.getByRole("dialog", { name: "Pausing endpoints" });
    await dialog.getByText("1 done, 1 had nothing to do, 1 failed").waitFor();
    await dialog.getByRole("listitem").filter({ hasText: "Bulk three" }).getByText(/no such endpoint|There is no|not found/i).waitFor();
    await expectAccessible(page, "what came of each");
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("row").filter({ hasText: "Bulk one" }).getByText("Paused").waitFor();
    for (const name of ["Bulk one", "Bulk two"]) await page.getByRole("checkbox", { name: `Choose ${name}` }).check();
    await page.getByRole("group", { name: "With those chosen" }).getByRole("button", { name: "Delete" }).click();
    const sure = page.getByRole("dialog", { name: "Delete 2 endpoints?" });
    await sure.getByText("Bulk one").waitFor();
    await sure.getByLabel(/to confirm/).fill("delete");
    await sure.getByRole("button", { name: "Delete 2 endpoints" }).click();
    await page.getByRole("dialog", { name: "Deleting endpoints" }).getByText("2 done").waitFor();
    await page.context().close();
  });

  it("keep what can be done with a line within a phone", async () => {
    const page = await open("/apps", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    for (const [path, menu, action] of [["/apps", "More for acme", "Portal link"], ["/apps", "More for acme", "Change settings"], ["/inboxes", /^More for inbox/, "Delete"]] as const) {
      if (!page.url().endsWith(path)) await page.goto(bellhop.url + path);
      await page.getByRole("button", { name: menu }).tap();
      const box = (await page.getByRole("menuitem", { name: action }).boundingBox())!;
      expect(box.x, action).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width, action).toBeLessThanOrEqual(390);
      await page.keyboard.press("Escape");
    }
    await page.context().close();
  });
});

describe("the search for everything", () => {
  it("leads by Ctrl-K, by a button and by keyboard alone to apps, endpoints, pages and ids", async () => {
    const page = await (await signedIn(browser, bellhop)).newPage();
    const complaints = new Complaints(page);
    await page.goto(`${bellhop.url}/settings`);
    await settled(page);
    await page.getByRole("button", { name: "Search" }).click();
    const box = page.getByRole("dialog", { name: "Go to" }).getByRole("combobox");
    await box.waitFor();
    await expectAccessible(page, "the search");
    await page.keyboard.press("Escape");
    await box.waitFor({ state: "hidden" });
    const go = async (text: string) => {
      await page.keyboard.press("Control+k");
      await box.fill(text);
      await page.getByRole("dialog", { name: "Go to" }).getByRole("option").first().waitFor();
      // A screen reader is told which one is chosen.
      await expect.poll(() => box.getAttribute("aria-activedescendant")).toBeTruthy();
    };
    await go("door acc");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Door access", level: 1 }).waitFor();
    await go("harbour homes");
    await page.keyboard.press("Enter");
    await page.waitForURL(/app=harbour/);
    // What an id names, also outside of the app that is shown.
    await go(sample.event);
    await page.getByRole("option", { name: /^Event invoice\.purchase/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(new RegExp(`/events/${sample.event}$`));
    await go("audit");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Audit log", level: 1 }).waitFor();

    await page.keyboard.press("?");
    const keys = page.getByRole("dialog", { name: "Keyboard" });
    await keys.getByRole("row").filter({ hasText: "Search apps" }).waitFor();
    await expectAccessible(page, "the keys");
    await keys.getByRole("switch").uncheck({ force: true });
    await page.keyboard.press("Escape");
    await keys.waitFor({ state: "hidden" });
    await page.keyboard.press("?"); // switched off, which this browser keeps
    await page.keyboard.press("Control+k");
    await box.waitFor();
    expect(await keys.isVisible()).toBe(false);
    complaints.expectNone();
    await page.context().close();
  });
});

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

describe("a filter", () => {
  it("is made of lines that fit what was published, follows its JSON and says what is wrong by field", async () => {
    const page = await (await signedIn(browser, bellhop)).newPage();
    await page.goto(`${bellhop.url}/endpoints/${sample.working}/edit?part=narrow`);
    const json = page.getByRole("textbox", { name: "Filter on the data, as JSON" });
    await json.waitFor();
    // What is offered fits the sample's events, whose totals are texts: "123.90".
    await page.getByRole("button", { name: /^\S*(total|amount) is more than \d+/ }).click();
    await expect.poll(() => json.innerText()).toContain('"decimal"');
    const said = page.getByText(/^Of the \d+ newest events of these types, \d+ would have been sent here\.$/);
    await said.waitFor();
    await page.getByText("One that would be sent").click();
    await page.getByRole("region", { name: "Its data" }).first().waitFor();
    expect(await page.getByRole("region", { name: "Its data" }).first().innerText()).toMatch(/"(total|amount)": "\d+\.\d\d"/);

    // A field of the schema, chosen from the list.
    await page.getByRole("button", { name: "Add a condition" }).click();
    await page.getByRole("combobox", { name: "Field of condition 2" }).or(page.getByRole("textbox", { name: "Field of condition 2" })).fill("customer.na");
    await page.getByRole("option", { name: /^customer\.name/ }).click();
    await page.getByRole("textbox", { name: "Value of condition 2" }).or(page.getByRole("combobox", { name: "Value of condition 2" })).fill("Nobody");
    await page.keyboard.press("Enter");
    await expect.poll(() => json.innerText()).toContain('"Nobody"');
    await page.getByText(/^None of the \d+ newest events matches$/).waitFor();
    await page.getByText("One that would not").waitFor();
    await expectAccessible(page, "a filter");
    await expectReadableInDark(page, "a filter");

    // The other way round, and what lines cannot show.
    const write = async (text: string) => {
      await json.click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(text);
    };
    await write('{"currency": ["CAD", "EUR"]}');
    await page.getByRole("group", { name: "Condition 1" }).getByText("EUR").waitFor();
    expect(await page.getByRole("group", { name: "Condition 2" }).count()).toBe(0);
    await write('{"$or": [{"currency": ["CAD"]}, {"id": [7]}]}');
    await page.getByText(/cannot be shown as lines, and is kept as it is/).waitFor();
    await write('{"currency": "CAD"}');
    await page.getByText('At currency, the values stand in brackets: write "currency": ["CAD"].').waitFor();
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
