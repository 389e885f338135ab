import { describe, expect, it } from "vitest";
import { constraintsOf, schemaRows, typeOf } from "./schemaRows.ts";

const brief = (schema: unknown) => schemaRows(schema).map((r) => `${"  ".repeat(r.depth)}${r.name}: ${r.type}${r.required ? "!" : ""}${r.cut ? ` (${r.cut})` : ""}`);

describe("schemaRows", () => {
  it("has a row for each field, nested ones indented", () => {
    const schema = {
      type: "object",
      required: ["total"],
      properties: {
        total: { type: "string", pattern: "^\\d+$", description: "Amount." },
        customer: { type: "object", required: ["email"], properties: { email: { type: "string", format: "email" }, name: { type: ["string", "null"] } } },
        paid: { type: "boolean", deprecated: true },
      },
    };
    expect(brief(schema)).toEqual(["total: text!", "customer: object", "  email: text!", "  name: text or null", "paid: true or false"]);
    expect(schemaRows(schema)[0]).toMatchObject({ path: "total", description: "Amount.", constraints: ["matches ^\\d+$"] });
    expect(schemaRows(schema)[2]).toMatchObject({ path: "customer.email", constraints: ["format email"] });
    expect(schemaRows(schema)[4]).toMatchObject({ deprecated: true });
  });

  it("flattens lists", () => {
    const rows = schemaRows({
      properties: {
        lines: { type: "array", minItems: 1, items: { type: "object", required: ["sku"], properties: { sku: { type: "string" }, tags: { type: "array", items: { type: "string" } } } } },
        amounts: { type: "array", items: { type: "integer", minimum: 1 } },
        grid: { type: "array", items: { type: "array", items: { type: "number" } } },
        pair: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
      },
    });
    expect(rows.map((r) => `${r.path} ${r.type}`)).toEqual([
      "lines list of objects", "lines[].sku text", "lines[].tags list of texts",
      "amounts list of whole numbers", "amounts[] whole number",
      "grid list of list of numbers", "grid[] list of numbers",
      "pair list", "pair[0] text", "pair[1] number",
    ]);
    expect(rows[0]!.constraints).toEqual(["at least 1 item"]);
    expect(rows[4]!.constraints).toEqual(["at least 1"]);
    expect(rows[1]!.depth).toBe(1);
  });

  it("follows references within the document", () => {
    expect(brief({
      $ref: "#/$defs/order",
      $defs: {
        order: { type: "object", properties: { to: { $ref: "#/$defs/a~1b%20c" }, at: { $ref: "#when", description: "Beside." } } },
        "a/b c": { type: "object", properties: { city: { type: "string" } } },
        w: { $anchor: "when", type: "string", format: "date-time", description: "From afar." },
      },
    })).toEqual(["to: object", "  city: text", "at: text"]);
    expect(schemaRows({ properties: { at: { $ref: "#/$defs/w", description: "Beside." } }, $defs: { w: { type: "string", format: "date", description: "From afar." } } })[0])
      .toMatchObject({ type: "text", description: "Beside.", constraints: ["format date"] });
  });

  it("says so where a reference leads nowhere or away", () => {
    expect(brief({ properties: { a: { $ref: "#/$defs/none" }, b: { $ref: "https://example.com/x.json" } } }))
      .toEqual(["a: any (see #/$defs/none)", "b: any (see https://example.com/x.json)"]);
  });

  it("ends where a schema contains itself", () => {
    expect(brief({ type: "object", properties: { name: { type: "string" }, child: { $ref: "#" }, children: { type: "array", items: { $ref: "#" } } } }))
      .toEqual(["name: text", "child: object (as the whole above)", "children: list of objects", "  each item: object (as the whole above)"]);
    expect(brief({ properties: { root: { $ref: "#/$defs/node" } }, $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } } } } }))
      .toEqual(["root: object", "  next: object (as node above)"]);
    expect(brief({ $ref: "#" })).toEqual([]);
    expect(brief({ $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } })).toEqual([]);
    expect(brief({ properties: { x: { allOf: [{ $ref: "#/properties/x" }], type: "string" } } })).toEqual(["x: text"]);
  });

  it("shows the same part twice where it is used twice", () => {
    expect(brief({ properties: { from: { $ref: "#/$defs/p" }, to: { $ref: "#/$defs/p" } }, $defs: { p: { type: "object", properties: { x: { type: "number" } } } } }))
      .toEqual(["from: object", "  x: number", "to: object", "  x: number"]);
  });

  it("takes allOf as one", () => {
    expect(brief({ allOf: [{ properties: { a: { type: "string" } }, required: ["a"] }, { $ref: "#/$defs/b" }], properties: { c: {} }, required: ["c"], $defs: { b: { properties: { b: { type: "number" } } } } }))
      .toEqual(["b: number", "a: text!", "c: any!"]);
  });

  it("lists alternatives, each with its fields", () => {
    expect(brief({
      properties: {
        id: { oneOf: [{ type: "string" }, { type: "integer" }] },
        by: { anyOf: [{ title: "Card", type: "object", properties: { last4: { type: "string" } } }, { $ref: "#/$defs/cash" }, { type: "null" }] },
      },
      $defs: { cash: { type: "object", properties: { till: { type: "integer" } } } },
    })).toEqual([
      "id: text or whole number",
      "by: object or null", "  Any of these: Card: object", "    last4: text", "  Any of these: cash: object", "    till: whole number", "  Any of these: 3: null",
    ]);
    expect(brief({ oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] })).toEqual(["One of these: 1: object", "  a: any", "One of these: 2: object", "  b: any"]);
  });

  it("names what is required but not described, and other fields", () => {
    expect(brief({ type: "object", required: ["total"] })).toEqual(["(the data): object!", "total: any!"]);
    expect(brief({ properties: { a: true, b: false }, additionalProperties: { type: "number" }, patternProperties: { "^x-": { type: "string" } } }))
      .toEqual(["a: any", "b: none", "fields like ^x-: text", "every other field: number"]);
  });

  it("has a row for data that is no object", () => {
    expect(brief({ type: "string", maxLength: 5 })).toEqual(["(the data): text!"]);
    expect(brief({ type: "array", items: { type: "object", properties: { a: {} } } })).toEqual(["(the data): list of objects!", "a: any"]);
  });

  it("has nothing to say about what is no schema", () => {
    for (const s of [undefined, null, true, false, 1, "x", []]) expect(schemaRows(s)).toEqual([]);
  });

  it("is bounded in depth and length", () => {
    let deep: object = { type: "string" };
    for (let i = 0; i < 2000; i++) deep = { type: "object", properties: { a: deep } };
    const rows = schemaRows(deep);
    expect(rows.length).toBeLessThan(20);
    expect(rows.at(-1)!.cut).toBe("nested further");
    let lists: object = { type: "string", minLength: 1 };
    for (let i = 0; i < 2000; i++) lists = { type: "array", items: lists };
    expect(schemaRows(lists).length).toBeLessThan(20);
    const wide = { properties: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`f${i}`, { type: "string" }])) };
    expect(schemaRows(wide)).toHaveLength(1000);
    // Each level refers twice to the next: 2^40 rows, if nobody counted.
    const defs: Record<string, object> = { d40: { type: "string" } };
    for (let i = 0; i < 40; i++) defs[`d${i}`] = { properties: { a: { $ref: `#/$defs/d${i + 1}` }, b: { $ref: `#/$defs/d${i + 1}` } } };
    expect(schemaRows({ $ref: "#/$defs/d0", $defs: defs })).toHaveLength(1000);
    const alternatives: Record<string, object> = { d40: { type: "string" } };
    for (let i = 0; i < 40; i++) alternatives[`d${i}`] = { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] };
    expect(schemaRows({ $ref: "#/$defs/d0", $defs: alternatives }).length).toBeLessThanOrEqual(1000);
    const parts: Record<string, object> = { d40: { properties: { end: { type: "string" } } } };
    for (let i = 0; i < 40; i++) parts[`d${i}`] = { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] };
    expect(schemaRows({ properties: { x: { $ref: "#/$defs/d0" } }, $defs: parts }).length).toBeLessThanOrEqual(1000);
  });

  it("does not trip over names of Object's own", () => {
    expect(brief(JSON.parse('{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"number"}},"required":["toString"]}')))
      .toEqual(["__proto__: text", "constructor: number", "toString: any!"]);
    expect(brief({ properties: { a: { $ref: "#/constructor" } } })).toEqual(["a: any (see #/constructor)"]);
  });
});

