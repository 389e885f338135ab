// The apps of an endpoint: names or, where what it wants differs by app, objects.
import type { Endpoint } from "../api/client.ts";

export type AppEntry = Endpoint["apps"][number];
export type AppTerms = Exclude<AppEntry, string>;

export function appName(entry: AppEntry): string {
  return typeof entry === "string" ? entry : entry.app;
}

export function appNames(endpoint: Pick<Endpoint, "apps">): string[] {
  return endpoint.apps.map(appName);
}

/** What the endpoint wants to hear of one app, with nothing left to what holds for the others. */
export function termsOf(endpoint: Pick<Endpoint, "apps" | "events" | "subjects" | "filter">, app: string): { events: string[]; subjects: string[]; filtered: boolean } {
  const own = endpoint.apps.find((a): a is AppTerms => typeof a !== "string" && a.app === app);
  const filter = own?.filter ?? endpoint.filter;
  return {
    events: own?.events ?? endpoint.events,
    subjects: own?.subjects ?? endpoint.subjects,
    filtered: typeof filter === "object" && filter !== null && Object.keys(filter).length > 0,
  };
}

/** Every pattern of event types that the endpoint has, for whichever app. */
export function allEvents(endpoint: Pick<Endpoint, "apps" | "events">): string[] {
  const lists = endpoint.apps.map((a) => (typeof a === "string" ? endpoint.events : a.events ?? endpoint.events));
  return lists.some((l) => l.length === 0) ? [] : [...new Set(lists.flat())];
}
