// What is the matter with an endpoint or an attempt, as answers to four questions.
// Pure functions; times are written as RFC 3339, and shown in the viewer's zone
// (parts/Sentence.tsx), but for countdowns.
import { plural, t } from "@lingui/core/macro";
import type { Attempt, Delivery, Endpoint, EndpointStats, Health, LaneState } from "../api/client.ts";
import { causeOf, leftHeld, type Way } from "./reasons.ts";
import { number } from "./text.ts";
import { humanDuration, relativeTime } from "./time.ts";

export interface Finding {
  /** good: nothing is wrong. idle: not known. wait: held on purpose. warn: trouble that passes. bad: nothing gets through. */
  tone: "good" | "idle" | "wait" | "warn" | "bad";
  /** What happened. */
  what: string;
  why?: string;
  /** What happens next by itself, and when. */
  next?: string;
  /** What the viewer can do, and the buttons for it. */
  now?: string;
  ways: Way[];
}

type Known = Pick<Endpoint, "status" | "disabled_reason" | "concurrency" | "ordering" | "rate_limit">;
type Latest = Pick<Attempt, "status" | "started_at" | "response_status" | "reason" | "detail">;

/** What is known of an endpoint at this moment. */
export interface EndpointNow {
  health: Health;
  endpoint: Known;
  lane?: LaneState;
  /** How many of its deliveries are unfinished, and how many of these are held for their own sake. */
  pending: number;
  held?: number;
  /** Why these are held: a reason word, and a sentence. */
  heldReason?: string;
  heldDetail?: string;
  /** Its newest attempt, null if it never had one. */
  latest?: Latest | null;
}

/** Says how an endpoint is doing. */
export function endpointFinding(known: EndpointNow, now: Date): Finding {
  const { health, endpoint, lane, pending, held = 0, latest } = known;
  const waits = Math.max(pending - held, 0);
  switch (health.state) {
    case "disabled":
      return disabled(health, endpoint, pending);
    case "paused":
      if (health.reason === "all_held") {
        return {
          tone: "wait", what: t`All sending is held`, why: t`The operator holds the sending to all endpoints.`,
          next: t`New deliveries wait, and go out once that is released. None is lost.`, now: t`Nothing is to be done here: the operator releases it.`, ways: [],
        };
      }
      return {
        tone: "wait",
        what: t`Paused`,
        why: t`Somebody paused it.`,
        next: pending > 0
          ? plural(pending, { one: "# delivery is held; it is not lost. On resume it goes out, or waits for the time of its retry.", other: "# deliveries are held; none is lost. On resume, what is due goes out, oldest first, and what waits for a retry is tried at its time." })
          : t`New deliveries will be held, and go out on resume. None is held now.`,
        now: t`Resume it, once its receiver is to get deliveries again.`,
        ways: ["resume"],
      };
    case "on_hold":
      return onHold(known, waits, held);
    case "unknown":
      return {
        tone: "idle",
        what: t`Not known yet`,
        why: unknownWhy(health),
        next: waits > 0 ? queue(lane, waits, endpoint) : t`The next event that it listens to shows whether it works.`,
        now: t`Send a test to know now.`,
        ways: ["test"],
      };
    case "failing":
      return failing(health, lane, waits, latest, now);
    default:
      return healthy(endpoint, lane, waits, latest, now);
  }
}

function disabled(health: Health, endpoint: Known, pending: number): Finding {
  const next = pending > 0
    ? plural(pending, { one: "It gets no new events. # delivery is held. When the endpoint is enabled, it goes out, or waits for the time of its retry.", other: "It gets no new events. # deliveries are held. When the endpoint is enabled, what is due goes out, oldest first, and what waits for a retry is tried at its time." })
    : t`It gets no new events. Nothing is held.`;
  if (!endpoint.disabled_reason) return { tone: "wait", what: t`Disabled`, why: t`Somebody disabled it.`, next, now: t`Enable it, if it shall get events again.`, ways: ["resume"] };
  return {
    tone: "bad", what: t`Disabled automatically`, why: health.detail || endpoint.disabled_reason, next,
    now: t`Repair the receiver or correct the URL, send a test, then enable it and send again what it missed.`, ways: ["test", "resume", "edit"],
  };
}

