// What a viewer has chosen about how pages look. It is kept in this browser.
import { useSyncExternalStore } from "react";

export interface Choices {
  /** The zone in which times are shown: the viewer's own, or UTC. */
  zone: "local" | "utc";
  /** How much of a list is seen at once. */
  rows: "roomy" | "dense";
  /** Whether single letters and signs do something (WCAG 2.2, 2.1.4). */
  keys: "on" | "off";
}

const usual: Choices = { zone: "local", rows: "roomy", keys: "on" };
const allowed: { [K in keyof Choices]: readonly Choices[K][] } = { zone: ["local", "utc"], rows: ["roomy", "dense"], keys: ["on", "off"] };

const place = "bellhop-choices";
const listeners = new Set<() => void>();
let choices = read();

function read(): Choices {
  let kept: Partial<Record<string, unknown>> = {};
  try {
    kept = JSON.parse(localStorage.getItem(place) ?? "{}") as typeof kept;
  } catch {
    // A frame may be kept from storage; then choices last as long as the page.
  }
  const choice = <K extends keyof Choices>(name: K) => allowed[name].find((a) => a === kept?.[name]) ?? usual[name];
  return { zone: choice("zone"), rows: choice("rows"), keys: choice("keys") };
}

/** What is chosen now; useChoices keeps a part of the page up to date with it. */
export function chosen(): Choices {
  return choices;
}

export function choose(change: Partial<Choices>): void {
  choices = { ...choices, ...change };
  try {
    localStorage.setItem(place, JSON.stringify(choices));
  } catch {
    // as above
  }
  for (const listener of listeners) listener();
}

export function useChoices(): Choices {
  return useSyncExternalStore(subscribe, chosen);
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener("storage", another);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener("storage", another);
  };
}

/** Another tab has chosen. */
function another(e: StorageEvent): void {
  if (e.key !== place) return;
  choices = read();
  for (const listener of listeners) listener();
}
