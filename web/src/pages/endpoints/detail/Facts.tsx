import { i18n } from "@lingui/core";
import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Endpoint, EndpointStats } from "../../../api/client.ts";
import { unfinishedWords } from "../../../lib/finding.ts";
import { number, percent, shortNumber } from "../../../lib/text.ts";
import { humanDuration } from "../../../lib/time.ts";
import { Time } from "../../../parts/Time.tsx";
import classes from "./detail.module.css";
import { type Range, ranges } from "./range.ts";

const ms = (n: number | undefined) => (n ? humanDuration(n) : "–");

/** The numbers of a range, and what waits now. */
export function Facts({ stats, pending, status, range }: { stats: EndpointStats; pending: EndpointStats | undefined; status: Endpoint["status"]; range: Range }) {
  const { succeeded, failed, exhausted, duration, latency } = stats.total;
  const attempts = succeeded + failed;
  const unfinished = unfinishedWords(pending?.pending ?? 0, status);
  const rangeWords = i18n._(ranges[range].words);
  return (
    <dl className={classes.facts} aria-label={t`Numbers of ${rangeWords}`}>
      <Fact term={t`Attempts that succeeded`} note={attempts === 0 ? t`no attempts` : plural(attempts, { one: "of # attempt", other: "of # attempts" })}>{percent(succeeded, attempts)}</Fact>
      <Fact term={t`Failed attempts`} note={exhausted > 0 ? plural(exhausted, { one: "# delivery failed", other: "# deliveries failed" }) : t`no delivery failed`}>
        <span title={number(failed)}>{shortNumber(failed)}</span>
      </Fact>
      <Fact term={t`Response time, median`} note={`p95 ${ms(duration.p95_ms)} · p99 ${ms(duration.p99_ms)}`}>{ms(duration.p50_ms)}</Fact>
      <Fact term={t`Event to delivered, median`} note={`p95 ${ms(latency.p95_ms)} · p99 ${ms(latency.p99_ms)}`}>{ms(latency.p50_ms)}</Fact>
      <Fact term={unfinished.title} note={pending?.oldest_pending_at && pending.pending > 0 ? <Trans>oldest <Time at={pending.oldest_pending_at} relative /></Trans> : unfinished.none}>
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