describe("typeOf", () => {
  it.each([
    [{}, "any"], [{ const: "x" }, "text"], [{ enum: ["a", 1, null] }, "text, whole number, or null"], [{ items: { type: "string" } }, "list of texts"],
    [{ type: "array" }, "list"], [{ type: ["array", "null"], items: { type: "object" } }, "list of objects or null"], [{ type: "weird" }, "weird"], [{ required: ["a"] }, "object"],
  ])("%j is %s", (schema, text) => expect(typeOf(schema)).toBe(text));
});

it("constraintsOf puts limits into words", () => {
  expect(constraintsOf({
    enum: ["a", 2], minimum: 0, exclusiveMaximum: 10, multipleOf: 0.5, minLength: 1, maxLength: 2, maxItems: 3, uniqueItems: true, additionalProperties: false, default: "a",
  })).toEqual(["one of a, 2", "at least 0", "less than 10", "a multiple of 0.5", "at least 1 character", "at most 2 characters", "at most 3 items", "no item twice", "no other fields", "\"a\" if left out"]);
  expect(constraintsOf({ const: { a: 1 } })).toEqual(["always {\"a\":1}"]);
  expect(constraintsOf({ minimum: "weird", format: 3, minLength: {} })).toEqual(["format 3", "at least weird"]);
});
