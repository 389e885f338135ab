import { expect, it } from "vitest";
import { headerLines, headerRows } from "./headers.ts";

it("has a row for each value", () => {
  expect(headerRows({ B: ["1", "2"], a: ["x"], n: null })).toEqual([["a", "x"], ["B", "1"], ["B", "2"]]);
  expect(headerRows(undefined)).toEqual([]);
});

it("has a line for each value", () => {
  expect(headerLines({ "X-A": ["1", "2"], "Content-Type": ["application/json"], "X-None": null })).toBe("Content-Type: application/json\nX-A: 1\nX-A: 2");
  expect(headerLines(undefined)).toBe("");
});
