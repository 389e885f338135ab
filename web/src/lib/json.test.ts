import { expect, it } from "vitest";
import { jsonFault, looksAt, measure, pretty, prettyExactly } from "./json.ts";

it("shows objects and arrays as a tree", () => {
  expect(looksAt('{"a":[1,2]}').value).toEqual({ a: [1, 2] });
  expect(looksAt("12").value).toBeUndefined();
});

it("does not choke on hostile nesting", () => {
  const deep = 5000;
  const look = looksAt("[".repeat(deep) + "]".repeat(deep));
  expect(look.value).toBeUndefined();
  expect(look.note).toContain("5000 levels");
  expect(measure(JSON.parse("[[[]]]"))).toEqual({ nodes: 3, depth: 3 });
});

it("does not make a tree of very many values", () => {
  expect(looksAt(JSON.stringify(Array.from({ length: 10_000 }, (_, i) => i))).value).toBeUndefined();
});

it("says when a number is more than a browser can hold", () => {
  expect(looksAt('{"id":12345678901234567890}').note).toContain("rounded");
  expect(looksAt('{"id":"12345678901234567890"}').note).toBeUndefined();
  expect(looksAt('{"a":"\\"12345678901234567890"}').note).toBeUndefined();
  expect(looksAt('{"price":118.00,"n":-5e3}').note).toBeUndefined();
});

it("leaves alone what is not JSON", () => {
  expect(pretty("<b>hi")).toBe("<b>hi");
  expect(looksAt("<b>hi").note).toContain("not JSON");
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
});

it("does not round what is sent back", () => {
  expect(prettyExactly('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(prettyExactly('{"id":12345678901234567890}')).toBe('{"id":12345678901234567890}');
  expect(prettyExactly("{")).toBe("{");
});

it("says why a text is not JSON", () => {
  expect(jsonFault('{"a":1}')).toBeUndefined();
  expect(jsonFault(" ")).toContain("Give some JSON");
  expect(jsonFault("{")).toContain("not JSON");
});
