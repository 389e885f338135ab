import { expect, test } from "vitest";
import { answerExtras, answerWords, changeOf, draftOf, failures, timeLeft } from "./answers.ts";

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

const plain = { answer_status: 200, fail_status: 500 };
const programmed = {
  answer_status: 202, answer_body: '{"pin":"4711"}', answer_headers: { "Content-Type": "application/json", "Retry-After": "30", "X-Mine": "1" },
  answer_delay: "1m1s250ms", fail_first: 5, fail_left: 3, fail_status: 503,
};

test("what is particular about an answer", () => {
  expect(answerExtras(plain)).toBe("");
  expect(answerExtras({ ...plain, fail_left: 1 })).toBe("the next 1 request with 500 Internal server error");
  expect(answerExtras(programmed)).toBe("the next 3 requests with 503 Unavailable; after 1m1s250ms; with a text of its own; with Content-Type, Retry-After, X-Mine");
});

test("a form that changes nothing leaves the answer as it is", () => {
  expect(changeOf(draftOf(plain))).toEqual({ answer_status: 200, answer_delay: "0ms", answer_body: "", answer_headers: {}, fail_first: 0, fail_status: 500 });
  const draft = draftOf(programmed);
  expect(draft).toMatchObject({ delay: 61.25, failFirst: 3, contentType: "application/json", retryAfter: 30, headers: { "X-Mine": "1" } });
  expect(changeOf(draft)).toEqual({
    answer_status: 202, answer_delay: "61250ms", answer_body: '{"pin":"4711"}', fail_first: 3, fail_status: 503,
    answer_headers: { "Content-Type": "application/json", "Retry-After": "30", "X-Mine": "1" },
  });
});

test("a failure of one's own can be chosen, too", () => {
  expect(failures(500).some((f) => f.value === "200")).toBe(false);
  expect(failures(418).at(-1)).toEqual({ value: "418", label: "418" });
});
