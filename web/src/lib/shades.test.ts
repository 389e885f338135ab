import { expect, it } from "vitest";
import { contrast, readable, shades } from "./shades.ts";

it("makes ten shades, light to dark, with the colour among them", () => {
  const made = shades("#0b7285");
  expect(made).toHaveLength(10);
  expect(made[6]).toBe("#0b7285");
  const brightness = made.map((c) => [1, 3, 5].reduce((sum, i) => sum + parseInt(c.slice(i, i + 2), 16), 0));
  expect([...brightness].sort((a, b) => b - a)).toEqual(brightness);
  for (const color of shades("#ffffff").concat(shades("#000000"))) expect(color).toMatch(/^#[0-9a-f]{6}$/);
});

it("makes text of any colour readable", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(readable("#3f5bc0", "#ffffff")).toBe("#3f5bc0");
  for (const color of ["#ffd43b", "#ffffff", "#000000", "#0b2540", "#ff0000"]) {
    for (const ground of ["#f3f3f0", "#2e2e2e"]) expect(contrast(readable(color, ground), ground), `${color} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  }
});
