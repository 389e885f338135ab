import { fullTime, localTime, relativeTime, utcTime } from "../lib/time.ts";
import { useNow } from "../lib/useNow.ts";

/**
 * A time in the viewer's zone, with UTC on hover. relative says how far off it is,
 * and keeps saying it as time goes by.
 */
export function Time({ at, relative = false }: { at: string | undefined; relative?: boolean }) {
  if (!at) return <span aria-label="none">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${fullTime(date)}\n${utcTime(date)}`} style={{ whiteSpace: "nowrap" }}>
      {relative ? <Relative date={date} /> : localTime(date)}
    </time>
  );
}

function Relative({ date }: { date: Date }) {
  return relativeTime(date, useNow(Math.abs(Date.now() - date.getTime()) < 120_000 ? 1000 : 30_000));
}
