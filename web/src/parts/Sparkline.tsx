import { plural, t } from "@lingui/core/macro";
import type { StatsBucket } from "../api/client.ts";

/** How attempts went over time, in small: a bar per bucket, failures red at its foot. */
export function Sparkline({ buckets, since, until, bucketMs, width = 120, height = 24 }: { buckets: StatsBucket[]; since: string; until: string; bucketMs: number; width?: number; height?: number }) {
  const start = Math.floor(new Date(since).getTime() / bucketMs) * bucketMs;
  const slots = Math.max(1, Math.ceil((new Date(until).getTime() - start) / bucketMs));
  const most = Math.max(1, ...buckets.map((b) => b.succeeded + b.failed));
  const step = width / slots;
  const succeeded = buckets.reduce((n, b) => n + b.succeeded, 0);
  const failed = buckets.reduce((n, b) => n + b.failed, 0);
  const label = succeeded + failed === 0 ? t`No attempts` : [plural(succeeded, { one: "# success", other: "# successes" }), plural(failed, { one: "# failure", other: "# failures" })].join(", ");
  return (
    <svg role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`} style={{ display: "block" }}>
      <title>{label}</title>
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} stroke="var(--mantine-color-default-border)" />
      {buckets.map((b) => {
        const x = ((new Date(b.start).getTime() - start) / bucketMs) * step;
        // What happened is seen even beside a bucket with a thousand times as much.
        const bad = b.failed > 0 ? Math.max(2, (b.failed / most) * (height - 1)) : 0;
        const good = b.succeeded > 0 ? Math.max(2, (b.succeeded / most) * (height - 1 - bad)) : 0;
        const w = Math.max(1, step - 0.8);
        return (
          <g key={b.start}>
            <rect x={x} width={w} y={height - bad} height={bad} fill="var(--mantine-color-red-6)" />
            <rect x={x} width={w} y={height - bad - good} height={good} fill="var(--mantine-color-teal-6)" />
          </g>
        );
      })}
    </svg>
  );
}
