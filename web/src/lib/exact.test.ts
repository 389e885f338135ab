import { expect, it } from "vitest";
import { Raw, written } from "./exact.ts";

it("writes like JSON.stringify, but for what is raw", () => {
  const value = { a: [1, "x", null, undefined], b: { c: undefined, d: true }, "e\"": "é" };
  expect(written(value)).toBe(JSON.stringify(value));
  expect(written({ filter: new Raw('{ "b": 1e400,  "a": 99999999999999.99 }'), list: [new Raw("1.10")] })).toBe('{"filter":{ "b": 1e400,  "a": 99999999999999.99 },"list":[1.10]}');
});
