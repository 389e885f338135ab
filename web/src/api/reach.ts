// Whether Bellhop answers: every request of this page finds out, and whoever shows
// what it said earlier can say that it is old.
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let lost: Date | undefined;

/** Notes that a request was answered, or that none came through. */
export function noteReach(answered: boolean): void {
  if (answered === (lost === undefined)) return;
  lost = answered ? undefined : new Date();
  for (const listener of listeners) listener();
}

/** Since when Bellhop has not answered; undefined while it does. */
export function useLostSince(): Date | undefined {
  return useSyncExternalStore(subscribe, lostSince);
}

export function lostSince(): Date | undefined {
  return lost;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Sends a request, and notes whether an answer of Bellhop came: not one of a proxy that has lost it. */
export async function reaching(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    noteReach(![502, 504].includes(response.status));
    return response;
  } catch (error) {
    if (!request.signal.aborted) noteReach(false);
    throw error;
  }
}

/** Asks whether Bellhop answers now. */
export async function reachable(): Promise<boolean> {
  const answer = await reaching(new Request(new URL("/healthz", location.origin), { cache: "no-store" })).catch(() => undefined);
  return answer?.ok === true;
}
