import type { Key } from "../../api/client.ts";

export type Kind = "key" | "portal" | "session";

export const kinds: { value: Kind; label: string; empty: string }[] = [
  { value: "key", label: "API keys", empty: "There is no key that you may see." },
  { value: "portal", label: "Portal links", empty: "No portal link is valid now." },
  { value: "session", label: "Sessions", empty: "Nobody is signed in to the dashboard." },
];

/** The kind that an address names; keys unless it says otherwise. */
export function kindFrom(text: string | undefined): Kind {
  return kinds.find((k) => k.value === text)?.value ?? "key";
}

export const roles: { value: Key["role"]; label: string; words: string }[] = [
  { value: "publisher", label: "Publisher", words: "Publishes events, and reads events and logs. For your platform's own servers." },
  { value: "admin", label: "Admin", words: "May do everything, also make keys and read the audit log." },
  { value: "editor", label: "Editor", words: "Creates and changes endpoints, reads their secrets, resends events." },
  { value: "viewer", label: "Viewer", words: "Sees endpoints, events and logs, and changes nothing." },
];
