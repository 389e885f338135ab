import { describe, expect, it } from "vitest";
import { clockWords, stateOf } from "./words.ts";

describe("a node", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  it("does what it said last, until its lease is over", () => {
    expect(stateOf({ doing: "delivering", lease_until: "2026-03-01T12:00:05Z" }, now).words).toBe("delivering");
    expect(stateOf({ doing: "handing_over", lease_until: "2026-03-01T12:00:05Z" }, now).words).toBe("handing over");
    expect(stateOf({ doing: "delivering", lease_until: "2026-03-01T11:59:59Z" }, now)).toEqual({ words: "silent", color: "red" });
  });
  it("has a clock that is right, ahead or behind", () => {
    expect(clockWords("0s")).toBe("right");
    expect(clockWords("-300ms")).toBe("right");
    expect(clockWords("10m0s")).toBe("10m ahead");
    expect(clockWords("-1h30m0s")).toBe("1h30m behind");
  });
});
