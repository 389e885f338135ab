// When a failed delivery is tried again: the presets, the API's two forms, and what
// they mean as points in time. Everything here is pure.
import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import type { EndpointInput } from "../../../api/client.ts";
import { forLocale } from "../../../language/language.ts";
import { formatDuration, humanDuration, parseDuration } from "../../../lib/time.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const shortestDelay = 100;
const longestDelay = 7 * day;
const longestSpan = 30 * day;
const mostRetries = 200;

export type RetryKind = "standard" | "quick" | "patient" | "none" | "list" | "growing";

/** A schedule as the form holds it. */
export interface RetryValues {
  kind: RetryKind;
  /** For kind list: durations of the API. */
  delays: string[];
  /** For kind growing: durations, and what each pause is multiplied by. */
  initial: string;
  factor: number | string;
  max: string;
  until: string;
}

type Retry = NonNullable<EndpointInput["retry"]>;

/**
 * The pauses of a schedule that ends by age: its last attempt is made at that age, so
 * the last pause is as short as that takes.
 */
function lasting(until: number, pause: (n: number) => number): number[] {
  const all: number[] = [];
  let age = 0;
  while (until - age >= shortestDelay && all.length < mostRetries) {
    const d = Math.min(pause(all.length), until - age);
    all.push(d);
    age += d;
  }
  return all;
}

const first = [5 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour];

/** The schedule that endpoints have by default, in milliseconds. */
export const standard: number[] = lasting(7 * day, (n) => first[n] ?? 12 * hour);

export const presets: Record<"standard" | "quick" | "patient" | "none", { title: MessageDescriptor; hint: MessageDescriptor; delays: number[] }> = {
  standard: { title: msg`Standard`, hint: msg`For most receivers: soon at first, then every 12 hours, for seven days.`, delays: standard },
  quick: { title: msg`Quick`, hint: msg`For events that nobody needs after a few minutes.`, delays: [second, 5 * second, 15 * second, 30 * second, minute, 2 * minute] },
  patient: { title: msg`Patient`, hint: msg`For receivers that may be away for days: once a day, for two weeks.`, delays: [minute, 15 * minute, hour, 6 * hour, ...Array<number>(14).fill(day)] },
  none: { title: msg`No retries`, hint: msg`One attempt only. What fails stays in the log and can be sent again by hand.`, delays: [] },
};

const same = (a: number[], b: number[]) => a.length === b.length && a.every((x, i) => x === b[i]);

export const standardRetry: RetryValues = { kind: "standard", delays: [], initial: "10s", factor: 2, max: "12h", until: "7d" };

/** Reads the API's schedule into the form. */
export function retryValues(retry: Retry | null | undefined): RetryValues {
  if (retry === null || retry === undefined) return standardRetry;
  if (!Array.isArray(retry)) {
    const { initial, factor, max, until } = retry;
    return { ...standardRetry, kind: "growing", initial, factor, max: max ?? "12h", until: until ?? "7d" };
  }
  const ms = retry.map((d) => parseDuration(d) ?? 0);
  for (const kind of ["standard", "quick", "patient", "none"] as const) {
    if (same(ms, presets[kind].delays)) return { ...standardRetry, kind };
  }
  return { ...standardRetry, kind: "list", delays: retry };
}

/** Writes the form's schedule for the API; null is the default. */
export function retryInput(r: RetryValues): Retry | null {
  switch (r.kind) {
    case "standard":
      return null;
    case "list":
      return r.delays;
    case "growing":
      return { initial: r.initial.trim(), factor: Number(r.factor), max: r.max.trim(), until: r.until.trim() };
    default:
      return presets[r.kind].delays.map(formatDuration);
  }
}

/** The pauses of a schedule in milliseconds; none if it cannot be read yet. */
export function pauses(r: RetryValues): number[] {
  if (r.kind === "list") return r.delays.map((d) => parseDuration(d) ?? 0);
  if (r.kind !== "growing") return presets[r.kind].delays;
  const [initial, max, until] = [r.initial, r.max, r.until].map(parseDuration);
  const factor = Number(r.factor);
  if (initial === undefined || max === undefined || until === undefined || initial < shortestDelay || !(factor >= 1)) return [];
  return lasting(until, (n) => Math.min(initial * factor ** n, Math.max(max, initial)));
}

