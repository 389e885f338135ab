import { t } from "@lingui/core/macro";
import { useMemo } from "react";
import type { Aligned, Percentiles } from "../lib/buckets.ts";
import { shortNumber } from "../lib/text.ts";
import { humanDuration } from "../lib/time.ts";
import { Chart } from "./Chart.tsx";

interface StatsChartProps {
  /** Says what the chart shows, for those who cannot see it. */
  label: string;
  stats: Aligned;
  height?: number;
}

/** Attempts do not come in halves. */
export const wholeNumber = (n: number) => (Number.isInteger(n) ? shortNumber(n) : "");

/** How many attempts succeeded and failed. */
export function OutcomeChart({ label, stats, height }: StatsChartProps) {
  const series = useMemo(
    () => [
      { label: t`Succeeded`, color: "var(--mantine-color-teal-6)", values: stats.succeeded, kind: "area" as const },
      { label: t`Failed`, color: "var(--mantine-color-red-6)", values: stats.failed, kind: "area" as const },
    ],
    [stats],
  );
  return <Chart label={label} times={stats.times} from={stats.from} to={stats.to} series={series} format={wholeNumber} least={4} height={height} />;
}

/** The percentiles of a length of time; the lines differ by more than their colour. */
export function PercentileChart({ label, stats, values, height }: StatsChartProps & { values: Percentiles }) {
  const series = useMemo(
    () => [
      { label: "p50", color: "var(--mantine-color-blue-5)", values: values.p50 },
      { label: "p95", color: "var(--mantine-color-orange-6)", values: values.p95, dash: [6, 3] },
      { label: "p99", color: "var(--mantine-color-grape-5)", values: values.p99, dash: [2, 3] },
    ],
    [values],
  );
  return <Chart label={label} times={stats.times} from={stats.from} to={stats.to} series={series} format={humanDuration} least={10} height={height} />;
}
