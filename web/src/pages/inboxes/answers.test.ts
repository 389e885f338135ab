import { expect, test } from "vitest";
import { answerWords, timeLeft } from "./answers.ts";

test("what is left of an inbox's life", () => {
  expect(timeLeft(-5)).toBe("expired");
  expect(timeLeft(8500)).toBe("9 s");
  expect(timeLeft(249_000)).toBe("4 min 9 s");
  expect(timeLeft(3_600_000 + 12 * 60_000)).toBe("1 h 12 min");
});

test("an answer that is not in the list is its number", () => {
  expect(answerWords(500)).toBe("500 Internal server error");
  expect(answerWords(418)).toBe("418");
});