/** Says what is wrong with a schedule, by field of RetryValues. */
export function wrongRetry(r: RetryValues): Partial<Record<keyof RetryValues, string>> {
  if (r.kind === "list") {
    const bad = r.delays.find((d) => !inBounds(parseDuration(d)));
    if (bad !== undefined) return { delays: t`“${bad}” is not a pause between 100 ms and 7 days.` };
    const count = r.delays.length;
    if (count > mostRetries) return { delays: t`There are ${count} pauses; at most ${mostRetries} are allowed.` };
    if (total(pauses(r)) > longestSpan) return { delays: t`This lasts more than 30 days in all, longer than history is kept.` };
    return {};
  }
  if (r.kind !== "growing") return {};
  const wrong: Partial<Record<keyof RetryValues, string>> = {};
  const initial = parseDuration(r.initial);
  const max = parseDuration(r.max);
  const until = parseDuration(r.until);
  if (!inBounds(initial)) wrong.initial = t`Give a time from 100ms to 7d, such as 10s.`;
  if (!(Number(r.factor) >= 1 && Number(r.factor) <= 100)) wrong.factor = t`Give a number from 1 to 100.`;
  if (!inBounds(max) || max! < (initial ?? 0)) wrong.max = t`Give a time from the first pause to 7d, such as 12h.`;
  if (until === undefined || until < (initial ?? 0) || until > longestSpan) wrong.until = t`Give a time from the first pause to 30d, such as 7d.`;
  return wrong;
}

const inBounds = (ms: number | undefined) => ms !== undefined && ms >= shortestDelay && ms <= longestDelay;

/** How long a schedule lasts, in milliseconds. */
export function total(delays: number[]): number {
  return delays.reduce((sum, d) => sum + d, 0);
}

const words: [RegExp, string][] = [
  [/\s*(milliseconds?|ms)\b/gi, "ms"],
  [/\s*(seconds?|secs?|s)\b/gi, "s"],
  [/\s*(minutes?|mins?|m)\b/gi, "m"],
  [/\s*(hours?|hrs?|h)\b/gi, "h"],
  [/\s*(days?|d)\b/gi, "d"],
];

/** Reads a pause as people write it ("5 min", "2h", "1 day") as a duration of the API. */
export function readPause(text: string): string | undefined {
  let plain = text.trim().toLowerCase();
  for (const [pattern, unit] of words) plain = plain.replace(pattern, unit);
  const ms = parseDuration(plain.replace(/\s+/g, ""));
  return ms === undefined || ms <= 0 ? undefined : formatDuration(ms);
}

/** "5 s, 30 s, 12 × 12 h": the pauses, those that repeat counted. */
export function pausesInWords(delays: number[]): string {
  const runs: { delay: number; times: number }[] = [];
  for (const delay of delays) {
    const last = runs.at(-1);
    if (last?.delay === delay) last.times++;
    else runs.push({ delay, times: 1 });
  }
  const parts = runs.map((r) => (r.times > 2 ? `${r.times} × ${humanDuration(r.delay)}` : Array<string>(r.times).fill(humanDuration(r.delay)).join(", ")));
  return parts.length > 12 ? [...parts.slice(0, 11), "…", parts.at(-1)!].join(", ") : parts.join(", ");
}

const longUnits = forLocale((locale) => new Map<string, Intl.NumberFormat>(["day", "hour", "minute", "second"].map((unit) => [unit, new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" })])));

const longUnit = (unit: "day" | "hour" | "minute" | "second") => longUnits().get(unit)!;

/** A length of time in whole words: "7 days", "4 minutes". */
export function roughly(ms: number): string {
  for (const [unit, length] of [["day", day], ["hour", hour], ["minute", minute], ["second", second]] as const) {
    if (ms >= length) {
      return longUnit(unit).format(Math.round(ms / length));
    }
  }
  return humanDuration(ms);
}

/** One line about a schedule. */
export function retryInWords(r: RetryValues): string {
  const all = pauses(r);
  if (all.length === 0) return t`One attempt only, no retries`;
  const name = r.kind === "list" ? t`Own pauses` : r.kind === "growing" ? t`Growing pauses` : i18n._(presets[r.kind].title);
  const [attempts, time] = [all.length + 1, roughly(total(all))];
  return t`${name}: up to ${attempts} attempts, gives up after ${time}`;
}

export interface Dot {
  /** Counts from 1. */
  attempt: number;
  /** Since the first attempt, in milliseconds. */
  age: number;
  /** Where it stands, from 0 to 1, on a logarithmic scale. */
  at: number;
}

/** The attempts of a schedule as points on a line. */
export function dots(delays: number[]): Dot[] {
  const span = total(delays);
  let age = 0;
  return [0, ...delays].map((d, i) => ({ attempt: i + 1, age: (age += d), at: position(age, span) }));
}

/** Where an age stands on a line that ends at span. */
export function position(age: number, span: number): number {
  return span === 0 ? 0 : Math.log1p(age / second) / Math.log1p(span / second);
}

const marks = [second, 10 * second, minute, 10 * minute, hour, 6 * hour, day, 7 * day];

/** Round times to write below the line, far enough from each other and from its ends. */
export function ticks(span: number): { age: number; at: number; label: string }[] {
  const all = marks.filter((m) => m < span).map((age) => ({ age, at: position(age, span), label: humanDuration(age) }));
  let before = 0;
  return all.filter((t) => {
    const fits = t.at - before >= 0.08 && 1 - t.at >= 0.16;
    if (fits) before = t.at;
    return fits;
  });
}
