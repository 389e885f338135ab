import { expect, it } from "vitest";
import { rangeOf } from "./range.ts";

it("takes an unknown range for a day", () => {
  expect(rangeOf("7d")).toBe("7d");
  expect(rangeOf("toString")).toBe("24h");
  expect(rangeOf(undefined)).toBe("24h");
});
