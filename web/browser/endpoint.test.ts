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

describe("checking the receiver", () => {
  it("says what it does with requests good and bad, and what to do", async () => {
    const before = receiver.received.length;
    await page.goto(`${bellhop.url}/endpoints/${endpoint}?tab=secret`);
    await page.getByRole("button", { name: "Check the receiver" }).click();
    const report = page.getByRole("region", { name: "Check the receiver" });
    await report.getByText("3 things are at fault.").waitFor(); // it takes whatever comes
    await report.getByText("It believes anybody").waitFor();
    await report.getByText("set to be sent one request at a time").waitFor();
    expect(receiver.received.length - before).toBe(7);
    await expectAccessible(page, "a receiver, checked");
    await page.goto(`${bellhop.url}/endpoints/${endpoint}`);
  });
});

describe("checking a request", () => {
  it("finds out what happened to what was pasted", async () => {
    const got = receiver.received[0]!;
    await page.goto(`${bellhop.url}/check`);
    await page.getByLabel("Headers").fill(Object.entries(got.headers).map(([name, value]) => `${name}: ${String(value)}`).join("\n"));
    await page.getByLabel("Body").fill(`${got.body}\n`);
    await page.getByRole("button", { name: "Check", exact: true }).click();
    const result = page.getByRole("region", { name: "Result" });
    await result.getByText("a line break was added at its end").waitFor();
    await page.getByLabel("Body").fill(got.body);
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await result.getByText("The request is as it should be").waitFor();
    await result.getByText("Bookkeeping").waitFor(); // whose secret signed it
    await expectAccessible(page, "a request, checked");
    await page.goto(`${bellhop.url}/endpoints/${endpoint}`);
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
      await dialog.getByText("1 delivery that waits will be canceled and never sent").waitFor();
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

describe("saving a form", () => {
  const odd = '{ "n":[99999999999999.99, 1e400],  "a":[ "<x>" ] }';

  it("keeps the bytes of an endpoint's filters that nobody touched, and says what would have matched", async () => {
    await bellhop.app("globex");
    const made = await raw("POST", "/v1/endpoints", `{"url":"${receiver.url}/odd","name":"Odd","filter":${odd},"apps":["acme",{"app":"globex","events":["a.*"],"filter":${odd}}]}`);
    const { id } = JSON.parse(made) as { id: string };
    await page.goto(`${bellhop.url}/endpoints/${id}/edit`);
    await page.getByText("matches", { exact: false }).first().waitFor(); // none of the newest events does
    await page.getByLabel("Description").fill("For the odd ones");
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByRole("heading", { name: "Odd", level: 1 }).waitFor();
    await page.getByText("For the odd ones").first().waitFor();
    await page.getByText("None of the", { exact: false }).first().waitFor();
    let text = await raw("GET", `/v1/endpoints/${id}`);
    expect(text.split(odd)).toHaveLength(3);

    // One app's filter is changed: what else is in the list of apps stays as it was.
    await page.goto(`${bellhop.url}/endpoints/${id}/edit`);
    await page.getByRole("button", { name: "Different by app" }).click();
    await page.getByRole("region", { name: "acme" }).getByLabel("Its own subjects").check();
    await page.getByRole("combobox", { name: "Subjects of acme" }).fill("guest:*");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByRole("heading", { name: "Odd", level: 1 }).waitFor();
    text = await raw("GET", `/v1/endpoints/${id}`);
    expect(text).toContain(`"apps":[{"app":"acme","subjects":["guest:*"]},{"app":"globex","events":["a.*"],"filter":${odd}}]`);
  });

  it("keeps the bytes of an event type's schema and example", async () => {
    const schema = '{"type":"object",  "maximum": 99999999999999.99}';
    await raw("PUT", "/v1/event-types/odd.one", `{"schema":${schema},"example":${odd}}`);
    await page.goto(`${bellhop.url}/event-types/odd.one?edit=1`);
    await page.getByLabel("Description").fill("Something odd.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    // The form shows the text, too.
    await expect.poll(() => raw("GET", "/v1/event-types/odd.one")).toContain("Something odd.");
    const text = await raw("GET", "/v1/event-types/odd.one");
    expect(text).toContain(`"schema":${schema}`);
    expect(text).toContain(`"example":${odd}`);
  });
});

describe("an operator's lock", () => {
  it("is shown with its reason, and leaves an editor nothing to change", async () => {
    const locked = await bellhop.endpoint("acme", `${receiver.url}/locked`, { name: "Held", status: "paused", locked: true, locked_reason: "Floods the receiver." });
    const { token } = await given(bellhop.api().POST("/v1/keys", { body: { role: "editor", apps: ["acme"] } }));
    const context = await signedIn(browser, bellhop, {}, token);
    const editor = await context.newPage();
    await editor.goto(`${bellhop.url}/endpoints/${locked}`);
    await editor.getByText("Locked by the operator").waitFor();
    await editor.getByText("Floods the receiver.").waitFor();
    await expectAccessible(editor, "a locked endpoint");
    for (const name of ["Resume", "Edit", "More actions", "Send test"]) expect(await editor.getByRole("button", { name, exact: true }).or(editor.getByRole("link", { name, exact: true })).count(), name).toBe(0);
    await editor.goto(`${bellhop.url}/endpoints/${locked}/edit`);
    await editor.getByText("Locked by the operator").waitFor();
    expect(await editor.getByRole("button", { name: "Save changes" }).count()).toBe(0);
    await context.close();

    await page.goto(`${bellhop.url}/endpoints/${locked}`);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();
  });
});

describe("an app's dialects", () => {
  it("are those that an editor may choose, the first being the default", async () => {
    await bellhop.app("shop");
    await given(bellhop.api().PATCH("/v1/apps/{id}", { params: { path: { id: "shop" } }, body: { dialects: ["shopify", "standard"] } }));
    const { token } = await given(bellhop.api().POST("/v1/keys", { body: { role: "editor", apps: ["shop"] } }));
    const context = await signedIn(browser, bellhop, {}, token);
    const editor = await context.newPage();
    await editor.goto(`${bellhop.url}/endpoints/new`);
    await editor.getByText("Dialect shopify, the default").waitFor();
    await editor.getByRole("button", { name: "How requests look" }).click();
    await editor.getByRole("combobox", { name: "Dialect" }).or(editor.getByRole("textbox", { name: "Dialect" })).first().click();
    expect(await editor.getByRole("option").filter({ visible: true }).allInnerTexts()).toEqual([expect.stringMatching(/^standard/), expect.stringMatching(/^shopify/)]);
    await editor.keyboard.press("Escape");
    await editor.getByLabel(/^Option /).first().fill("acme.example");
    await editor.getByRole("textbox", { name: "URL" }).fill(`${receiver.url}/shop`);
    await editor.getByRole("button", { name: "Create endpoint" }).click();
    await editor.getByText("Keep the signing secret now").waitFor();
    const { data } = await given(bellhop.api().GET("/v1/endpoints", { params: { query: { app: "shop" } } }));
    expect(data).toMatchObject([{ dialect: "shopify" }]);
    expect(Object.values(data[0]!.dialect_options ?? {})).toEqual(["acme.example"]);
    await context.close();
  });
});

/** A call of the API whose body and answer are texts. */
async function raw(method: string, path: string, body?: string): Promise<string> {
  const answer = await fetch(bellhop.url + path, { method, headers: { Authorization: `Bearer ${bellhop.adminKey}`, "Content-Type": "application/json" }, body });
  const text = await answer.text();
  expect(answer.ok, text).toBe(true);
  return text;
}

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
