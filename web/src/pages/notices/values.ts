// What the form of notices holds, and how it becomes what the API takes. All of it is pure.
import { t } from "@lingui/core/macro";
import type { Schemas } from "../../api/client.ts";
import { formatDuration, parseDuration } from "../../lib/time.ts";

export type Notices = Schemas["Notices"];
export type ChatKind = Schemas["Chat"]["kind"];

/** A channel: one that is there has an id and its URL in short, a new one the whole URL. */
export interface ChatRow {
  key: string;
  id?: string;
  kind: ChatKind | "";
  url: string;
}

export interface NoticeValues {
  emails: string[];
  chats: ChatRow[];
  /** In milliseconds, as text for a choice. */
  after: string;
  digest: string;
  /** Empty for any number. */
  failures: number | string;
  backlog: number | string;
  maxPending: number | string;
  page: string;
}

let rows = 0;

export function chatRow(): ChatRow {
  return { key: `chat${++rows}`, kind: "", url: "" };
}

export function noticeValues(n: Notices): NoticeValues {
  return {
    emails: n.emails,
    chats: n.chats.map((c) => ({ key: c.id, id: c.id, kind: c.kind, url: c.url })),
    after: String(parseDuration(n.after) ?? 0),
    digest: String(parseDuration(n.digest) ?? 0),
    failures: n.failures || "",
    backlog: n.backlog || "",
    maxPending: n.max_pending || "",
    page: n.page ?? "",
  };
}

/** What is saved: of the operators' notices how much may wait in all, of an app's where the button leads. */
export function noticesInput(v: NoticeValues, operators: boolean): Schemas["NoticesPut"] & Schemas["AppNoticesPut"] {
  return {
    emails: v.emails,
    chats: v.chats.filter((c) => c.id !== undefined || c.url.trim() !== "").map((c) => ({
      ...(c.id === undefined ? { url: c.url.trim() } : { id: c.id }),
      ...(c.kind === "" ? {} : { kind: c.kind }),
    })),
    after: formatDuration(Number(v.after)),
    digest: formatDuration(Number(v.digest)),
    failures: Number(v.failures),
    backlog: Number(v.backlog),
    ...(operators ? { max_pending: Number(v.maxPending) } : v.page.trim() === "" ? {} : { page: v.page.trim() }),
  };
}

/** The choices of a length of time, with the one that is set. */
export function choices(lengths: number[], set: string): number[] {
  return [...new Set([...lengths, Number(set)])].sort((x, y) => x - y);
}

const sampleAddress = "name@example.com";

/** What the API says of each field: those of a list stand with the list, but for a chat's. */
export function faultsOf(errors: { field: string; code?: string; detail: string }[]): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const e of errors) {
    const chat = /^chats\[(\d+)\]/.exec(e.field)?.[1];
    const field = chat === undefined ? e.field.replace(/\[.*/, "") : `chats.${chat}`;
    faults[field] ??= e.code === "email" ? t`This is no e-mail address: write it as ${sampleAddress}.` : e.detail;
  }
  return faults;
}
