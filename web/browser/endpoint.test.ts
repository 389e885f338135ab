// What an administrator does to an endpoint that works: pause it, rotate its secret,
// send past events again.
import { createHmac } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bellhop, given, until } from "./bellhop.ts";
import { Complaints, expectAccessible, launch, signedIn } from "./chromium.ts";
import { type Received, Receiver } from "./receiver.ts";

let bellhop: Bellhop;
let browser: Browser;
let receiver: Receiver;
let page: Page;
let complaints: Complaints;
let endpoint: string;
beforeAll(async () => {
  [bellhop, browser, receiver] = await Promise.all([Bellhop.start("--dev"), launch(), Receiver.start()]);
  await bellhop.app("acme");
  endpoint = await bellhop.endpoint("acme", receiver.url, { name: "Bookkeeping", concurrency: 1 });
  page = await (await signedIn(browser, bellhop)).newPage();
  complaints = new Complaints(page);
  await page.goto(`${bellhop.url}/endpoints/${endpoint}`);
});
afterAll(async () => {
  complaints?.expectNone();
  await browser?.close();
  await bellhop?.stop();
  await receiver?.stop();
});

describe("pausing", () => {
  it("holds what comes, says how much, and sends it on resume", async () => {
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Resume" }).waitFor();
    for (let i = 0; i < 3; i++) await bellhop.publish("acme", "invoice.purchase", { i });
    await page.getByRole("region", { name: "Health" }).getByText("3 deliveries are held").waitFor();
    await expectAccessible(page, "a paused endpoint");
    expect(receiver.received).toHaveLength(0);
    await page.getByRole("button", { name: "Resume" }).click();
    await until(() => receiver.received.length === 3, "what was held went out");
    expect(receiver.received.map((r) => (JSON.parse(r.body) as { data: { i: number } }).data.i)).toEqual([0, 1, 2]);
    await page.getByRole("button", { name: "Pause" }).waitFor();
  });
});

describe("rotating the secret", () => {
  it("signs with both until the old one ends", async () => {
    const old = await secrets();
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Rotate secret" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Rotate secret" }).click();
    await page.getByText("The secret was rotated").waitFor();
    await expectAccessible(page, "a rotated secret");
    const both = await secrets();
    expect(both).toHaveLength(2);
    expect(both[1]).toBe(old[0]);

    const before = receiver.received.length;
    await bellhop.publish("acme", "invoice.purchase");
    await until(() => receiver.received.length > before, "the event arrived");
    const request = receiver.received.at(-1)!;
    const sent = String(request.headers["webhook-signature"]).split(" ");
    expect(sent).toEqual(both.map((secret) => signature(secret, request)));
  });
});

describe("sending past events again", () => {
  it("counts first, and then sends", async () => {
    const before = receiver.received.length;
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Send past events again" }).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByRole("radio", { name: /^Every/ }).or(drawer.getByRole("radio", { name: /^All/ })).first().check();
    await drawer.getByRole("button", { name: /^Count/ }).click();
    await drawer.getByRole("button", { name: "Send 4 events again" }).waitFor();
    await expectAccessible(page, "a replay, counted");
    expect(receiver.received).toHaveLength(before);
    await drawer.getByRole("button", { name: "Send 4 events again" }).click();
    await until(() => receiver.received.length === before + 4, "the events were sent again");
  });
});

describe("deleting", () => {
  it("asks first, naming what will be lost", async () => {
    const doomed = await bellhop.endpoint("acme", `${receiver.url}/doomed`, { name: "Doomed", status: "paused", events: ["doomed.*"] });
    await bellhop.publish("acme", "doomed.soon");
    await page.goto(`${bellhop.url}/endpoints/${doomed}`);
    const dialog = page.getByRole("dialog");
    const ask = async () => {
      await page.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Delete" }).click();
      await dialog.getByText("1 delivery that is pending will be canceled and never sent").waitFor();
    };
    await ask();
    await expectAccessible(page, "the question before deleting");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await given(bellhop.api().GET("/v1/endpoints/{id}", { params: { path: { id: doomed } } }));

    await ask();
    const sure = dialog.getByRole("button", { name: /^Delete/ });
    expect(await sure.isDisabled()).toBe(true);
    await dialog.getByRole("textbox").fill("delete");
    await sure.click();
    await page.getByRole("heading", { name: "Endpoints", level: 1 }).waitFor();
    const gone = await bellhop.api().GET("/v1/endpoints/{id}", { params: { path: { id: doomed } } });
    expect(gone.response.status).toBe(404);
  });
});

async function secrets(): Promise<string[]> {
  const answer = await given(bellhop.api().GET("/v1/endpoints/{id}/secret", { params: { path: { id: endpoint } } }));
  return answer.secrets.map((s) => s.secret);
}

/** Standard Webhooks 1.0.0, recomputed here. */
function signature(secret: string, request: Received): string {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${String(request.headers["webhook-id"])}.${String(request.headers["webhook-timestamp"])}.${request.body}`;
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}
