import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { reasonOf } from "./reasons.ts";

/** The words that the server's sources give as reasons of attempts. */
function reasonsOf(file: string, constant: RegExp): string[] {
  const source = readFileSync(resolve(import.meta.dirname, "../../..", file), "utf8");
  return [...source.matchAll(constant)].map((m) => m[1]!);
}

describe("reasonOf", () => {
  it("knows every word that an attempt can have", () => {
    const words = new Set([
      ...reasonsOf("internal/safehttp/reason.go", /^\s*Reason\w+\s+(?:Reason\s+)?= "(\w+)"/gm),
      ...reasonsOf("outcome.go", /^\s*Reason\w+\s*= "(\w+)"/gm),
    ]);
    expect(words.size).toBeGreaterThanOrEqual(12);
    const unknown = reasonOf("no such word").advice;
    for (const word of words) {
      const r = reasonOf(word);
      expect.soft(r.advice, word).not.toBe(unknown);
      expect.soft(r.sentence, word).toMatch(/^[A-Z].*\.$/);
      expect.soft(r.advice, word).toMatch(/^[A-Z].*\.$/);
      expect.soft(r.why, word).toMatch(/^[A-Z].*\.$/);
      expect.soft(r.short, word).not.toMatch(/[_.]/);
    }
  });
  it("lets an unknown word stand for itself", () => {
    expect(reasonOf("solar_flare").short).toBe("solar flare");
    expect(reasonOf("solar_flare").sentence).toBe("It failed: solar flare.");
    expect(reasonOf(undefined).short).toBe("unknown cause");
    expect(reasonOf("constructor").short).toBe("constructor");
  });
});
