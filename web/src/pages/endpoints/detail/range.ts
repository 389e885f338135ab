import { msg } from "@lingui/core/macro";

/** The ranges that can be looked at. */
export const ranges = {
  "1h": { label: "1 h", words: msg`the last hour`, ms: 3_600_000, every: 10_000 },
  "24h": { label: "24 h", words: msg`the last 24 hours`, ms: 86_400_000, every: 20_000 },
  "7d": { label: "7 d", words: msg`the last 7 days`, ms: 7 * 86_400_000, every: 60_000 },
  "30d": { label: "30 d", words: msg`the last 30 days`, ms: 30 * 86_400_000, every: 60_000 },
} as const;

export type Range = keyof typeof ranges;

/** The range that an address names, or the usual one. */
export function rangeOf(text: string | undefined): Range {
  return text !== undefined && Object.hasOwn(ranges, text) ? (text as Range) : "24h";
}
