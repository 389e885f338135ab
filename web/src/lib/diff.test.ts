import { describe, expect, it } from "vitest";
import { diffLines } from "./diff.ts";

const shown = (before: string, after: string) => diffLines(before, after).map((l) => ({ same: " ", out: "-", in: "+" })[l.kind] + l.text).join("\n");

describe("diffLines", () => {
  it("shows what was taken away and what was added, where it stands", () => {
    expect(shown("a\nb\nc\nd", "a\nx\nc\nd\ne")).toBe(" a\n-b\n+x\n c\n d\n+e");
    expect(shown("a\nb", "b\na")).toBe("-a\n b\n+a");
    expect(shown("a", "a")).toBe(" a");
    expect(shown("", "a\nb")).toBe("+a\n+b");
    expect(shown("a", "")).toBe("-a");
  });

  it("gives both texts back, and does not try to be clever with very long ones", () => {
    const lines = (seed: number, n: number) => Array.from({ length: n }, (_, i) => String((i * i * seed) % 13)).join("\n");
    for (const [before, after] of [[lines(3, 90), lines(5, 70)], [lines(3, 3000), lines(5, 3000)]] as const) {
      const diff = diffLines(before, after);
      expect(diff.filter((l) => l.kind !== "in").map((l) => l.text).join("\n")).toBe(before);
      expect(diff.filter((l) => l.kind !== "out").map((l) => l.text).join("\n")).toBe(after);
    }
  });
});
