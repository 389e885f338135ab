import { t } from "@lingui/core/macro";
import { IconCheck, IconMinus, IconX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Attempt } from "../../api/client.ts";
import { linkTo, type Target } from "../../lib/links.ts";
import { madeRequest } from "../../lib/reasons.ts";
import { fullTime, humanDuration } from "../../lib/time.ts";
import type { Axis, Lane } from "./lanes.ts";
import classes from "./Track.module.css";

const icons = { succeeded: IconCheck, failed: IconX, canceled: IconMinus };

/** Where the log shows an attempt, beside the others of its event. */
export function logOf(attempt: Attempt): Target {
  return linkTo("/logs", { event: attempt.event, attempt: attempt.id });
}

/**
 * The attempts of one endpoint on the line of time that all share. Those who do not
 * see it find the same in the list below it.
 */
export function Track({ lane, axis }: { lane: Lane; axis: Axis }) {
  return (
    <div className={classes.track} aria-hidden dir="ltr">
      {lane.attempts.map((a) => {
        const start = new Date(a.started_at).getTime();
        const from = axis.at(start);
        const Icon = madeRequest(a) ? icons[a.status] : IconMinus;
        return (
          <Link
            key={a.id}
            {...logOf(a)}
            tabIndex={-1}
            className={classes.mark}
            data-status={a.status}
            title={madeRequest(a) ? `${attemptOf(a)}\n${fullTime(new Date(start))}, ${humanDuration(a.duration_ms)}` : `${a.detail ?? a.status}\n${fullTime(new Date(start))}`}
            style={{ insetInlineStart: `${from * 100}%`, width: `calc(${(axis.at(start + a.duration_ms) - from) * 100}% + 20px)` }}
          >
            <Icon size={12} stroke={3} />
          </Link>
        );
      })}
      {lane.next && (
        <span className={classes.next} title={nextAt(lane.next)} style={{ insetInlineStart: `${axis.at(Math.max(new Date(lane.next).getTime(), 0)) * 100}%` }} />
      )}
    </div>
  );
}

/** What the places on the line mean: the time since the event. */
export function Ticks({ axis }: { axis: Axis }) {
  return (
    <div className={classes.axis} aria-hidden dir="ltr">
      {axis.ticks.map((tick) => (
        <span key={tick.label} className={classes.tick} style={{ insetInlineStart: `${tick.at * 100}%` }}>
          {tick.label}
        </span>
      ))}
    </div>
  );
}

function attemptOf(a: { number: number; response_status?: number; status: string }): string {
  const [number, answer] = [a.number, a.response_status ?? a.status];
  return t`Attempt ${number}: ${answer}`;
}

function nextAt(iso: string): string {
  const time = fullTime(new Date(iso));
  return t`Next attempt: ${time}`;
}
