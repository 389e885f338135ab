import { expect, it } from "vitest";
import { jsonFault, hasRoundedNumber, kept, looksAt, measure, pretty } from "./json.ts";

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

it("knows which numbers JavaScript cannot hold", () => {
  for (const n of ["99999999999999.99", "1e400", "-1e-400", "12345678901234567890", "0.1000000000000000055", "9007199254740993"]) expect(hasRoundedNumber(`[${n}]`), n).toBe(true);
  for (const n of ["0", "-0", "0.10", "1.0e3", "1E+2", "118.00", "1e21", "123456789012345680000", "5e-324"]) expect(hasRoundedNumber(`[${n}]`), n).toBe(false);
});

it("indents without changing anything but spaces", () => {
  const text = '{"b":[1e400,99999999999999.99,{}],"a":"x : [y] \\" {","a":[],"10":1.10,"9":{"n":null}}';
  expect(pretty(text)).toBe('{\n  "b": [\n    1e400,\n    99999999999999.99,\n    {}\n  ],\n  "a": "x : [y] \\" {",\n  "a": [],\n  "10": 1.10,\n  "9": {\n    "n": null\n  }\n}');
  expect(pretty(pretty(text))).toBe(pretty(text));
  for (const plain of ['{"a":[1,{"b":[]}],"c":"d"}', "[]", " 12 ", '"x"', "[[[]]]"]) expect(pretty(plain)).toBe(JSON.stringify(JSON.parse(plain), null, 2));
  expect(pretty("{")).toBe("{");
});

it("saves what nobody touched as it was", () => {
  const was = '{ "b":1e400,"a" : 1 }';
  expect(kept(was, pretty(was))).toBe(was);
  expect(kept(was, '{"a":2}')).toBe('{"a":2}');
  expect(kept(undefined, '{"a":2}')).toBe('{"a":2}');
});

it("says why a text is not JSON", () => {
  expect(jsonFault('{"a":1}')).toBeUndefined();
  expect(jsonFault(" ")).toContain("Give some JSON");
  expect(jsonFault("{")).toContain("not JSON");
});
