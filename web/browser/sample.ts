// A small platform with something to see on every page.
import { type Bellhop, given, until } from "./bellhop.ts";
import type { Receiver } from "./receiver.ts";

export interface Sample {
  /** An endpoint that works, one that fails, one that is paused. */
  working: string;
  failing: string;
  paused: string;
  /** One of two apps, which wants something else of each, and is held by the operator. */
  locked: string;
  event: string;
  attempt: string;
  inbox: string;
}

/** Fills a server: two apps, a catalogue, endpoints in every state, events and attempts. */
export async function fill(bellhop: Bellhop, good: Receiver, bad: Receiver): Promise<Sample> {
  const api = bellhop.api();
  bad.status = 503;
  bad.body = "Down for maintenance, back at noon.";
  await given(api.PUT("/v1/apps/{id}", { params: { path: { id: "acme" } }, body: { name: "Acme Events" } }));
  await given(api.PUT("/v1/apps/{id}", { params: { path: { id: "harbour" } }, body: { name: "Harbour Homes" } }));
  for (const [name, description, example] of catalogue) {
    await given(api.PUT("/v1/event-types/{name}", { params: { path: { name } }, body: { description, example, schema: schemaOf(example) } }));
  }
  const endpoint = async (app: string, url: string, more: object) => (await given(api.POST("/v1/endpoints", { body: { apps: [app], url, ...more } }))).id;
  const inbox = (await given(api.POST("/v1/inboxes", { body: { app: "acme" } }))) as { token: string; url: string };
  const working = await endpoint("acme", good.url, { name: "Bookkeeping", events: ["invoice.*"], dialect: "standard" });
  const failing = await endpoint("acme", bad.url, { name: "Door access", events: ["ticket.created", "invoice.purchase"], dialect: "github", retry: ["1h", "2h"] });
  const paused = await endpoint("acme", `${good.url}/crm`, { name: "CRM", dialect: "cloudevents", status: "paused" });
  await endpoint("acme", inbox.url, { name: "Try-out", events: ["booking.*"] });
  await endpoint("harbour", `${good.url}/harbour`, { name: "Tenant portal", subjects: ["ticket:damage-report:*"] });
  const locked = (await given(api.POST("/v1/endpoints", { body: {
    apps: ["acme", { app: "harbour", subjects: ["ticket:*"], filter: { urgent: [true] } }], url: `${good.url}/shared`, name: "Head office",
    description: "Copies everything to the data warehouse.\nAsk the data team before you change it.", filter: { currency: ["CAD"] },
    status: "disabled", locked: true, locked_reason: "Floods the receiver: see ticket 4711.",
  } }))).id;

  let event = "";
  for (let i = 0; i < 30; i++) {
    const [type, , example] = catalogue[i % catalogue.length]!;
    const id = await bellhop.publish(i % 7 === 6 ? "harbour" : "acme", type, example, { subject: `${type.split(".")[0]}:${118 + i}`, id: `order-${i}` });
    if (type === "invoice.purchase" && i % 7 !== 6) event = id;
  }
  let attempt = "";
  await until(async () => {
    const { data } = await given(api.GET("/v1/attempts", { params: { query: { endpoint: failing, status: "failed" } } }));
    attempt = data[0]?.id ?? "";
    return data.length > 5;
  }, "the failing endpoint has failed");
  return { working, failing, paused, locked, event, attempt, inbox: inbox.token };
}

const catalogue: [string, string, Record<string, unknown>][] = [
  ["invoice.purchase", "An order was paid.", { id: 118, total: "123.90", currency: "CAD", customer: { name: "Ada Moreau", email: "ada@example.com" }, items: [{ sku: "GA-1", quantity: 2 }] }],
  ["invoice.refund", "A payment was given back, in whole or in part.", { id: 118, amount: "40.00", currency: "CAD", reason: "requested_by_customer" }],
  ["ticket.created", "A tenant reported something.", { id: 42, category: "damage-report", title: "Water on the floor", urgent: true }],
  ["ticket.updated", "A report changed its state.", { id: 42, status: "in-progress" }],
  ["booking.accepted", "A booking was accepted.", { id: 7, from: "2026-12-01T10:00:00Z", until: "2026-12-01T12:00:00Z", room: "Sauna" }],
];

function schemaOf(example: Record<string, unknown>): object {
  const properties = Object.fromEntries(Object.entries(example).map(([name, value]) => [name, {
    type: Array.isArray(value) ? "array" : typeof value,
    description: `The ${name}.`,
  }]));
  return { type: "object", required: ["id"], properties };
}
