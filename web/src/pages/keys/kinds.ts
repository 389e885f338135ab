import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Key } from "../../api/client.ts";

export type Kind = "key" | "portal" | "session";

export const kinds: { value: Kind; label: MessageDescriptor; empty: MessageDescriptor }[] = [
  { value: "key", label: msg`API keys`, empty: msg`There is no key that you may see.` },
  { value: "portal", label: msg`Portal links`, empty: msg`No portal link is valid now.` },
  { value: "session", label: msg`Sessions`, empty: msg`Nobody is signed in to the dashboard.` },
];

/** The kind that an address names; keys unless it says otherwise. */
export function kindFrom(text: string | undefined): Kind {
  return kinds.find((k) => k.value === text)?.value ?? "key";
}

export const roles: { value: Key["role"]; label: MessageDescriptor; words: MessageDescriptor }[] = [
  { value: "publisher", label: msg`Publisher`, words: msg`Publishes events, and reads events and logs. For your platform's own servers.` },
  { value: "admin", label: msg`Admin`, words: msg`May do everything, also make keys and read the audit log.` },
  { value: "editor", label: msg`Editor`, words: msg`Creates and changes endpoints, reads their secrets, resends events.` },
  { value: "viewer", label: msg`Viewer`, words: msg`Sees endpoints, events and logs, and changes nothing.` },
];
