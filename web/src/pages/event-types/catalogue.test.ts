import { describe, expect, it } from "vitest";
import type { EventType } from "../../api/client.ts";
import { editable, groupTypes, listensBy, putText } from "./catalogue.ts";

const type = (name: string, more: Partial<EventType> = {}): EventType => ({ name, validate: false, archived: false, deprecated: false, created_at: "", updated_at: "", ...more });

describe("groupTypes", () => {
  const types = [type("ping"), type("invoice.paid", { description: "Money came." }), type("guest.in"), type("invoice.draft", { archived: true }), type("invoice.refund")];
  const names = (search?: string) => groupTypes(types, search).map((g) => [g.prefix, ...g.types.map((t) => t.name)]);
  it("groups by the first part, archived ones last", () => {
    expect(names()).toEqual([["guest", "guest.in"], ["invoice", "invoice.paid", "invoice.refund", "invoice.draft"], ["", "ping"]]);
  });
  it("puts types that have a group under it, before the others", () => {
    const grouped = [...types, type("zebra.born", { group: "Animals" }), type("ant.born", { group: "Animals" })];
    expect(groupTypes(grouped).map((g) => [g.named, g.prefix, g.types.length])).toEqual([[true, "Animals", 2], [false, "guest", 1], [false, "invoice", 3], [false, "", 1]]);
    expect(groupTypes(grouped, "animals").map((g) => g.types.map((t) => t.name))).toEqual([["ant.born", "zebra.born"]]);
  });
  it("finds words of name and description", () => {
    expect(names("MONEY inv")).toEqual([["invoice", "invoice.paid"]]);
    expect(names("nothing")).toEqual([]);
  });
});

it("indents, but never changes a number", () => {
  expect(editable('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(editable('{"a":12345678901234567890}')).toBe('{\n  "a": 12345678901234567890\n}');
  expect(editable(undefined)).toBe("");
});

const plain = { group: "", schemaVersion: "", deprecated: false, featureFlags: [] };

it("puts back byte for byte what nobody touched", () => {
  const began = { schema: '{"maximum" :99999999999999.99,  "a":[ ]}', example: '{"z":1e400,"a":1.0}', earlierSchemas: undefined };
  const form = { ...plain, description: "Other words", schema: editable(began.schema), example: editable(began.example), validate: true, archived: false };
  expect(form.schema).not.toBe(began.schema);
  expect(putText(form, began)).toBe(`{"description":"Other words","validate":true,"archived":false,"schema":${began.schema},"example":${began.example}}`);
  // And where something was touched, the rest keeps its numbers.
  expect(putText({ ...form, example: form.example.replace('"a"', '"b"') }, began)).toContain('"z": 1e400');
});

it("puts texts in as they are", () => {
  const text = putText({ ...plain, description: 'A "b"', schema: " {}", example: '{"n":12345678901234567890}', validate: true, archived: false });
  expect(text).toBe('{"description":"A \\"b\\"","validate":true,"archived":false,"schema": {},"example":{"n":12345678901234567890}}');
  expect(JSON.parse(putText({ ...plain, description: "", schema: "", example: " ", validate: false, archived: true }))).toEqual({ description: "", validate: false, archived: true });
});

it("loses nothing that a type has besides, since a PUT replaces all", () => {
  const text = putText(
    { description: "", schema: "{}", example: "", validate: false, archived: false, group: " Money ", schemaVersion: "3", deprecated: true, featureFlags: ["beta"] },
    { schema: "{}", example: undefined, earlierSchemas: '{"2":{"maximum":1.0}}' },
  );
  expect(text).toContain('"earlier_schemas":{"2":{"maximum":1.0}}');
  expect(JSON.parse(text)).toMatchObject({ group: "Money", schema_version: "3", deprecated: true, feature_flags: ["beta"] });
});

it("says by what an endpoint listens to a type", () => {
  expect(listensBy([], "a.b")).toBe("all event types");
  expect(listensBy(["x", "a.*"], "a.b")).toBe("a.*");
  expect(listensBy(["x"], "a.b")).toBeUndefined();
  // The server's own events go only to endpoints that name them.
  expect(listensBy([], "bellhop.endpoint.disabled")).toBeUndefined();
  expect(listensBy(["*"], "bellhop.endpoint.disabled")).toBeUndefined();
  expect(listensBy(["bellhop.*"], "bellhop.endpoint.disabled")).toBe("bellhop.*");
});
