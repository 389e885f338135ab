import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given } from "./bellhop.ts";
import { Complaints, expectAccessible, launch, signedIn, signIn } from "./chromium.ts";

let bellhop: Bellhop;
let browser: Browser;
beforeAll(async () => {
  [bellhop, browser] = await Promise.all([Bellhop.start("--dev"), launch()]);
  await bellhop.app("acme");
});
afterAll(async () => {
  await browser?.close();
  await bellhop?.stop();
});

describe("signing in", () => {
  it("takes a key, and says what is wrong with another", async () => {
    const page = await browser.newPage();
    const complaints = new Complaints(page);
    await page.goto(`${bellhop.url}/endpoints`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await expectAccessible(page, "the sign-in page");
    await page.getByLabel("Key", { exact: true }).fill("bh_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("is not known").waitFor();
    await page.getByLabel("Key", { exact: true }).fill(bellhop.adminKey);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Endpoints", level: 1 }).waitFor();

    const cookies = await page.context().cookies();
    expect(cookies).toMatchObject([{ name: "bellhop_session", httpOnly: true, sameSite: "Strict" }]);
    expect(cookies[0]!.value).not.toBe(bellhop.adminKey);
    expect(await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage))).not.toContain("bh_");

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    complaints.expectNone();
    await page.close();
  });

  it("works by the link of the first start, which leaves no key in the address", async () => {
    const page = await browser.newPage();
    await page.goto(`${bellhop.url}/sign-in#key=${bellhop.adminKey}`);
    await page.getByRole("navigation", { name: "Main" }).waitFor();
    expect(page.url()).not.toContain("bh_");
    await page.goBack().catch(() => undefined);
    expect(page.url()).not.toContain("bh_");
    await page.close();
  });

  it("ends when the session is revoked", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await signIn(page, bellhop);
    const { data } = await given(bellhop.api().GET("/v1/keys", { params: { query: { kind: "session" } } }));
    for (const session of data) await given(bellhop.api().DELETE("/v1/keys/{id}", { params: { path: { id: session.id } } }));
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Endpoints" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await context.close();
  });
});

describe("a page of another site", () => {
  it("cannot make the browser change anything", async () => {
    const context = await signedIn(browser, bellhop);
    const answer = await context.request.post(`${bellhop.url}/v1/apps`, { data: { id: "forged" }, headers: { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" } });
    expect(answer.status()).toBe(403);
    expect((await answer.json()).code).toBe("cross_origin");
    await context.close();
  });
});

describe("what is loaded", () => {
  it("is less than 200 kB of compressed script before the first paint, and little more for the whole overview", async () => {
    const context = await signedIn(browser, bellhop);
    const page = await context.newPage();
    await page.goto(bellhop.url);
    await page.getByRole("img").or(page.getByRole("figure")).first().waitFor(); // the charts
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    const { before, all } = await page.evaluate(() => {
      const painted = performance.getEntriesByName("first-contentful-paint")[0]!.startTime;
      const scripts = (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).filter((r) => r.name.endsWith(".js"));
      const bytes = (list: PerformanceResourceTiming[]) => list.reduce((sum, r) => sum + r.encodedBodySize, 0);
      return { before: bytes(scripts.filter((r) => r.responseEnd <= painted)), all: bytes(scripts) };
    });
    console.log(`compressed script: ${(before / 1000).toFixed(0)} kB before the first paint, ${(all / 1000).toFixed(0)} kB for the overview`);
    expect(before).toBeGreaterThan(50_000);
    expect(before).toBeLessThan(200_000);
    expect(all).toBeLessThan(300_000);
    await context.close();
  });
});
