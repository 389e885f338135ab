import { number } from "../../lib/text.ts";

export interface Trend {
  direction: "up" | "down" | "same";
  /** Such as "12 % more". */
  words: string;
}

interface Words {
  more: string;
  less: string;
}

/** How a value compares with an earlier one; undefined where there was none to compare with. */
export function trend(now: number | undefined, before: number | undefined, words: Words = { more: "more", less: "less" }): Trend | undefined {
  if (now === undefined || !before) return undefined;
  const change = (now - before) / before;
  if (Math.abs(change) < 0.005) return { direction: "same", words: "about the same" };
  const size = change >= 10 ? `${number(Math.round(now / before))} times` : `${Math.max(1, Math.round(Math.abs(change) * 100))} %`;
  return change > 0 ? { direction: "up", words: `${size} ${change >= 10 ? "as much" : words.more}` } : { direction: "down", words: `${size} ${words.less}` };
}

/** How a share compares with an earlier one, in points of a percentage. */
export function trendOfShare(now: number | undefined, before: number | undefined): Trend | undefined {
  if (now === undefined || before === undefined) return undefined;
  const points = (now - before) * 100;
  if (Math.abs(points) < 0.005) return { direction: "same", words: "the same" };
  const size = Math.abs(points) < 0.1 ? Math.abs(points).toFixed(2) : Math.abs(points).toFixed(1);
  return points > 0 ? { direction: "up", words: `${size} points more` } : { direction: "down", words: `${size} points less` };
}

/** The share of successes, if there was anything. */
export function successShare(total: { succeeded: number; failed: number } | undefined): number | undefined {
  const all = total ? total.succeeded + total.failed : 0;
  return total && all > 0 ? total.succeeded / all : undefined;
}

/** A rate per second for people: 0, 0.05, 3.2, 120. */
export function perSecond(count: number, seconds: number): string {
  const rate = count / seconds;
  if (rate === 0) return "0";
  if (rate < 1) return rate.toFixed(2);
  return rate < 100 ? rate.toFixed(1) : number(Math.round(rate));
}
