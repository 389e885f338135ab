import { expect, it } from "vitest";
import { faultOf, ok, Problem, problemOf, splitEvent } from "./client.ts";

it("gives an event's data byte for byte", () => {
  const data = '{ "n":12345678901234567890,\n"data":{"data":1} , "é":"\\u00e9"}';
  const text = `{"id":"evt_1","app":"a","type":"t","subject":"x\\",\\"data\\":1","created_at":"2026-11-21T00:00:00Z","deliveries":1,"data":${data}}\n`;
  const split = splitEvent(text);
  expect(split.data).toBe(data);
  expect(split.event.subject).toBe('x","data":1');
});

it("knows an erased event, which has none", () => {
  expect(splitEvent('{"id":"evt_1","erased":true}').data).toBeUndefined();
});

it("turns refusals into problems", async () => {
  const body = { type: "urn:x", title: "The request is not valid", status: 422, code: "invalid", detail: "Bad.", errors: [{ field: "url", code: "scheme", detail: "must be https" }] };
  const call = Promise.resolve({ error: body, response: new Response(null, { status: 422 }) });
  await expect(ok(call)).rejects.toMatchObject({ status: 422, code: "invalid", errors: body.errors });
  expect(problemOf("<html>", 502).detail).toContain("502");
});

it("says that the server cannot be reached", async () => {
  await expect(ok(Promise.reject(new TypeError("fetch failed")))).rejects.toMatchObject({ code: "unreachable" });
  await expect(ok(Promise.reject(new TypeError("x")))).rejects.toBeInstanceOf(Problem);
});

it("finds what a refusal says about a field", () => {
  const refused = new Problem(422, "invalid", "Bad", "Bad.", [
    { field: "apps[1]", code: "unknown", detail: "is unknown" },
    { field: "since_when", code: "time", detail: "Give a time" },
  ]);
  expect(faultOf(refused, "apps")).toBe("This is unknown");
  expect(faultOf(refused, "apps", "The app")).toBe("The app is unknown");
  expect(faultOf(refused, "since")).toBeUndefined();
  expect(faultOf(refused, "since_when")).toBe("Give a time");
  expect(faultOf(new Error("x"), "apps")).toBeUndefined();
});
