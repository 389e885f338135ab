import type { ReactNode } from "react";
import type { EndpointStats } from "../../../api/client.ts";
import { number, percent, plural, shortNumber } from "../../../lib/text.ts";
import { humanDuration } from "../../../lib/time.ts";
import { Time } from "../../../parts/Time.tsx";
import classes from "./detail.module.css";
import { type Range, ranges } from "./range.ts";

const ms = (n: number | undefined) => (n ? humanDuration(n) : "–");

/** The numbers of a range, and what waits now. */
export function Facts({ stats, pending, range }: { stats: EndpointStats; pending: EndpointStats | undefined; range: Range }) {
  const { succeeded, failed, exhausted, duration, latency } = stats.total;
  const attempts = succeeded + failed;
  return (
    <dl className={classes.facts} aria-label={`Numbers of ${ranges[range].words}`}>
      <Fact term="Attempts that succeeded" note={attempts === 0 ? "no attempts" : `of ${plural(attempts, "attempt")}`}>{percent(succeeded, attempts)}</Fact>
      <Fact term="Failed attempts" note={exhausted > 0 ? `${plural(exhausted, "delivery", "deliveries")} failed` : "no delivery failed"}>
        <span title={number(failed)}>{shortNumber(failed)}</span>
      </Fact>
      <Fact term="Response time, median" note={`p95 ${ms(duration.p95_ms)} · p99 ${ms(duration.p99_ms)}`}>{ms(duration.p50_ms)}</Fact>
      <Fact term="Event to delivered, median" note={`p95 ${ms(latency.p95_ms)} · p99 ${ms(latency.p99_ms)}`}>{ms(latency.p50_ms)}</Fact>
      <Fact term="Waiting now" note={pending?.oldest_pending_at && pending.pending > 0 ? <>oldest <Time at={pending.oldest_pending_at} relative /></> : "nothing waits"}>
        {pending ? <span title={number(pending.pending)}>{shortNumber(pending.pending)}</span> : "–"}
      </Fact>
    </dl>
  );
}

function Fact({ term, note, children }: { term: string; note: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{term}</dt>
      <dd>{children}<small>{note}</small></dd>
    </div>
  );
}
