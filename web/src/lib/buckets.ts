// What the API counted, as charts draw it.
import type { Schemas, Stats } from "../api/client.ts";
import { parseDuration } from "./time.ts";

export interface Percentiles {
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
}

export interface Aligned {
  /** Where the first bucket begins and the range ends, in seconds since 1970. */
  from: number;
  to: number;
  /** Starts of the buckets, in seconds since 1970. */
  times: number[];
  succeeded: number[];
  failed: number[];
  duration: Percentiles;
  latency: Percentiles;
}

/**
 * Puts buckets into a row without gaps. A missing bucket means that there were no
 * attempts: zero as a count, but nothing at all as a length of time.
 */
export function alignBuckets(stats: Pick<Stats, "since" | "until" | "bucket" | "buckets">): Aligned {
  const width = parseDuration(stats.bucket) || 60_000;
  const until = new Date(stats.until).getTime();
  const first = Math.floor(new Date(stats.since).getTime() / width) * width;
  const known = new Map(stats.buckets.map((b) => [new Date(b.start).getTime(), b]));
  const out: Aligned = {
    from: first / 1000, to: until / 1000, times: [], succeeded: [], failed: [],
    duration: { p50: [], p95: [], p99: [] }, latency: { p50: [], p95: [], p99: [] },
  };
  for (let at = first; at < until; at += width) {
    const b = known.get(at);
    out.times.push(at / 1000);
    out.succeeded.push(b?.succeeded ?? 0);
    out.failed.push(b?.failed ?? 0);
    push(out.duration, b?.duration);
    push(out.latency, b?.latency);
  }
  return out;
}

function push(to: Percentiles, p: Schemas["Percentiles"] | undefined) {
  const measured = p && p.p99_ms > 0; // all are 0 where nothing was measured
  to.p50.push(measured ? p.p50_ms : null);
  to.p95.push(measured ? p.p95_ms : null);
  to.p99.push(measured ? p.p99_ms : null);
}
