import { describe, expect, it } from "vitest";
import { checkRange, fromField, presetRange, rangeLabel, toField } from "./range.ts";

describe("ranges of time", () => {
  it("fields hold the viewer's time, the address ISO", () => {
    const iso = "2026-11-22T14:02:11.000Z";
    expect(fromField(toField(iso))).toBe(iso);
    expect(toField(iso)).toMatch(/^2026-11-2[123]T\d\d:\d\d:11$/);
  });
  it("takes what is no time as none", () => {
    expect(toField(undefined)).toBe("");
    expect(toField("yesterday")).toBe("");
    expect(fromField("")).toBeUndefined();
    expect(fromField("nonsense")).toBeUndefined();
  });
  it("presets end now", () => {
    expect(presetRange(3_600_000, new Date("2026-11-22T14:02:11.789Z"))).toEqual({ since: "2026-11-22T13:02:11.000Z" });
  });
  it("refuses an end before the beginning", () => {
    expect(checkRange({ since: "2026-11-22T14:00:00Z", until: "2026-11-22T13:00:00Z" })).toMatch(/later/);
    expect(checkRange({ since: "2026-11-22T14:00:00Z", until: "2026-11-22T14:00:00Z" })).toMatch(/later/);
    expect(checkRange({ since: "2026-11-22T13:00:00Z", until: "2026-11-22T14:00:00Z" })).toBeUndefined();
    expect(checkRange({ until: "2026-11-22T14:00:00Z" })).toBeUndefined();
  });
  it("names the end that is no time", () => {
    expect(checkRange({ since: "yesterday" })).toMatch(/^The beginning in the address is no time/);
    expect(checkRange({ since: "2026-11-22T14:00:00Z", until: "2026-11-23" })).toMatch(/^The end in the address is no time/);
    expect(checkRange({ since: "2026-11-22T14:00:00" })).toMatch(/no time/);
    for (const since of ["2026-11-22T14:00:00.123Z", "2026-11-22t14:00:00+01:00", "2016-12-31T23:59:60Z"]) expect(checkRange({ since })).toBeUndefined();
  });
  it("says itself in words", () => {
    expect(rangeLabel({})).toBe("Any time");
    expect(rangeLabel({ since: "2026-11-22T13:00:00Z" })).toMatch(/^Since /);
    expect(rangeLabel({ until: "2026-11-22T13:00:00Z" })).toMatch(/^Before /);
    expect(rangeLabel({ since: "2026-11-22T13:00:00Z", until: "2026-11-22T14:00:00Z" })).toContain(" – ");
    expect(rangeLabel({ since: "nonsense" })).toBe("Since nonsense");
  });
});
