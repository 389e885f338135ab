// What an endpoint is doing now, in plain words.
import type { Attempt, Endpoint, LaneState } from "../../../api/client.ts";
import { reasonOf } from "../../../lib/reasons.ts";
import { plural } from "../../../lib/text.ts";
import { format, humanDuration, relativeTime, sameDay, shortTime, written } from "../../../lib/time.ts";

export interface LaneWords {
  /** good: works. idle: nothing to do yet. wait: held on purpose. warn: trouble that passes. bad: nothing gets through. */
  tone: "good" | "idle" | "wait" | "warn" | "bad";
  title: string;
  detail: string;
}

type Known = Pick<Endpoint, "status" | "disabled_reason" | "concurrency" | "ordering" | "rate_limit">;
type Latest = Pick<Attempt, "status" | "started_at">;

/**
 * Says how an endpoint is doing. pending counts its unfinished deliveries, the held
 * ones included; latest is its newest attempt, null if it never had one and
 * undefined if that is not known.
 */
export function laneWords(lane: LaneState, endpoint: Known, pending: number, now: Date, latest?: Latest | null): LaneWords {
  // The lane may know of a change that the endpoint, as loaded, does not show yet.
  if (endpoint.status === "disabled" || lane.held === "disabled") return disabled(endpoint, pending);
  if (endpoint.status === "paused" || lane.held === "paused") return paused(pending);
  if (lane.held) {
    return { tone: "bad", title: "Nothing can be sent", detail: sentences(`${capital(lane.held)}.`, pending > 0 && `${waiting(pending)} until this is corrected.`) };
  }
  if (lane.circuit !== "closed") return circuitOpen(lane, pending, now);
  const slowed = lane.concurrency < endpoint.concurrency && endpoint.ordering !== "endpoint" && slowdown(lane, endpoint);
  if (lane.failing_since) {
    return {
      tone: "warn",
      title: `Failing since ${at(lane.failing_since, now)}`,
      detail: sentences(failures(lane), slowed, pending > 0 && `${waiting(pending)} for the next try.`),
    };
  }
  if (slowed) return { tone: "warn", title: "Slowed down", detail: sentences(slowed, "It speeds up again as the receiver answers well.", queue(lane, pending, endpoint)) };
  if (latest === null) return { tone: "idle", title: "Ready", detail: sentences("Nothing was sent to it yet.", queue(lane, pending, endpoint)) };
  return {
    tone: limited(pending, endpoint) ? "warn" : "good",
    title: limited(pending, endpoint) ? "Working, as fast as its rate limit lets it" : "Working",
    detail: sentences(latest ? `The last attempt ${latest.status} ${relativeTime(new Date(latest.started_at), now)}.` : false, queue(lane, pending, endpoint) || "Nothing is waiting."),
  };
}

function disabled(endpoint: Known, pending: number): LaneWords {
  const held = pending > 0 ? `${holding(pending)} and ${pending === 1 ? "goes" : "go"} out when it is enabled again.` : "Nothing is held.";
  if (endpoint.disabled_reason) return { tone: "bad", title: "Disabled automatically", detail: sentences(endpoint.disabled_reason, "It gets no new events.", held) };
  return { tone: "bad", title: "Disabled", detail: sentences("It gets no new events until it is enabled.", held) };
}

function paused(pending: number): LaneWords {
  const detail = pending > 0
    ? `${holding(pending)} and ${pending === 1 ? "goes" : "go"} out, oldest first, on resume.`
    : "New deliveries will be held, and go out on resume. None is held now.";
  return { tone: "wait", title: "Paused", detail };
}

function circuitOpen(lane: LaneState, pending: number, now: Date): LaneWords {
  const since = lane.open_since ? ` since ${at(lane.open_since, now)}` : "";
  return {
    tone: "bad",
    title: `Circuit open${since}`,
    detail: sentences(failures(lane), "To spare the receiver, deliveries wait while one at a time tries whether it works again.", nextTry(lane, pending, now), pending > 0 && `${waiting(pending)}.`),
  };
}

function nextTry(lane: LaneState, pending: number, now: Date): string {
  if (lane.in_flight > 0) return "One is being tried now.";
  if (pending === 0) return "Nothing is waiting: the next event is the next try.";
  const seconds = lane.next_probe ? Math.ceil((new Date(lane.next_probe).getTime() - now.getTime()) / 1000) : 0;
  if (seconds <= 0) return "The next try comes as soon as a delivery is due.";
  return `Next try in ${countdown(seconds)}.`;
}

function failures(lane: LaneState): string {
  const last = lane.last_failure ? reasonOf(lane.last_failure) : undefined;
  switch (lane.consecutive_failures) {
    case 0: // known from before a restart
      return "No attempt has succeeded since then.";
    case 1:
      return last ? `The last attempt failed because ${lower(last.sentence)}` : "The last attempt failed.";
    default:
      return `${plural(lane.consecutive_failures, "attempt")} in a row failed${last ? `, the last one because ${lower(last.sentence)}` : "."}`;
  }
}

function slowdown(lane: LaneState, endpoint: Known): string {
  return `The receiver said that it is overloaded, so it gets at most ${plural(lane.concurrency, "request")} at once instead of ${endpoint.concurrency}.`;
}

function queue(lane: LaneState, pending: number, endpoint: Known): string | false {
  if (pending === 0) return false;
  const perSecond = endpoint.rate_limit?.per_second;
  if (perSecond && limited(pending, endpoint)) {
    return `${waiting(pending)}: its rate limit lets ${perSecond.toLocaleString()} go a second, so the last goes in about ${humanDuration((pending / perSecond) * 1000)} at the earliest.`;
  }
  return lane.in_flight > 0 ? `${plural(lane.in_flight, "request")} under way, ${plural(pending, "delivery", "deliveries")} unfinished.` : `${plural(pending, "delivery", "deliveries")} unfinished: waiting for a retry, a set time or their turn.`;
}

/** A rate limit that takes longer than so many seconds for what waits is worth a word. */
const slow = 30;
const limited = (pending: number, endpoint: Known) => pending > slow * (endpoint.rate_limit?.per_second || Infinity);

const holding = (n: number) => `${plural(n, "delivery", "deliveries")} ${n === 1 ? "is" : "are"} held`;
const waiting = (n: number) => `${plural(n, "delivery", "deliveries")} ${n === 1 ? "waits" : "wait"}`;
const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);
const lower = (s: string) => (/^(The|No|What|An?|It) /.test(s) ? s.charAt(0).toLowerCase() + s.slice(1) : s);
const sentences = (...parts: (string | false)[]) => parts.filter(Boolean).join(" ");

/** "14:02" today, with the day before. */
function at(time: string, now: Date): string {
  const date = new Date(time);
  return sameDay(date, now) ? written(format("minute", { hour: "2-digit", minute: "2-digit" }), date) : shortTime(date, now);
}

/** "40 s", "2 min 5 s" */
export function countdown(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${seconds % 60} s` : ""}`;
}
