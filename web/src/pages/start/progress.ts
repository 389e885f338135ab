import type { App, InboxRequest } from "../../api/client.ts";

// What the page cannot find on the server is kept for this tab: which app was
// chosen, and which event was published.

const storageKey = "bellhop-start";

export interface Kept {
  app?: string;
  event?: string;
  /** When the event was accepted. */
  published?: string;
  /** The endpoint at a receiver of one's own, where there are no inboxes. */
  endpoint?: string;
}

export function readKept(): Kept {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Kept) : {};
  } catch {
    return {}; // a page without storage: it starts anew
  }
}

export function writeKept(kept: Kept): void {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(kept));
  } catch {
    // It is only forgotten when the page is reloaded.
  }
}

/** The app to go on with: the one that was chosen, if it still is there, or the newest. */
export function appToUse(apps: App[], chosen: string | undefined): App | undefined {
  return apps.find((a) => a.id === chosen) ?? [...apps].sort((a, b) => b.created_at.localeCompare(a.created_at))[0];
}

/** The request that carried an event, by the id that every dialect with one sends; else the newest. */
export function arrivalOf(requests: InboxRequest[], event: string | undefined): InboxRequest | undefined {
  if (!event) return requests[0];
  const carries = (r: InboxRequest) => Object.values(r.headers).some((values) => values?.includes(event)) || Boolean(r.body?.includes(event));
  return requests.find(carries);
}
