// Ranges of time: ISO times in the address, the chosen zone in the fields.
import type { MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import { chosen } from "../../lib/choices.ts";
import { shortTime, zonedTime } from "../../lib/time.ts";

export interface Range {
  since?: string;
  until?: string;
}

/** Ranges that end now. */
export const presets: { label: MessageDescriptor; ms: number }[] = [
  { label: msg`Last 15 minutes`, ms: 15 * 60_000 },
  { label: msg`Last hour`, ms: 3_600_000 },
  { label: msg`Last 24 hours`, ms: 86_400_000 },
  { label: msg`Last 7 days`, ms: 7 * 86_400_000 },
  { label: msg`Last 30 days`, ms: 30 * 86_400_000 },
];

/** A preset, to the whole second. */
export function presetRange(ms: number, now: Date = new Date()): Range {
  return { since: new Date(Math.floor((now.getTime() - ms) / 1000) * 1000).toISOString() };
}

/** What an input of type datetime-local shows for a time: "2026-11-22T14:02:11" in the chosen zone. */
export function toField(iso: string | undefined): string {
  if (!iso) return "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  if (chosen().zone === "utc") return at.toISOString().slice(0, 19);
  const two = (n: number) => String(n).padStart(2, "0");
  const year = String(at.getFullYear()).padStart(4, "0");
  return `${year}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The time that such an input holds; undefined if it is empty or none. */
export function fromField(text: string): string | undefined {
  if (text === "") return undefined;
  const at = new Date(chosen().zone === "utc" ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

const sampleTime = "2027-06-11T02:00:00Z";

/** Whether text is a time as the API reads them (RFC 3339). */
function isTime(text: string): boolean {
  const leap = text.replace(/:60(?=[.Zz+-])/, ":59"); // a leap second, which Date does not know
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(new Date(leap.toUpperCase()).getTime());
}

/** Says what is wrong with a range, if anything is. */
export function checkRange({ since, until }: Range): string | undefined {
  if (since && !isTime(since)) return t`The beginning in the address is no time: choose one here, or write it like ${sampleTime}.`;
  if (until && !isTime(until)) return t`The end in the address is no time: choose one here, or write it like ${sampleTime}.`;
  if (since && until && new Date(since) >= new Date(until)) return t`The end must be later than the beginning.`;
  return undefined;
}

/** A range in a few words. */
export function rangeLabel({ since, until }: Range, now: Date = new Date()): string {
  const text = (iso: string, zone = true) => {
    const at = new Date(iso);
    return Number.isNaN(at.getTime()) ? iso : zone ? zonedTime(at, now) : shortTime(at, now);
  };
  if (since && until) return `${text(since, false)} – ${text(until)}`;
  const [from, to] = [since && text(since), until && text(until)];
  if (from) return t`Since ${from}`;
  if (to) return t`Before ${to}`;
  return t`Any time`;
}
