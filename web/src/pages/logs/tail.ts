// What arrives live, and what of it is on show. Pure functions.
import type { Attempt } from "../../api/client.ts";

/** As many are kept; older ones are in the log. */
export const mostLive = 1000;

export interface Tail {
  /** On show, newest first. */
  shown: Attempt[];
  /** Arrived while paused, newest first. */
  waiting: Attempt[];
  /** How many arrived while paused, also those that are no longer kept. */
  arrived: number;
  /** How many are neither on show nor waiting: too many at once, here or at the server. */
  left: number;
}

export const emptyTail: Tail = { shown: [], waiting: [], arrived: 0, left: 0 };

/** Takes what arrived: into what is shown or, while paused, into what waits. */
export function take(tail: Tail, attempts: Attempt[], paused: boolean): Tail {
  const known = new Set([...tail.shown, ...tail.waiting].map((a) => a.id));
  const fresh: Attempt[] = [];
  for (const a of attempts) {
    if (known.has(a.id)) continue;
    known.add(a.id);
    fresh.push(a);
  }
  if (fresh.length === 0) return tail;
  if (paused) {
    const waiting = newestFirst([...fresh, ...tail.waiting]);
    return { ...tail, waiting: waiting.slice(0, mostLive), arrived: tail.arrived + fresh.length };
  }
  return bounded(tail, [...fresh, ...tail.shown]);
}

/** Shows what waited. */
export function release(tail: Tail): Tail {
  if (tail.arrived === 0) return tail;
  const gone = tail.arrived - tail.waiting.length;
  return bounded({ ...tail, waiting: [], arrived: 0, left: tail.left + gone }, [...tail.waiting, ...tail.shown]);
}

/** Notes that the server left some out. */
export function lose(tail: Tail, count: number): Tail {
  return { ...tail, left: tail.left + count };
}

/** As the log has them: by when they began, which their ids tell. They arrive when they end. */
function newestFirst(attempts: Attempt[]): Attempt[] {
  return attempts.sort((a, b) => (a.id < b.id ? 1 : -1));
}

function bounded(tail: Tail, shown: Attempt[]): Tail {
  return { ...tail, shown: newestFirst(shown).slice(0, mostLive), left: tail.left + Math.max(0, shown.length - mostLive) };
}