function onHold({ health, heldReason, heldDetail }: EndpointNow, waits: number, held: number): Finding {
  if (health.reason === "no_listener") {
    const cause = causeOf({ reason: "no_listener" });
    return { tone: "wait", what: t`Nobody listens`, why: cause.sentence, next: waits > 0
        ? plural(waits, { one: "# delivery waits, and goes out as soon as somebody listens.", other: "# deliveries wait, and go out as soon as somebody listens." })
        : t`New deliveries wait until somebody listens.`, now: cause.advice, ways: [] };
  }
  if (health.reason === "misconfigured" || held === 0) {
    return {
      tone: "bad", what: t`Nothing can be sent as it is set up`, why: health.detail,
      next: waits > 0 ? plural(waits, { one: "# delivery waits until this is corrected; it is not lost.", other: "# deliveries wait until this is corrected; none is lost." }) : t`New deliveries wait until this is corrected.`,
      now: t`Correct the settings.`, ways: ["edit"],
    };
  }
  return heldFinding(held, t`no request could be made`, { held_reason: heldReason, held_detail: heldDetail ?? health.detail });
}

/** Says that deliveries are held for their own sake, in short why, and what lets them go. */
export function heldFinding(held: number, short: string, stats: Pick<EndpointStats, "held_reason" | "held_detail" | "held_at">): Finding {
  const cause = causeOf({ reason: stats.held_reason });
  return {
    tone: "bad", what: plural(held, { one: `# delivery is held: ${short}`, other: `# deliveries are held: ${short}` }), why: stats.held_detail ? `${sentence(stats.held_detail)}${stats.held_at ? ` (${stats.held_at})` : ""}` : cause.why,
    next: plural(held, { one: "It is not lost: it goes out by itself once this is corrected.", other: "Nothing is lost: they go out by themselves once this is corrected." }),
    now: cause.advice, ways: cause.ways.includes("resume") ? cause.ways : [...cause.ways.filter((w) => w !== "try"), "resume"],
  };
}

function unknownWhy(health: Health): string {
  if (health.reason === "new") return t`Nothing was sent to it yet.`;
  const since = health.since;
  return since ? t`Nothing was sent to it since it was resumed or changed, at ${since}.` : t`Nothing was sent to it since it was resumed or changed.`;
}

function failing(health: Health, lane: LaneState | undefined, waits: number, latest: Latest | null | undefined, now: Date): Finding {
  const last = latest?.status === "failed" ? latest : undefined;
  const cause = causeOf({ reason: health.reason ?? last?.reason, response_status: health.response_status ?? last?.response_status });
  const n = health.consecutive_failures ?? 0;
  const failures = failuresInWords(n, health.since);
  // What the attempt itself says, where that is more than its status.
  const detail = last?.detail && last.reason !== "status" ? ` ${sentence(last.detail)}` : "";
  const happened = lower(cause.sentence);
  const shut = health.circuit_open ?? (lane && lane.circuit !== "closed");
  return {
    tone: "bad",
    what: t`Failing: ${happened}`,
    why: `${failures}${detail} ${cause.why}`,
    next: [
      nextTry(health, lane, waits, now),
      shut && waits > 1 && t`To spare the receiver, one delivery at a time tries whether it works again.`,
      waits > 0 && plural(waits, { one: "# delivery waits; it is not lost before its schedule ends.", other: "# deliveries wait; none is lost before its schedule ends." }),
    ].filter(Boolean).join(" "),
    now: cause.advice,
    ways: waits > 0 ? cause.ways : cause.ways.filter((w) => w !== "try"),
  };
}

function failuresInWords(n: number, since: string | undefined): string {
  if (n > 1) return since ? t`${n} attempts in a row failed since ${since}.` : t`${n} attempts in a row failed.`;
  if (n === 1) return since ? t`The last attempt failed, at ${since}.` : t`The last attempt failed.`;
  return since ? t`No attempt has succeeded since ${since}.` : t`No attempt has succeeded.`;
}

function nextTry(health: Health, lane: LaneState | undefined, waits: number, now: Date): string {
  if (lane && lane.in_flight > 0) return t`One is being tried now.`;
  if (waits === 0) return t`Nothing is waiting: the next event is the next try.`;
  const at = health.next_try_at ?? lane?.next_probe;
  if (!at) return "";
  const seconds = Math.ceil((new Date(at).getTime() - now.getTime()) / 1000);
  if (seconds <= 0) return t`The next try is due.`;
  const left = countdown(seconds);
  return seconds < 3600 ? t`Next try in ${left}.` : t`Next try at ${at}.`;
}

