// Makes the pictures of docs/images from the real binary with some minutes of
// traffic. SECONDS says how many seconds of it.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { it } from "vitest";
import { Bellhop, given } from "./bellhop.ts";
import { launch, settled, signedIn } from "./chromium.ts";
import { Receiver } from "./receiver.ts";
import { fill } from "./sample.ts";

const folder = resolve(import.meta.dirname, "../../docs/images");

it("takes pictures", async () => {
  const seconds = Number(process.env.SECONDS ?? 240);
  const [bellhop, browser, good, bad] = await Promise.all([
    Bellhop.start("--dev", "--portal-name", "Acme Events", "--portal-color", "#0b7285"), launch(), Receiver.start(), Receiver.start(),
  ]);
  try {
    mkdirSync(folder, { recursive: true });
    const sample = await fill(bellhop, good, bad);
    await traffic(bellhop, good, seconds);
    const portal = await given(bellhop.api().POST("/v1/portal-links", { body: { app: "acme", role: "editor" } }));
    const shots: [string, string][] = [
      ["overview", "/?range=15m"],
      ["endpoints", "/endpoints"],
      ["endpoint", `/endpoints/${sample.failing}?range=1h`],
      ["new-endpoint", "/endpoints/new?app=acme"],
      ["event", `/events/${sample.event}`],
      ["logs", "/logs?status=failed"],
      ["event-type", "/event-types/invoice.purchase"],
      ["inbox", `/inboxes/${sample.inbox}`],
    ];
    for (const colorScheme of ["light", "dark"] as const) {
      const context = await signedIn(browser, bellhop, { colorScheme, viewport: { width: 1280, height: 820 } });
      const page = await context.newPage();
      const shoot = async (name: string, address: string) => {
        await page.goto(address);
        await settled(page);
        await page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => undefined); // pages that poll are never idle
        await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png` });
      };
      for (const [name, path] of shots) await shoot(name, bellhop.url + path);
      await shoot("portal", portal.url);
      await page.setViewportSize({ width: 390, height: 800 });
      await shoot("phone", `${bellhop.url}/endpoints/${sample.failing}`);
      await context.close();
    }
  } finally {
    await browser.close();
    await bellhop.stop();
    await Promise.all([good.stop(), bad.stop()]);
  }
});

/** Publishes at a rate that comes and goes, to a receiver that has its moods. */
async function traffic(bellhop: Bellhop, good: Receiver, seconds: number): Promise<void> {
  const types = ["invoice.purchase", "invoice.purchase", "invoice.refund", "ticket.created", "ticket.updated"];
  const end = Date.now() + seconds * 1000;
  for (let n = 0; Date.now() < end; n++) {
    const left = end - Date.now();
    const perSecond = 12 + 8 * Math.sin(n / 40) + 4 * Math.sin(n / 7);
    good.status = n % 97 === 0 ? 500 : 200;
    good.delay = 8 + 30 * Math.abs(Math.sin(n / 25)) + (n % 31 === 0 ? 180 : 0);
    await bellhop.publish(n % 5 === 4 ? "harbour" : "acme", types[n % types.length]!, { id: n, total: `${(n % 300) + 0.9}`, currency: "CAD" }, { subject: `invoice:${n % 40}` });
    await new Promise((next) => setTimeout(next, Math.min(left, 1000 / Math.max(1, perSecond))));
  }
}
