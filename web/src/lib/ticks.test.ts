import { expect, it } from "vitest";
import { timeTicks } from "./ticks.ts";

const at = (day: number, hour: number) => new Date(2027, 5, day, hour).getTime() / 1000;

it("says the day where one begins", () => {
  const names = timeTicks([at(1, 18), at(2, 0), at(2, 6)], 6 * 3600);
  expect(names.map((n) => n.includes("\n"))).toEqual([true, true, false]);
  expect(timeTicks([at(1, 0), at(3, 0)], 2 * 86_400).join()).not.toContain(":");
});
