import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";
import { humanDuration } from "../../../lib/time.ts";
import { type Dot, dots, pausesInWords, roughly, ticks, total } from "./retry.ts";
import classes from "./RetryTimeline.module.css";

const percent = (at: number) => `${(at * 100).toFixed(2)}%`;

function hint(d: Dot, delays: number[]): string {
  if (d.attempt === 1) return t`Attempt 1, at once`;
  const [attempt, age, pause] = [d.attempt, humanDuration(d.age), humanDuration(delays[d.attempt - 2]!)];
  return t`Attempt ${attempt}, ${age} after the first (pause of ${pause})`;
}

/** The attempts of a schedule as dots on a line whose scale grows, and the same in words. */
export function RetryTimeline({ delays }: { delays: number[] }) {
  const span = total(delays);
  const line = dots(delays);
  const [attempts, pausesWritten, time] = [line.length, pausesInWords(delays), roughly(span)];
  return (
    <div className={classes.figure}>
      <div className={classes.plot} aria-hidden>
        <div className={classes.line} />
        {ticks(span).map((tick) => (
          <span key={tick.age} className={classes.tick} style={{ left: percent(tick.at) }}>{tick.label}</span>
        ))}
        <span className={classes.tick} data-edge="start" style={{ left: 0 }}><Trans>at once</Trans></span>
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
          ? t`One attempt, at once. A failure is final.`
          : <Trans>Up to {attempts} attempts: at once, then after pauses of {pausesWritten}. <b>Gives up after {time}.</b></Trans>}
      </Text>
      {delays.length > 0 && (
        <Text size="xs" c="dimmed">
          <Trans>Pauses vary by 10 %, so that not everything comes back at the same moment. A receiver can ask for a longer pause (Retry-After).
          While the endpoint is down or disabled, deliveries fail at that age as well; while it is paused, they are not.</Trans>
        </Text>
      )}
    </div>
  );
}
