// The filters of events and of the log that are behind a button.
import { expect, it } from "vitest";
import { Bellhop, given } from "./bellhop.ts";
import { expectAccessible, launch, settled, signedIn } from "./chromium.ts";

it("has rarely used filters behind a button, and the bar in one row", async () => {
  const [bellhop, browser] = await Promise.all([Bellhop.start("--dev"), launch()]);
  try {
    await given(bellhop.api().PUT("/v1/apps/{id}", { params: { path: { id: "acme" } }, body: {} }));
    for (const channel of ["red", "blue"]) {
      await given(bellhop.api().POST("/v1/events", { body: { app: "acme", type: "invoice.paid", data: {}, channels: [channel], tags: ["vip"] } }));
    }
    const context = await signedIn(browser, bellhop, { viewport: { width: 1280, height: 820 } });
    const page = await context.newPage();
    for (const at of ["events", "logs"]) {
      await page.goto(`${bellhop.url}/${at}`);
      await page.getByRole("button", { name: "More filters" }).click();
      await page.getByRole("textbox", { name: "Channel" }).fill("red");
      await expectAccessible(page, `the filters of ${at}`);
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "More filters: 1" }).click();
      // What is typed counts when it closes, too.
      await page.getByRole("textbox", { name: "Tag" }).fill("vip");
      await page.mouse.click(1260, 780);
      await page.getByRole("button", { name: "More filters: 2" }).waitFor();
      expect(new URL(page.url()).search).toBe("?channel=red&tag=vip");
      await settled(page);
      if (at === "events") {
        await page.getByText("Searched to the end: 1 event found.").waitFor();
        const [first, last] = await Promise.all([page.getByRole("button", { name: "More filters: 2" }).boundingBox(), page.getByRole("button", { name: "Export what is filtered" }).boundingBox()]);
        expect(last?.y).toBe(first?.y);
      }
    }
    await context.close();
  } finally {
    await browser.close();
    await bellhop.stop();
  }
});
