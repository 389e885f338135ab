// What an event went through, endpoint by endpoint, and where it stands on a line
// of time. Pure functions.
import { t } from "@lingui/core/macro";
import type { Attempt, Delivery, Explanation } from "../../api/client.ts";
import { attemptFinding, type Finding } from "../../lib/finding.ts";
import type { Way } from "../../lib/reasons.ts";
import { humanDuration } from "../../lib/time.ts";
import type { Fate } from "../../lib/words.ts";

/** One endpoint's deliveries of an event, newest first, with their attempts, oldest first. */
export interface Lane {
  endpoint: string;
  deliveries: Delivery[];
  attempts: Attempt[];
  /** What became of it: delivered, if any delivery was; else the state of the telling one. */
  outcome: Fate;
  /** The delivery that tells how the event stands there. */
  telling: Delivery;
  /** How many copies are unfinished although the event is delivered. */
  copies: number;
  /** When it is tried again. */
  next?: string;
  explanation?: Explanation;
}

const urgency = ["failed", "retrying", "held", "pending", "canceled", "succeeded"];

/** Brings together what is known of each endpoint; what needs attention comes first. */
export function lanesOf(deliveries: Delivery[], attempts: Attempt[], explanations: Explanation[] = []): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const d of [...deliveries].sort((x, y) => compare(y.id, x.id))) {
    const lane = lanes.get(d.endpoint);
    if (lane) lane.deliveries.push(d);
    else lanes.set(d.endpoint, { endpoint: d.endpoint, deliveries: [d], attempts: [], outcome: d.status, telling: d, copies: 0 });
  }
  for (const a of [...attempts].sort((x, y) => compare(x.started_at, y.started_at) || compare(x.id, y.id))) {
    lanes.get(a.endpoint)?.attempts.push(a);
  }
  for (const lane of lanes.values()) {
    const unfinished = lane.deliveries.filter((d) => d.status === "pending" || d.status === "held");
    const told = explanations.find((x) => x.endpoint === lane.endpoint);
    lane.telling = tellingOf(lane.deliveries);
    if (lane.deliveries.some((d) => d.status === "succeeded") && (unfinished.length > 0 || lane.telling.status === "succeeded")) {
      lane.outcome = "succeeded";
      lane.copies = unfinished.length;
      lane.explanation = told?.outcome === "succeeded" && lane.deliveries.some((d) => d.id === told.delivery) ? told : undefined;
    } else {
      const d = lane.telling;
      lane.explanation = told?.delivery === d.id ? told : undefined;
      lane.outcome = lane.explanation?.outcome ?? (d.status === "pending" && d.attempts > 0 ? "retrying" : d.status);
    }
    const next = unfinished[0];
    if (next?.status === "pending") lane.next = (lane.explanation?.delivery === next.id ? lane.explanation.next_at : undefined) ?? next.due;
  }
  return [...lanes.values()].sort((x, y) => urgency.indexOf(x.outcome) - urgency.indexOf(y.outcome) || compare(x.endpoint, y.endpoint));
}

/** As the server judges it: the newest delivery; but one that ended in failure tells nothing while another is unfinished. */
function tellingOf(newestFirst: Delivery[]): Delivery {
  const newest = newestFirst[0]!;
  if (newest.status === "succeeded") return newest;
  return newestFirst.find((d) => d.status === "pending" || d.status === "held") ?? newest;
}

/** What is the matter with an event at an endpoint, if something is and it was tried. */
export function laneFinding(lane: Lane): Finding | undefined {
  if (lane.outcome !== "failed" && lane.outcome !== "retrying" && lane.outcome !== "held") return undefined;
  const last = lane.attempts.filter((a) => a.delivery === lane.telling.id && a.status === "failed").at(-1);
  if (!last) return undefined;
  const finding = attemptFinding(last, lane.telling);
  const waits = waitWords(lane.explanation);
  return waits ? { ...finding, next: waits.next, ways: [...waits.ways, ...finding.ways.filter((w) => !waits.ways.includes(w) && !(w === "try" && waits.ways.includes("resume")))] } : finding;
}

