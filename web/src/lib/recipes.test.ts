import { describe, expect, it } from "vitest";
import { byCategory, defaultAddress, paceOf, type Recipe, withSamples } from "./recipes.ts";

const recipe = (more: Partial<Recipe> = {}): Recipe => ({ name: "list", title: "A list", address: {}, sample: { type: "a.b", data: "{}" }, ...more }) as Recipe;

describe("a recipe", () => {
  it("stands under its heading, in the order of the headings", () => {
    const [a, b, c, d] = [recipe({ name: "a", category: "Chat" }), recipe({ name: "b", category: "Doors" }), recipe({ name: "c", category: "Chat" }), recipe({ name: "d" })];
    expect(byCategory([a!, b!, c!, d!]).map(([category, group]) => [category, group.map((r) => r.name)])).toEqual([["Chat", ["a", "c"]], ["Doors", ["b"]], ["Others", ["d"]]]);
  });

  it("has an address that its fields complete", () => {
    const r = recipe({ address: { default: "https://${field.server}.example.com/3.0" } });
    expect(defaultAddress(r, { server: " us21 " })).toBe("https://us21.example.com/3.0");
    expect(defaultAddress(r, {})).toBe("https://….example.com/3.0");
    expect(defaultAddress(recipe(), {})).toBeUndefined();
  });

  it("is shown with samples for what must be given and is not", () => {
    const r = recipe({
      fields: [{ name: "list", required: true }, { name: "status", required: true, default: "on" }, { name: "note" }],
      sample: { type: "a.b", data: "{}", fields: { list: "a1b2", note: "x" } },
    });
    expect(withSamples(r, {})).toEqual({ fields: { list: "a1b2" }, sampled: true });
    expect(withSamples(r, { list: " own ", note: "mine" })).toEqual({ fields: { list: "own", note: "mine" }, sampled: false });
  });

  it("says how much its target takes", () => {
    expect(paceOf({ rate_limit: { per_second: 1 }, concurrency: 1 })).toBe("1 request a second, one at a time");
    expect(paceOf({ rate_limit: { per_second: 0.5 } })).toBe("one request each 2 seconds");
    expect(paceOf({ concurrency: 10 })).toBe("10 at once");
    expect(paceOf({})).toBeUndefined();
  });
});