/** How many requests at once an endpoint begins with whose number is not set. */
const adaptsFrom = 32;

function healthy(endpoint: Known, lane: LaneState | undefined, waits: number, latest: Latest | null | undefined, now: Date): Finding {
  const when = latest ? relativeTime(new Date(latest.started_at), now) : "";
  const said = !latest ? undefined : latest.status === "succeeded" ? t`The last attempt succeeded ${when}.` : t`The last attempt failed ${when}.`;
  const usual = endpoint.concurrency ?? adaptsFrom;
  if (lane?.concurrency_reason === "overloaded" && lane.concurrency < usual) {
    return {
      tone: "warn", what: t`Healthy, but slowed down`, ways: [],
      why: slowed(lane.concurrency, usual),
      next: `${t`It speeds up again as the receiver answers well.`} ${waits > 0 ? queue(lane, waits, endpoint) : ""}`.trim(),
    };
  }
  const slow = limited(waits, endpoint);
  return {
    tone: slow ? "warn" : "good", what: slow ? t`Healthy, as fast as its rate limit lets it` : t`Healthy`, ways: [],
    why: [said, lane && adapted(lane, waits)].filter(Boolean).join(" ") || undefined, next: waits > 0 ? queue(lane, waits, endpoint) : t`Nothing is waiting.`,
  };
}

/** How many requests at once it gets and why, where that is not what its settings say. */
function adapted({ concurrency: most, concurrency_reason: reason }: LaneState, waits: number): string {
  switch (reason) {
    case "starts": // as it does, as long as nothing waits for its turn
      return waits > most ? t`The receiver gets up to ${most} requests at once, as many as it begins with: its answers have not called for more, or less, yet.` : "";
    case "grown":
      return t`The receiver gets up to ${most} requests at once: it answers as fast as with fewer.`;
    case "most":
      return t`The receiver gets up to ${most} requests at once, the most that this server allows.`;
    case "slower":
      return t`The receiver gets up to ${most} requests at once: with more, its answers take longer.`;
    default:
      return "";
  }
}

function slowed(most: number, usual: number): string {
  return plural(most, {
    one: `The receiver said that it is overloaded, so it gets at most # request at once instead of ${usual}.`,
    other: `The receiver said that it is overloaded, so it gets at most # requests at once instead of ${usual}.`,
  });
}

function queue(lane: LaneState | undefined, waits: number, endpoint: Known): string {
  const perSecond = endpoint.rate_limit?.per_second;
  if (perSecond && limited(waits, endpoint)) {
    const rate = number(perSecond);
    const left = humanDuration((waits / perSecond) * 1000);
    const all = number(waits);
    return t`${all} deliveries wait: the rate limit lets ${rate} go a second, so the last goes in about ${left} at the earliest.`;
  }
  if (lane && lane.in_flight > 0) return `${plural(lane.in_flight, { one: "# request is under way.", other: "# requests are under way." })} ${wait(waits)}`;
  return plural(waits, { one: "# delivery waits for a retry, a set time or its turn.", other: "# deliveries wait for a retry, a set time or their turn." });
}

/** A rate limit that takes longer than so many seconds for what waits is worth a word. */
const slowAfter = 30;
const limited = (waits: number, endpoint: Known) => waits > slowAfter * (endpoint.rate_limit?.per_second || Infinity);

/**
 * Says what became of an attempt. delivery is its delivery as it is now, undefined
 * if that is not known.
 */
