import { t } from "@lingui/core/macro";
import { useChoices } from "../lib/choices.ts";
import { fullTime, relativeTime, shortTime, utcTime, zonedTime, zoneOf } from "../lib/time.ts";
import { useNow } from "../lib/useNow.ts";

interface TimeProps {
  at: string | undefined;
  /** Says how far off it is, and keeps saying it as time goes by. */
  relative?: boolean;
  /** Without the zone, where what stands above it says the zone: see TimeTitle. */
  bare?: boolean;
}

/** A time in the chosen zone, which stands beside it, with UTC on hover. */
export function Time({ at, relative = false, bare = false }: TimeProps) {
  useChoices();
  if (!at) return <span aria-label="none">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${fullTime(date)}\n${utcTime(date)}`} style={{ whiteSpace: "nowrap" }}>
      {relative ? <Relative date={date} /> : bare ? shortTime(date) : zonedTime(date)}
    </time>
  );
}

function Relative({ date }: { date: Date }) {
  return relativeTime(date, useNow(Math.abs(Date.now() - date.getTime()) < 120_000 ? 1000 : 30_000));
}

/** The title of a column of bare times: "Time (CET)". */
export function TimeTitle({ title = t`Time` }: { title?: string }) {
  useChoices();
  return <>{title} ({zoneOf()})</>;
}
