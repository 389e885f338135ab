// Times as people read them: in the zone that they chose, with UTC at hand.
import { t } from "@lingui/core/macro";
import { forLocale, locale } from "../language/language.ts";
import { chosen } from "./choices.ts";

const formats = new Map<string, Intl.DateTimeFormat>();

/** The format of that name in the zone chosen now and the language of the page. */
export function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const timeZone = chosen().zone === "utc" ? "UTC" : undefined;
  const key = `${name} ${locale} ${timeZone ?? ""}`;
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(locale, { ...options, timeZone })));
  return made;
}

const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const day: Intl.DateTimeFormatOptions = { month: "short", day: "numeric" };

/** Formats a time. "p.m." loses its points: it often ends a sentence, which has its own. */
export function written(format: Intl.DateTimeFormat, at: Date): string {
  const text = format.format(at);
  const half = format.formatToParts(at).find((p) => p.type === "dayPeriod")?.value;
  return half?.includes(".") ? text.replace(half, half.replace(/[.\s]/g, "")) : text;
}

/** The day of a time as a number that tells days apart: 20261121. */
function dayOf(at: Date): number {
  return chosen().zone === "utc"
    ? at.getUTCFullYear() * 10_000 + (at.getUTCMonth() + 1) * 100 + at.getUTCDate()
    : at.getFullYear() * 10_000 + (at.getMonth() + 1) * 100 + at.getDate();
}

/** Whether two times are of one day. */
export function sameDay(a: Date, b: Date): boolean {
  return dayOf(a) === dayOf(b);
}

/** The time without the year if it is this one, without the day if it is today; the zone is to stand beside it (zoneOf). */
export function shortTime(at: Date, now: Date = new Date()): string {
  if (sameDay(at, now)) return written(format("clock", clock), at);
  const thisYear = Math.floor(dayOf(at) / 10_000) === Math.floor(dayOf(now) / 10_000);
  return thisYear ? written(format("this year", { ...day, ...clock }), at) : written(format("absolute", { year: "numeric", ...day, ...clock }), at);
}

/** The short time with its zone, for the middle of a sentence. */
export function zonedTime(at: Date, now: Date = new Date()): string {
  return `${shortTime(at, now)} ${zoneOf(at)}`;
}

/** What the zone is called in which times are shown, at a time: "CET", "UTC". */
export function zoneOf(at: Date = new Date()): string {
  if (chosen().zone === "utc") return "UTC";
  return format("zone", { timeZoneName: "short" }).formatToParts(at).find((p) => p.type === "timeZoneName")?.value ?? "";
}

/** The full time, with its zone. */
export function fullTime(at: Date): string {
  return `${written(format("absolute", { year: "numeric", ...day, ...clock }), at)} ${zoneOf(at)}`;
}

/** 2026-11-21 22:08:41.120 UTC */
export function utcTime(at: Date): string {
  return at.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** "in 5 minutes", "3 days ago", "just now". */
export function relativeTime(at: Date, now: Date = new Date()): string {
  const ms = at.getTime() - now.getTime();
  if (Math.abs(ms) < 5000) return ms > 0 ? t`in a moment` : t`just now`;
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ];
  for (const [unit, length] of units) {
    if (Math.abs(ms) >= length) return words.format(Math.trunc(ms / length), unit);
  }
  return words.format(0, "second");
}

const tenths = forLocale((l) => new Intl.NumberFormat(l, { maximumFractionDigits: 1 }));
const whole = forLocale((l) => new Intl.NumberFormat(l, { maximumFractionDigits: 0 }));

/** A number of a unit: to a tenth below ten. */
const rounded = (n: number) => (n < 10 ? tenths() : whole()).format(n);

/** A length of time in milliseconds, for people: 12 ms, 3.4 s, 2 min, 5 h, 3 d. */
export function humanDuration(ms: number): string {
  const [days, hours, minutes, seconds] = [ms / 86_400_000, ms / 3_600_000, ms / 60_000, ms / 1000];
  // Units are written alike in all languages of the page, but for days.
  if (days >= 1) {
    const n = rounded(days);
    return t({ message: `${n} d`, comment: "days, in short" });
  }
  if (hours >= 1) return `${rounded(hours)} h`;
  if (minutes >= 1) return `${rounded(minutes)} min`;
  return seconds >= 1 ? `${rounded(seconds)} s` : `${rounded(ms)} ms`;
}

const goUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a duration of the API, such as "2m30s" or "7d", as milliseconds; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const parts = text.trim().match(/\d+(?:\.\d+)?(?:ms|s|m|h|d)/g);
  if (!parts || parts.join("") !== text.trim()) return undefined;
  let total = 0;
  for (const part of parts) {
    const unit = part.replace(/[\d.]/g, "");
    total += parseFloat(part) * (goUnits[unit] ?? 0);
  }
  return total;
}

/** Writes milliseconds as a duration of the API: 90000 is "1m30s". */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let out = "";
  for (const [unit, length] of [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]] as const) {
    const n = Math.floor(ms / length);
    if (n > 0) out += `${n}${unit}`;
    ms -= n * length;
  }
  return out;
}
