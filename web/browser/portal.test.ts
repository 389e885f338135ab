// A portal link in the pages of a platform: one app, its own people.
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, FrameLocator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given, until } from "./bellhop.ts";
import { Complaints, expectAccessible, expectNoSidewaysScroll, launch, settled, signedIn } from "./chromium.ts";
import { Receiver } from "./receiver.ts";

let bellhop: Bellhop;
let browser: Browser;
let receiver: Receiver;
let platform: Server;
let allowed: string;
let refused: string;
let own: string;
let foreign: string;
beforeAll(async () => {
  platform = createServer((request, response) => {
    const link = new URL(request.url ?? "", "http://platform.example").searchParams.get("link") ?? "";
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end(`<!doctype html><title>Platform</title><iframe src="${link.replaceAll('"', "&quot;")}" width="1000" height="700"></iframe>`);
  });
  await new Promise<void>((listening) => platform.listen(0, listening));
  const { port } = platform.address() as AddressInfo;
  // Two origins of one server: a browser tells them apart, and both from Bellhop's.
  allowed = `http://127.0.0.1:${port}`;
  refused = `http://localhost:${port}`;
  const logo = join(mkdtempSync(join(tmpdir(), "bellhop-logo-")), "logo.svg");
  writeFileSync(logo, '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="32"><rect width="120" height="32" fill="#0b7285"/></svg>');
  [bellhop, browser, receiver] = await Promise.all([
    Bellhop.start("--dev", "--portal-origin", allowed, "--portal-name", "Acme Events", "--portal-color", "#0b7285", "--portal-logo", logo),
    launch(), Receiver.start(),
  ]);
  await bellhop.app("acme");
  await bellhop.app("rival");
  own = await bellhop.endpoint("acme", receiver.url, { name: "Ours" });
  foreign = await bellhop.endpoint("rival", `${receiver.url}/rival`, { name: "Rival's secret project" });
  await bellhop.publish("acme", "invoice.purchase", { ours: true });
});
afterAll(async () => {
  await browser?.close();
  await bellhop?.stop();
  await receiver?.stop();
  platform?.closeAllConnections();
  platform?.close();
});

const link = (role: "editor" | "viewer", more: object = {}) => given(bellhop.api().POST("/v1/portal-links", { body: { app: "acme", role, ...more } }));

async function embedded(origin: string, url: string): Promise<{ page: Page; frame: FrameLocator; complaints: Complaints }> {
  const page = await browser.newPage();
  const complaints = new Complaints(page);
  await page.goto(`${origin}/?link=${encodeURIComponent(url)}`);
  return { page, frame: page.frameLocator("iframe"), complaints };
}