/** What else than its time a delivery waits for. */
function waitWords(x: Explanation | undefined): { next: string; ways: Way[] } | undefined {
  switch (x?.reason) {
    case "paused": return { next: t`It is held, since the endpoint is paused. On resume it goes out, or waits for the time of its retry.`, ways: ["resume"] };
    case "disabled": return { next: t`It is held, since the endpoint is disabled. When that is enabled, it goes out, or waits for the time of its retry.`, ways: ["resume"] };
    case "all_held": return { next: t`It waits, since the operator holds the sending to all endpoints; it goes out once that is released.`, ways: [] };
    case "misconfigured": return { next: t`It waits, since nothing can be sent as the endpoint is set up; it goes out once that is corrected.`, ways: ["edit"] };
    case "order": return { next: t`It waits for an earlier delivery, since the endpoint keeps the order.`, ways: [] };
    case "circuit_open": return { next: probed(x.next_at), ways: [] };
  }
  return undefined;
}

function probed(at: string | undefined): string {
  return at
    ? t`The endpoint fails, so one delivery at a time tries whether it works again, the next at ${at}. Once it does, this one goes out by itself.`
    : t`The endpoint fails, so one delivery at a time tries whether it works again. Once it does, this one goes out by itself.`;
}

function compare(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A line of time: at gives a place between 0 and 1. */
export interface Axis {
  at(ms: number): number;
  ticks: { at: number; label: string }[];
}

const steps = [
  10, 100, 1000, 5000, 15_000, 60_000, 5 * 60_000, 15 * 60_000, 3_600_000, 3 * 3_600_000, 12 * 3_600_000,
  86_400_000, 3 * 86_400_000, 7 * 86_400_000, 30 * 86_400_000, 180 * 86_400_000,
];

/**
 * An axis from start to end. Retries come after seconds, then minutes, then hours:
 * on a line of even steps the first ones would lie on one point, so steps grow
 * with the distance from the start.
 */
export function axisOf(start: number, end: number): Axis {
  const span = Math.max(end - start, 100);
  const unit = Math.max(span / 2000, 10);
  const whole = Math.log1p(span / unit);
  const at = (ms: number) => Math.min(1, Math.max(0, Math.log1p(Math.max(0, ms - start) / unit) / whole));
  const ticks = [{ at: 0, label: "0" }];
  for (const step of steps) {
    const place = at(start + step);
    if (step < span && place - ticks.at(-1)!.at >= 0.13 && place <= 0.95) ticks.push({ at: place, label: `+${humanDuration(step)}` });
  }
  return { at, ticks };
}

/** Where the axis of these lanes begins and ends. */
export function spanOf(begin: string, lanes: Lane[], now: number): { start: number; end: number } {
  const start = new Date(begin).getTime();
  let end = start;
  for (const lane of lanes) {
    const last = lane.attempts.at(-1);
    if (last) end = Math.max(end, new Date(last.started_at).getTime() + last.duration_ms);
    if (lane.next) end = Math.max(end, new Date(lane.next).getTime(), now);
  }
  return { start, end };
}

/**
 * How often to ask for news, in milliseconds: often while something is about to
 * happen, seldom while the next attempt is far off, never (false) when all is done.
 */
export function pollEvery(deliveries: Delivery[], now: number): number | false {
  let every: number | false = false;
  for (const d of deliveries) {
    if (d.status !== "pending" && d.status !== "held") continue;
    const away = d.due ? new Date(d.due).getTime() - now : Infinity;
    const wanted = d.status === "held" || away > 60_000 ? 10_000 : 1500;
    every = every === false ? wanted : Math.min(every, wanted);
  }
  return every;
}

/** How many endpoints a resend to all reaches: those that got the event, and perhaps those that would get it now. */
export function resendReach(lanes: Lane[], explanations: Explanation[] = []): { least: number; most: number } {
  const maybe = explanations.filter((x) => x.outcome === "not_sent" && (x.reason === "changed_since" || x.reason === "created_later")).length;
  return { least: lanes.length, most: lanes.length + maybe };
}
