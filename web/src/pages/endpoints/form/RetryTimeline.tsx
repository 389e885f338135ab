import { Text } from "@mantine/core";
import { humanDuration } from "../../../lib/time.ts";
import { type Dot, dots, pausesInWords, roughly, ticks, total } from "./retry.ts";
import classes from "./RetryTimeline.module.css";

const percent = (at: number) => `${(at * 100).toFixed(2)}%`;

function hint(d: Dot, delays: number[]): string {
  if (d.attempt === 1) return "Attempt 1, at once";
  return `Attempt ${d.attempt}, ${humanDuration(d.age)} after the first (pause of ${humanDuration(delays[d.attempt - 2]!)})`;
}

/** The attempts of a schedule as dots on a line whose scale grows, and the same in words. */
export function RetryTimeline({ delays }: { delays: number[] }) {
  const span = total(delays);
  const line = dots(delays);
  return (
    <div className={classes.figure}>
      <div className={classes.plot} aria-hidden>
        <div className={classes.line} />
        {ticks(span).map((t) => (
          <span key={t.age} className={classes.tick} style={{ left: percent(t.at) }}>{t.label}</span>
        ))}
        <span className={classes.tick} data-edge="start" style={{ left: 0 }}>at once</span>
        {span > 0 && <span className={classes.tick} data-edge="end" style={{ left: "100%" }}>{roughly(span)}</span>}
        {line.map((d) => (
          <span
            key={d.attempt}
            className={classes.dot}
            data-kind={d.attempt === 1 ? "first" : d.attempt === line.length ? "last" : undefined}
            style={{ left: percent(d.at) }}
            title={hint(d, delays)}
          />
        ))}
      </div>
      <Text size="sm" role="status">
        {delays.length === 0
          ? "One attempt, at once. A failure is final."
          : <>Up to {line.length} attempts: at once, then after pauses of {pausesInWords(delays)}. <b>Gives up after {roughly(span)}.</b></>}
      </Text>
      {delays.length > 0 && (
        <Text size="xs" c="dimmed">
          Pauses vary by 10 %, so that not everything comes back at the same moment. A receiver can ask for a longer pause (Retry-After).
          While the endpoint is down or disabled, deliveries are given up at that age as well; while it is paused, they are not.
        </Text>
      )}
    </div>
  );
}
