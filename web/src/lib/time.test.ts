import { describe, expect, it } from "vitest";
import { formatDuration, humanDuration, parseDuration, relativeTime, shortTime, utcTime, written, zonedTime, zoneOf } from "./time.ts";

describe("durations", () => {
  it("reads what the API writes, and writes it the same", () => {
    for (const text of ["5s", "2m30s", "12h", "7d", "1d12h", "250ms", "0s"]) {
      const ms = parseDuration(text);
      expect(ms).toBeDefined();
      expect(formatDuration(ms!)).toBe(text);
    }
  });
  it("refuses what is none", () => {
    for (const text of ["", "5", "s", "5 s", "1y", "-5s", "5sx"]) expect(parseDuration(text)).toBeUndefined();
  });
  it("takes fractions", () => expect(parseDuration("1.5h")).toBe(5_400_000));
  it.each([[0, "0 ms"], [3.4, "3.4 ms"], [12, "12 ms"], [1500, "1.5 s"], [15_000, "15 s"], [120_000, "2 min"], [43_200_000, "12 h"], [604_800_000, "7 d"]])(
    "says %d ms as %s",
    (ms, text) => expect(humanDuration(ms)).toBe(text),
  );
});

describe("times", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  it("are named in UTC to the millisecond", () => expect(utcTime(new Date("2026-11-21T09:08:07.006Z"))).toBe("2026-11-21 09:08:07.006 UTC"));
  it.each([
    [-1000, "just now"],
    [2000, "in a moment"],
    [-65_000, "1 minute ago"],
    [40_000, "in 40 seconds"],
    [-3 * 3_600_000, "3 hours ago"],
    [-86_400_000, "yesterday"],
  ])("are %d ms away: %s", (ms, text) => expect(relativeTime(new Date(now.getTime() + ms), now)).toBe(text));
});

it("has its zone beside it in a sentence", () => {
  const at = new Date("2026-11-21T09:08:07Z");
  expect(zoneOf(at)).not.toBe("");
  expect(zonedTime(at, at)).toBe(`${shortTime(at, at)} ${zoneOf(at)}`);
});

it("writes no point after p.m.", () => {
  const format = new Intl.DateTimeFormat("en-CA", { hour: "numeric", minute: "2-digit", hour12: true });
  expect(written(format, new Date(2027, 5, 1, 14, 10)).replace(/\s/g, " ")).toBe("2:10 pm");
});
