// A replay is cut into calls that each cover a bounded number of events; this
// drives them, so that it can be watched and stopped.
import type { Schemas } from "../../../api/client.ts";

export type ReplayInput = Schemas["ReplayInput"];
export type ReplayResult = Schemas["ReplayResult"];

/** How far a replay, or its count, has come. */
export interface ReplayProgress {
  /** Events covered so far. */
  matched: number;
  /** Deliveries made so far; 0 in a count. */
  enqueued: number;
  /** Events that were not added, since they wait at the endpoint already. */
  waiting: number;
  /** Where to go on. */
  cursor?: string;
  done: boolean;
}

const nothing: ReplayProgress = { matched: 0, enqueued: 0, waiting: 0, done: false };

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
    so = { matched: so.matched + result.matched, enqueued: so.enqueued + result.enqueued, waiting: so.waiting + result.already_waiting, cursor, done: cursor === undefined };
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
    if (Number.isNaN(since.getTime())) return { field: "since", problem: "Say when the range begins" };
    if (since > now) return { field: "since", problem: "This is in the future" };
    if (choice.until !== "") until = new Date(choice.until);
    if (Number.isNaN(until.getTime())) return { field: "until", problem: "This is not a date and time" };
    if (until <= since) return { field: "until", problem: "The end must be after the start" };
    if (until > now) until = now;
  } else {
    since = new Date(now.getTime() - lengths[choice.range]);
  }
  return { input: { since: since.toISOString(), until: until.toISOString(), status: choice.status, ...(choice.types.length > 0 ? { types: choice.types } : {}) } };
}
