import { expect, test } from "vitest";
import { calm } from "./Trouble.tsx";
import { rangeOf } from "./range.ts";
import { holdSamples } from "./series.ts";
import { perSecond, successShare, trend, trendOfShare } from "./trend.ts";

test("a sample holds until the next one, and a peak between steps is seen", () => {
  const at = (s: number, pending: number) => ({ at: new Date(s * 1000).toISOString(), pending, oldest_age_ms: 0 });
  const level = holdSamples([at(15, 4), at(32, 90), at(38, 7)], 0, 60_000, 6);
  expect(level.times).toEqual([0, 10, 20, 30, 40, 50, 60]);
  expect(level.values).toEqual([null, null, 4, 4, 90, 7, 7]);
});

test("a sample of before the range holds from its start", () => {
  const level = holdSamples([{ at: new Date(0).toISOString(), pending: 3, oldest_age_ms: 0 }], 60_000, 120_000, 2);
  expect(level.values).toEqual([3, 3, 3]);
});

test("trends", () => {
  expect(trend(112, 100)).toEqual({ direction: "up", words: "12 % more" });
  expect(trend(50, 100, { more: "slower", less: "faster" })).toEqual({ direction: "down", words: "50 % faster" });
  expect(trend(100.1, 100)?.direction).toBe("same");
  expect(trend(5000, 100)).toEqual({ direction: "up", words: "50 times as much" });
  expect(trend(5, 0)).toBeUndefined();
  expect(trendOfShare(0.999, 0.95)?.words).toBe("4.9 points more");
  expect(trendOfShare(0.9999, 1)?.words).toBe("0.01 points less");
  expect(trendOfShare(undefined, 1)).toBeUndefined();
  expect(successShare({ succeeded: 0, failed: 0 })).toBeUndefined();
  expect(successShare({ succeeded: 3, failed: 1 })).toBe(0.75);
});

test("rates", () => {
  expect([perSecond(0, 60), perSecond(3, 60), perSecond(190, 60), perSecond(60_000, 60)]).toEqual(["0", "0.05", "3.2", "1,000"]);
});

test("an unknown range is the usual one", () => {
  expect(rangeOf("1h").length).toBe(3_600_000);
  expect(rangeOf("nonsense").value).toBe("24h");
  expect(rangeOf(undefined).value).toBe("24h");
});

test("all is well only where something was taken", () => {
  expect(calm({ succeeded: 9, failed: 1 })).toMatchObject({ good: true, title: "All is well" });
  expect(calm({ succeeded: 0, failed: 12 })).toMatchObject({ good: false, title: "Nothing succeeded" });
  expect(calm({ succeeded: 0, failed: 0 })).toMatchObject({ good: false, title: "Nothing was sent" });
  expect(calm(undefined).good).toBe(false);
});
