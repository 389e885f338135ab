import { t } from "@lingui/core/macro";
import "uplot/dist/uPlot.min.css";

import { VisuallyHidden } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import { useChoices } from "../lib/choices.ts";
import { timeTicks } from "../lib/ticks.ts";
import { shortTime, zoneOf } from "../lib/time.ts";
import classes from "./Plot.module.css";

export interface Series {
  label: string;
  /** A CSS color. */
  color: string;
  /** One value per time; null where there is none. */
  values: (number | null)[];
  kind?: "line" | "area" | "bars";
  /** Lengths of strokes and gaps, so that lines differ by more than their color. */
  dash?: number[];
}

export interface ChartProps {
  /** Says what the chart shows, for those who cannot see it. */
  label: string;
  /** Seconds since 1970. */
  times: number[];
  series: Series[];
  format?(value: number): string;
  height?: number;
  /** The range shown, in seconds since 1970, also where nothing was measured. */
  from: number;
  to: number;
  /** The least upper end of the value axis. */
  least?: number;
}

/** The places of values that have none beside them. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const there = (i: number) => values[i] !== null && values[i] !== undefined;
  const places: number[] = [];
  for (let i = 0; i < values.length; i++) if (there(i) && !there(i - 1) && !there(i + 1)) places.push(i);
  return places;
}

/** Values without the zeros between zeros: a red line along the axis would look like failures. */
export function withoutFlats(values: (number | null)[]): (number | null)[] {
  return values.map((v, i) => (v === 0 && !values[i - 1] && !values[i + 1] ? null : v));
}

/** The chart itself (uPlot); it is loaded when first needed. */
export default function Plot({ label, times, series, format = String, height = 200, from, to, least = 1 }: ChartProps) {
  const { ref: box, width } = useElementSize<HTMLDivElement>();
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const formatting = useRef(format);
  formatting.current = format;
  const range = useRef({ from, to, least });
  range.current = { from, to, least };
  const { zone } = useChoices();
  const shape = JSON.stringify(series.map((s) => [s.label, s.color, s.kind, s.dash]));
  const data = useMemo(() => [times, ...series.map((s) => (s.kind === "area" ? withoutFlats(s.values) : s.values))] as uPlot.AlignedData, [times, series]);
  const given = useRef(series);
  given.current = series;

  useEffect(() => {
    if (!holder.current || width === 0) return;
    const css = getComputedStyle(document.documentElement);
    const resolve = (color: string) => color.replace(/var\((--[^)]+)\)/, (_, name: string) => css.getPropertyValue(name).trim());
    const ink = resolve("var(--mantine-color-dimmed)");
    const grid = { stroke: resolve("var(--mantine-color-default-border)"), width: 1 };
    const show = (v: number | null) => (v === null || v === undefined ? "–" : formatting.current(v));
    plot.current = new uPlot(
      {
        width,
        height: height - 30,
        ...(zone === "utc" ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), "UTC") } : {}),
        cursor: { points: { size: 7 } },
        scales: {
          x: { range: () => [range.current.from, range.current.to] },
          y: { range: (_, _min, max) => [0, Math.max(max * 1.1, range.current.least)] },
        },
        axes: [
          { stroke: ink, grid: { show: false }, ticks: grid, font: "11px system-ui", space: 70, values: (_, ticks, _axis, _space, apart) => timeTicks(ticks, apart) },
          { stroke: ink, grid, ticks: { show: false }, font: "11px system-ui", size: 62, values: (_, ticks) => ticks.map((t) => formatting.current(t)) },
        ],
        series: [
          { label: timeLabel(), value: (_, v) => (v === null ? "–" : shortTime(new Date(v * 1000))) },
          ...series.map((s, n): uPlot.Series => ({
            label: s.label,
            stroke: resolve(s.color),
            width: s.kind === "bars" ? 0 : 1.75,
            dash: s.dash,
            fill: s.kind === "bars" ? resolve(s.color) : s.kind === "area" ? `${resolve(s.color)}33` : undefined,
            paths: s.kind === "bars" ? uPlot.paths.bars?.({ size: [0.8, 40], align: 1 }) : undefined,
            // A value between two gaps has no line: a point shows it.
            points: { show: s.kind !== "bars", size: 5, filter: (u, i) => alone(u.data[i] ?? []) },
            value: (_u, _v, _n, i) => show(i === null ? null : given.current[n]?.values[i] ?? null),
          })),
        ],
      },
      data,
      holder.current,
    );
    return () => plot.current?.destroy();
    // A new shape, width or zone is a new plot; new data is not.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [width, height, shape, zone]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data, from, to]);

  return (
    <figure ref={box} className={classes.figure} aria-label={label}>
      <div ref={holder} aria-hidden />
      <VisuallyHidden>
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <th scope="col">{timeLabel()}</th>
              {series.map((s) => <th key={s.label} scope="col">{s.label}</th>)}
            </tr>
          </thead>
          <tbody>
            {times.slice(-24).map((at, i, shown) => (
              <tr key={at}>
                <th scope="row">{shortTime(new Date(at * 1000))}</th>
                {series.map((s) => {
                  const v = s.values[times.length - shown.length + i];
                  return <td key={s.label}>{v === null || v === undefined ? t`none` : format(v)}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </figure>
  );
}

function timeLabel(): string {
  const zone = zoneOf();
  return t`Time (${zone})`;
}
