// Debian's Chromium, driven by playwright-core, and what must hold on every page.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import type { Bellhop } from "./bellhop.ts";

const places = [process.env.CHROMIUM, "/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch(): Promise<Browser> {
  const executablePath = places.find((p) => p !== undefined && existsSync(p));
  if (!executablePath) throw new Error("Chromium is missing: apt-get install chromium-headless-shell, or name it in the variable CHROMIUM");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** What a page complained about: errors of scripts and refusals of its policy. */
export class Complaints {
  readonly list: string[] = [];
  constructor(page: Page) {
    page.on("pageerror", (e) => this.list.push(`error: ${e.message}`));
    page.on("console", (m) => {
      // The browser reports every answer of 4xx as an error; pages ask on purpose.
      if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) this.list.push(m.text());
    });
  }
  expectNone(): void {
    expect(this.list).toEqual([]);
  }
}

/** Signs in with a key, by the form. */
export async function signIn(page: Page, bellhop: Bellhop, key = bellhop.adminKey): Promise<void> {
  await page.goto(bellhop.url);
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor({ state: "attached" });
}

/** A context that is signed in already, without the form. */
export async function signedIn(browser: Browser, bellhop: Bellhop, options: Parameters<Browser["newContext"]>[0] = {}, key = bellhop.adminKey): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", ...options });
  const answer = await context.request.post(`${bellhop.url}/v1/session`, { data: { key }, headers: { Origin: bellhop.url } });
  expect(answer.status(), await answer.text()).toBe(201);
  return context;
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe says of colours, which takes it longest. */
export const ofColours = ["color-contrast", "link-in-text-block"];

/** Fails if axe finds anything serious on the page as it is now: by all of its rules, or by some. */
export async function expectAccessible(page: Page, what: string, rules: { only?: string[]; without?: string[] } = {}): Promise<void> {
  // Through the debugger, since the page's policy lets no foreign script in.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const violations = await page.evaluate(async (rules) => {
    const run = (globalThis as unknown as { axe: { run(o: object): Promise<{ violations: { id: string; impact: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[] }> } }).axe;
    const { violations } = await run.run({ resultTypes: ["violations"], ...(rules.only ? { runOnly: rules.only } : {}), rules: Object.fromEntries((rules.without ?? []).map((r) => [r, { enabled: false }])) });
    return violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")}: ${n.failureSummary}`) }));
  }, rules);
  const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  expect(serious, `axe on ${what}`).toEqual([]);
}

/** Shows the page, as it is, in dark, and fails if axe finds anything serious about its colours: nothing else is different there. */
export async function expectReadableInDark(page: Page, what: string): Promise<void> {
  // With reduced motion every change of a colour is a transition, if the shortest there is, and
  // what is inherited follows a frame later, level by level: some twenty frames, of which a busy
  // machine draws a few a second.
  await page.evaluate(() => {
    const still = new CSSStyleSheet();
    still.replaceSync("*, ::before, ::after { transition: none !important; }");
    document.adoptedStyleSheets.push(still);
  });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark", undefined, { polling: 100 });
  await expectAccessible(page, `${what}, dark`, { only: ofColours });
  await page.emulateMedia({ colorScheme: "light" });
}

/** Fails if the page is wider than its window. */
export async function expectNoSidewaysScroll(page: Page, what: string): Promise<void> {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const);
  expect(content, `${what} is ${content} px wide in a window of ${window} px`).toBeLessThanOrEqual(window);
}

/** Waits until the page has its heading and nothing is loading any more. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole("heading").first().waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-label="Loading"], .mantine-Skeleton-root, .mantine-Loader-root:not([aria-hidden])') === null, undefined, { polling: 100 });
}
