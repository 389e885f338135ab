import { expect, test } from "vitest";
import type { StatsBucket } from "../api/client.ts";
import { alignBuckets } from "./buckets.ts";

function bucket(start: number, succeeded: number, failed: number, p: number): StatsBucket {
  const percentiles = { p50_ms: p, p95_ms: p * 2, p99_ms: p * 3 };
  return { start: new Date(start).toISOString(), succeeded, failed, exhausted: 0, duration_ms: 0, max_duration_ms: 0, duration: percentiles, latency: { p50_ms: 0, p95_ms: 0, p99_ms: 0 } };
}

function align(buckets: StatsBucket[], since: number, until: number) {
  return alignBuckets({ since: new Date(since).toISOString(), until: new Date(until).toISOString(), bucket: "1m", buckets });
}

test("missing buckets are zero attempts, and no length of time", () => {
  const a = align([bucket(60_000, 5, 1, 10), bucket(180_000, 2, 0, 20)], 65_000, 241_000);
  expect([a.from, a.to]).toEqual([60, 241]);
  expect(a.times).toEqual([60, 120, 180, 240]);
  expect(a.succeeded).toEqual([5, 0, 2, 0]);
  expect(a.failed).toEqual([1, 0, 0, 0]);
  expect(a.duration.p95).toEqual([20, null, 40, null]);
});

test("a percentile of 0 was not measured", () => {
  const a = align([bucket(0, 0, 3, 10)], 0, 60_000);
  expect(a.latency.p50).toEqual([null]);
  expect(a.duration.p50).toEqual([10]);
});

test("a range without buckets is all zero", () => {
  expect(align([], 0, 180_000).succeeded).toEqual([0, 0, 0]);
});
