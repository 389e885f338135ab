import { expect, it } from "vitest";
import { zonedTime } from "../lib/time.ts";
import { resumedWords } from "./useResume.ts";

it("says with its zone when the first of what waits is tried", () => {
  const next = "2026-11-21T22:14:20Z";
  expect(resumedWords(2, 3, next)).toContain(`The first is tried at ${zonedTime(new Date(next))}.`);
  expect(resumedWords(0, 0, undefined)).toBe("Nothing was held.");
});
