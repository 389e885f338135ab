import { expect, test } from "vitest";
import { idFault, iframeSnippet, parseNotes, writeNotes } from "./metadata.ts";

test("notes are read and written line by line", () => {
  expect(parseNotes("plan: gold\n\nurl=https://a.example/?x=1\n")).toEqual({ notes: { plan: "gold", url: "https://a.example/?x=1" } });
  expect(writeNotes({ plan: "gold", a: "b" })).toBe("plan: gold\na: b");
  expect(parseNotes(writeNotes({ a: "b: c" }))).toEqual({ notes: { a: "b: c" } });
});

test("a line without a name is refused", () => {
  expect(parseNotes("plan: gold\nnonsense")).toEqual({ error: expect.stringContaining("Line 2") });
  expect(parseNotes("a: 1\na: 2")).toEqual({ error: expect.stringContaining("twice") });
});

test("ids", () => {
  expect(idFault("acme.eu-1_x")).toBeUndefined();
  expect(idFault("")).toBeDefined();
  expect(idFault("a b")).toBeDefined();
});

test("the frame's URL cannot leave its attribute", () => {
  expect(iframeSnippet('https://h/portal#token="><x')).toContain("#token=&quot;>");
});