export function attemptFinding(a: Attempt, delivery: Delivery | undefined): Finding {
  if (a.status === "succeeded") {
    const status = a.response_status;
    return {
      tone: "good", what: status ? t`Taken: the receiver answered ${status}` : t`Taken`, why: a.detail && sentence(a.detail),
      next: a.number > 1 ? plural(a.number, { one: "Nothing more: it took # try.", other: "Nothing more: it took # tries." }) : t`Nothing more: it was taken at the first try.`, ways: [],
    };
  }
  const cause = causeOf(a);
  if (a.status === "canceled") {
    return { tone: "idle", what: a.reason === "skipped" ? t`Left out` : a.reason === "settled" ? t`Settled by another copy` : t`Canceled`, why: a.detail ? sentence(a.detail) : cause.sentence, next: t`Nothing more is sent unless you send it again.`, ways: [] };
  }
  const answered = a.response_status !== undefined;
  // The server's sentence of a mere status is what happened; else it says why.
  const named = answered && a.reason === "status" && a.detail !== undefined && mereStatus(a.detail);
  return {
    tone: leftHeld(a) ? "wait" : "bad",
    what: named ? sentence(a.detail!) : cause.sentence,
    why: a.detail && !named ? sentence(a.detail) : cause.why,
    next: afterwards(a, delivery),
    now: cause.advice,
    ways: waysOf(cause.ways, a, delivery),
  };
}

/** Whether a sentence of the server says no more than the status that came back. */
export function mereStatus(detail: string): boolean {
  return /^The receiver answered \d+[^:;]*\.?$/.test(detail);
}

/** Unfinished deliveries of an endpoint in the words of its status: while it is paused or disabled, none is tried. */
export interface UnfinishedWords {
  /** For a badge. */
  count: string;
  /** Above the number of all of them. */
  title: string;
  /** In place of the time of the oldest, if there is none. */
  none: string;
  /** In place of the next try, where there is none. */
  next?: string;
}

/** Says how many deliveries of an endpoint are unfinished. */
export function unfinishedWords(n: number, status: Endpoint["status"]): UnfinishedWords {
  if (status === "active") {
    return { count: plural(n, { one: "# waits", other: "# wait" }), title: t`Waiting now`, none: t`nothing waits` };
  }
  return {
    count: plural(n, { one: "# is held", other: "# are held" }), title: t`Held now`, none: t`nothing is held`,
    next: status === "paused" ? t`nothing is tried before it is resumed` : t`nothing is tried before it is enabled`,
  };
}

function afterwards(a: Attempt, d: Delivery | undefined): string {
  if (a.trigger === "test") return t`A test is not tried again, and counts as no failed delivery.`;
  const { number, next_at: planned } = a;
  const due = d?.due;
  const tries = d?.attempts ?? 0;
  switch (d?.status) {
    case "succeeded": return t`Nothing more: a later attempt succeeded, the event is delivered.`;
    case "canceled": return t`Nothing more is sent: the delivery was canceled.`;
    case "held": return t`The delivery is held, and goes out by itself once the endpoint lets it.`;
    case "failed": return d.attempts > 1 ? t`All ${tries} tries failed, and so did the delivery: nothing more is sent unless you send it again.` : t`The delivery failed: nothing more is sent unless you send it again.`;
    case "pending":
      if (d.attempts > a.number) return due ? t`It was tried again since; the next try is at ${due}.` : t`It was tried again since, and still waits.`;
      return due ? t`This was try ${number}; the next one is at ${due}.` : t`This was try ${number}; the next one comes when it is its turn.`;
  }
  if (planned) return t`This was try ${number}; the next one was set for ${planned}.`;
  if (leftHeld(a)) return t`The delivery is held until this is corrected, or until you send it again.`;
  return a.final ? t`Nothing more is sent unless you send it again.` : t`This was try ${number}.`;
}

/** What of a cause can still be done: a delivery that waits is tried, one that ended is sent again. */
function waysOf(ways: Way[], a: Attempt, d: Delivery | undefined): Way[] {
  if (a.trigger === "test") return ways.filter((w) => w !== "try" && w !== "resend" && w !== "resume");
  if (d?.status === "pending") return ways.includes("try") ? ways : [...ways, "try"];
  const rest = ways.filter((w) => w !== "try");
  return d?.status === "failed" && !rest.includes("resend") ? ["resend", ...rest] : rest;
}

const wait = (n: number) => plural(n, { one: "# delivery waits.", other: "# deliveries wait." });
const lower = (s: string) => (/^(The|No|What|An?|It|This) /.test(s) ? s.charAt(0).toLowerCase() + s.slice(1) : s);

/** A capital at its beginning and a full stop at its end. */
function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** "40 s", "2 min 5 s" */
export function countdown(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${seconds % 60} s` : ""}`;
}