describe("a portal link", () => {
  it("opens in a frame of an origin that the operator allowed, and works there", async () => {
    const { page, frame, complaints } = await embedded(allowed, (await link("editor")).url);
    await frame.getByRole("heading", { name: "Endpoints", level: 1 }).waitFor();
    const logo = frame.getByRole("img", { name: "Acme Events" });
    await logo.waitFor();
    expect(await logo.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(120);
    await frame.getByRole("link", { name: "Ours" }).click();
    await frame.getByRole("heading", { name: "Ours", level: 1 }).waitFor();
    await frame.getByRole("button", { name: "Send test" }).click();
    await frame.getByRole("button", { name: "Send a test event" }).click();
    await frame.getByText("The receiver accepted it").waitFor();
    complaints.expectNone();
    await page.close();
  });

  it("stays closed in a frame of any other origin", async () => {
    const { page, frame, complaints } = await embedded(refused, (await link("editor")).url);
    await expect.poll(() => complaints.list.some((c) => c.includes("frame-ancestors"))).toBe(true);
    expect(await frame.getByText("Ours").count()).toBe(0);
    await page.close();
  });

  it("keeps the dashboard itself out of every frame", async () => {
    const { page, complaints } = await embedded(allowed, bellhop.url);
    await expect.poll(() => complaints.list.some((c) => /frame-ancestors|X-Frame-Options/.test(c))).toBe(true);
    await page.close();
  });

  it("shows one app: another's endpoint is not there", async () => {
    const page = await browser.newPage();
    await page.goto((await link("editor")).url);
    await page.getByRole("heading", { name: "Endpoints", level: 1 }).waitFor();
    expect(page.url()).not.toContain("bh_");
    expect(await page.locator("body").innerText()).not.toContain("Rival");
    for (const path of [`/endpoints/${foreign}`, `/endpoints/${foreign}/edit`]) {
      await page.goto(`${bellhop.url}/portal${path}`);
      await settled(page);
      await page.getByText(/no such endpoint|There is no endpoint/i).first().waitFor();
      expect(await page.locator("body").innerText()).not.toContain("Rival");
    }
    for (const path of ["/keys", "/audit", "/settings"]) {
      await page.goto(`${bellhop.url}/portal${path}`);
      await settled(page);
      expect(await page.getByRole("table").count(), path).toBe(0);
    }
    await page.close();
  });

  it("of a viewer shows everything and changes nothing", async () => {
    const page = await browser.newPage();
    const { url, token } = await link("viewer");
    await page.goto(url);
    await page.getByRole("link", { name: "Ours" }).click();
    await page.getByRole("heading", { name: "Ours", level: 1 }).waitFor();
    await settled(page);
    for (const name of ["Pause", "Edit", "Send test", "More actions"]) expect(await page.getByRole("button", { name }).count(), name).toBe(0);
    await page.goto(`${bellhop.url}/portal/endpoints`);
    await page.getByRole("link", { name: "Ours" }).waitFor();
    expect(await page.getByRole("link", { name: "New endpoint" }).count()).toBe(0);
    // Nor does the API let its token change anything.
    const answer = await bellhop.api(token).POST("/v1/endpoints/{id}/pause", { params: { path: { id: own } } });
    expect(answer.response.status).toBe(403);
    await page.close();
  });

  it("ends when it is revoked, and says where to go", async () => {
    const page = await browser.newPage();
    const { id, url } = await link("editor");
    await page.goto(url);
    await page.getByRole("link", { name: "Ours" }).waitFor();
    await given(bellhop.api().DELETE("/v1/keys/{id}", { params: { path: { id } } }));
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Events" }).click();
    await page.getByRole("heading", { name: "This link has ended" }).waitFor();
    await page.getByText("Go back to Acme Events").waitFor();
    await expectAccessible(page, "an ended portal link");
    await page.close();
  });

  it("ends when its time is over, also while somebody looks", async () => {
    const page = await browser.newPage();
    await page.goto((await link("viewer", { expires_in: "3s" })).url);
    await page.getByRole("heading", { name: "Endpoints", level: 1 }).waitFor();
    const navigation = page.getByRole("navigation", { name: "Main" });
    await until(async () => {
      for (const name of ["Events", "Endpoints"]) await navigation.getByRole("link", { name, exact: true }).click({ timeout: 1000 }).catch(() => undefined);
      return page.getByRole("heading", { name: "This link has ended" }).isVisible();
    }, "the link ended");
    await page.close();
  });

  it("is needed: the session of an operator does not open the portal", async () => {
    const context = await signedIn(browser, bellhop);
    const page = await context.newPage();
    await page.goto(`${bellhop.url}/portal/endpoints`);
    await page.getByRole("heading", { name: "This link has ended" }).waitFor();
    await context.close();
  });

  it("is accessible, on a phone and in the dark, in the operator's colour", async () => {
    for (const theme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width: 360, height: 740 }, reducedMotion: "reduce" });
      const page = await context.newPage();
      await page.goto((await link("editor", { theme })).url);
      await page.getByRole("link", { name: "Ours" }).waitFor();
      expect(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme)).toBe(theme);
      for (const path of ["", `/endpoints/${own}`, "/endpoints/new", "/events", "/logs", "/event-types"]) {
        if (path) await page.goto(`${bellhop.url}/portal${path}`);
        await settled(page);
        await expectAccessible(page, `portal${path}, ${theme}`);
        await expectNoSidewaysScroll(page, `portal${path}`);
      }
      await context.close();
    }
  });

  it("speaks the language of its link or of the browser, without overflow on a phone", async () => {
    const words = { en: "Endpoints", de: "Endpunkte", fr: "Endpoints", it: "Endpoint" };
    const tests = { en: "Send test", de: "Test senden", fr: "Envoyer un test", it: "Invia prova" };
    const event = (await given(bellhop.api().GET("/v1/events", { params: { query: { app: "acme" } } }))).data[0]!.id;
    for (const [lang, word] of Object.entries(words)) {
      const context = await browser.newContext({ locale: "en-GB", viewport: { width: 390, height: 800 }, reducedMotion: "reduce" });
      const page = await context.newPage();
      const complaints = new Complaints(page);
      await page.goto((await link("editor", { lang })).url);
      await page.getByRole("heading", { name: word, exact: true, level: 1 }).waitFor();
      expect(new URL(page.url()).search).toBe("");
      expect(await page.evaluate(() => document.documentElement.lang)).toBe(lang);
      for (const path of ["", `/endpoints/${own}`, `/endpoints/${own}?tab=settings`, "/endpoints/new", "/events", `/events/${event}`, "/logs", "/event-types", "/check", "/notices", "/nowhere"]) {
        if (path) await page.goto(`${bellhop.url}/portal${path}`);
        await settled(page);
        if (path === `/endpoints/${own}`) await page.getByRole("button", { name: tests[lang as keyof typeof tests], exact: true }).waitFor();
        await expectNoSidewaysScroll(page, `portal${path} in ${lang}`);
        if (lang === "de") await expectAccessible(page, `portal${path} in ${lang}`);
      }
      complaints.expectNone();
      await context.close();
    }
  }, 180_000);

  it("falls back to the browser's language, or English, and keeps what is chosen in the menu", async () => {
    for (const [locale, lang, spoken] of [["fr-CH", "pt-BR", "fr"], ["pt-BR", undefined, "en"], ["it-IT", undefined, "it"]] as const) {
      const context = await browser.newContext({ locale, reducedMotion: "reduce" });
      const page = await context.newPage();
      await page.goto((await link("viewer", lang ? { lang } : {})).url);
      await settled(page);
      expect(await page.evaluate(() => document.documentElement.lang), locale).toBe(spoken);
      if (spoken === "en") {
        await page.getByRole("button", { name: "View" }).click();
        await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
        await page.getByRole("heading", { name: "Endpunkte", exact: true, level: 1 }).waitFor();
        await page.reload();
        await page.getByRole("heading", { name: "Endpunkte", exact: true, level: 1 }).waitFor();
      }
      await context.close();
    }
  });
});
