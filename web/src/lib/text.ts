import { plural as countOf } from "@lingui/core/macro";
import { forLocale } from "../language/language.ts";

const and = forLocale((locale) => new Intl.ListFormat(locale, { type: "conjunction" }));

/** "a", "a and b", "a, b, and c" */
export function andList(parts: string[]): string {
  return and().format(parts);
}

const count = forLocale((locale) => new Intl.NumberFormat(locale));
const compact = forLocale((locale) => new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 }));
const digits = forLocale((locale) => [0, 1, 2].map((n) => new Intl.NumberFormat(locale, { minimumFractionDigits: n, maximumFractionDigits: n })));

/** 12,345 */
export function number(n: number): string {
  return count().format(n);
}

/** 12.3K */
export function shortNumber(n: number): string {
  return n < 10_000 ? count().format(n) : compact().format(n);
}

/** "1 delivery", "12 deliveries" */
export function plural(n: number, one: string, many: string = `${one}s`): string {
  return `${count().format(n)} ${n === 1 ? one : many}`;
}

/** A share as a percentage that never rounds a failure away: 99.99 % is not 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const p = (part / whole) * 100;
  if (p === 100 || p === 0) return `${p} %`;
  return `${digits()[p > 99 || p < 1 ? 2 : 1]!.format(Math.min(Math.max(p, 0.01), 99.99))} %`;
}

/** Sizes in bytes, for people. */
export function byteSize(n: number): string {
  if (n < 1024) return countOf(n, { one: "# byte", other: "# bytes" });
  const tenths = digits()[1]!;
  return n < 1024 * 1024 ? `${tenths.format(n / 1024)} KiB` : `${tenths.format(n / 1024 / 1024)} MiB`;
}

/** What an app is called, so that people find it by its name and by its id. */
export function appLabel(app: { id: string; name?: string }): string {
  return app.name ? `${app.name} (${app.id})` : app.id;
}

/** Makes a sentence of a detail such as "is missing: …", which begins with its verb. */
export function sentence(subject: string, detail: string): string {
  if (subject.endsWith(":")) return `${subject} ${detail}`;
  return /^(is|are|has|must|may|names|lasts|cannot|contains|needs)\b/.test(detail) ? `${subject} ${detail}` : detail.charAt(0).toUpperCase() + detail.slice(1);
}

/** Tells whether a name fits a pattern of the API: exact, or a prefix and a trailing "*". */
export function fits(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
