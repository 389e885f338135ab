// A replay is cut into calls that each cover a bounded number of events; this
// drives them, so that it can be watched and stopped.
import { t } from "@lingui/core/macro";
import type { FailureGroup, Schemas } from "../../../api/client.ts";
import type { Cause } from "../../../lib/reasons.ts";

export type ReplayInput = Schemas["ReplayInput"];
export type ReplayResult = Schemas["ReplayResult"];

/** How far a replay, or its count, has come. */
export interface ReplayProgress {
  /** Events covered so far, without those that wait. */
  matched: number;
  /** Of these, those whose delivery failed; and, beside them, deliveries that wait to be tried again. */
  failed: number;
  waiting: number;
  /** Deliveries made so far; 0 in a count. */
  enqueued: number;
  /** Waiting deliveries that were moved to now, in place of a second copy; 0 in a count. */
  moved: number;
  /** Events that were left alone, since they go out next anyway. */
  already: number;
  /** Where to go on. */
  cursor?: string;
  done: boolean;
}

const nothing: ReplayProgress = { matched: 0, failed: 0, waiting: 0, enqueued: 0, moved: 0, already: 0, done: false };

/**
 * Makes calls until nothing is left, telling after each how far it came. Whoever
 * iterates stops by leaving the loop; what was enqueued by then stays enqueued.
 * from goes on after an earlier run that was stopped or failed.
 */
export async function* replay(call: (input: ReplayInput) => Promise<ReplayResult>, input: ReplayInput, from: ReplayProgress = nothing): AsyncGenerator<ReplayProgress, void, void> {
  let so = from;
  while (!so.done) {
    const result = await call(so.cursor ? { ...input, cursor: so.cursor } : input);
    const cursor = result.done ? undefined : result.next_cursor || undefined;
    // Without a cursor there is no way on: better to end than to begin again.
    so = {
      matched: so.matched + result.matched, failed: so.failed + result.failed, waiting: so.waiting + result.waiting,
      enqueued: so.enqueued + result.enqueued, moved: so.moved + result.moved, already: so.already + result.already_waiting,
      cursor, done: cursor === undefined,
    };
    yield so;
  }
}

/** Which part of the past to replay. */
export interface ReplayChoice {
  range: "1h" | "24h" | "7d" | "custom";
  /** Of a custom range, as a datetime-local input gives them: in the viewer's zone. */
  since: string;
  until: string;
  status: ReplayInput["status"];
  types: string[];
  /** Only those whose last attempt failed of this. */
  cause?: Cause;
}

/** What is chosen at first: what failed of the last day or, for a group of failures, of its week and cause. */
export function choiceOf(group: FailureGroup | undefined): ReplayChoice {
  const choice: ReplayChoice = { range: "24h", since: "", until: "", status: "failed", types: [] };
  return group ? { ...choice, range: "7d", cause: { reason: group.reason, response_status: group.response_status } } : choice;
}

const lengths: Record<Exclude<ReplayChoice["range"], "custom">, number> = { "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000 };

/**
 * Turns a choice into a request whose range is fixed now, so that the replay covers
 * what the count covered; or tells which field is wrong.
 */
export function requestOf(choice: ReplayChoice, now: Date): { input: Omit<ReplayInput, "limit"> } | { field: "since" | "until"; problem: string } {
  let since: Date;
  let until = now;
  if (choice.range === "custom") {
    since = new Date(choice.since);
    if (Number.isNaN(since.getTime())) return { field: "since", problem: t`Say when the range begins` };
    if (since > now) return { field: "since", problem: t`This is in the future` };
    if (choice.until !== "") until = new Date(choice.until);
    if (Number.isNaN(until.getTime())) return { field: "until", problem: t`This is not a date and time` };
    if (until <= since) return { field: "until", problem: t`The end must be after the start` };
    if (until > now) until = now;
  } else {
    since = new Date(now.getTime() - lengths[choice.range]);
  }
  return { input: { since: since.toISOString(), until: until.toISOString(), status: choice.status, ...(choice.types.length > 0 ? { types: choice.types } : {}), ...(choice.status === "failed" ? choice.cause : undefined) } };
}
