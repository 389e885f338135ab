import type { Inbox, Schemas } from "../../api/client.ts";
import { plural } from "../../lib/text.ts";

/** What an inbox can be told to answer with, and what Bellhop makes of it. */
export const answers: { status: number; words: string; effect: string }[] = [
  { status: 200, words: "200 OK", effect: "The delivery succeeds." },
  { status: 201, words: "201 Created", effect: "The delivery succeeds: any 2xx does." },
  { status: 400, words: "400 Bad request", effect: "The delivery fails and is tried again." },
  { status: 404, words: "404 Not found", effect: "The delivery fails and is tried again." },
  { status: 410, words: "410 Gone", effect: "The receiver wants no more: Bellhop disables the endpoint." },
  { status: 429, words: "429 Too many requests", effect: "Bellhop slows down and tries again." },
  { status: 500, words: "500 Internal server error", effect: "The delivery fails and is tried again." },
  { status: 503, words: "503 Unavailable", effect: "The delivery fails; Bellhop slows down and tries again." },
];

/** "500 Internal server error", also for a status that is not in the list. */
export function answerWords(status: number): string {
  return answers.find((a) => a.status === status)?.words ?? String(status);
}

type Programmed = Pick<Inbox, "answer_status" | "answer_body" | "answer_headers" | "answer_delay" | "fail_first" | "fail_left" | "fail_status">;

/** What an inbox answers besides its status, in a sentence; "" if there is nothing to say. */
export function answerExtras(inbox: Programmed): string {
  const parts: string[] = [];
  if (inbox.fail_left) parts.push(`the next ${plural(inbox.fail_left, "request")} with ${answerWords(inbox.fail_status)}`);
  if (inbox.answer_delay) parts.push(`after ${inbox.answer_delay}`);
  if (inbox.answer_body) parts.push("with a text of its own");
  const headers = Object.keys(inbox.answer_headers ?? {});
  if (headers.length > 0) parts.push(`with ${headers.join(", ")}`);
  return parts.join("; ");
}

/** The form's values. Headers that it has no field for are kept as they are. */
export interface AnswerDraft {
  status: number;
  delay: number;
  failFirst: number;
  failStatus: number;
  body: string;
  contentType: string;
  retryAfter: number;
  headers: Record<string, string>;
}

export const contentTypes = ["text/plain; charset=utf-8", "application/json"];

export function draftOf(inbox: Programmed): AnswerDraft {
  const headers: Record<string, string> = {};
  let contentType = contentTypes[0]!;
  let retryAfter = 0;
  for (const [name, value] of Object.entries(inbox.answer_headers ?? {})) {
    if (name.toLowerCase() === "content-type") contentType = value.includes("json") ? contentTypes[1]! : contentTypes[0]!;
    else if (name.toLowerCase() === "retry-after" && /^\d+$/.test(value)) retryAfter = Number(value);
    else headers[name] = value;
  }
  return {
    status: inbox.answer_status, delay: seconds(inbox.answer_delay ?? "0s"), failFirst: inbox.fail_left ?? 0, failStatus: inbox.fail_status,
    body: inbox.answer_body ?? "", contentType, retryAfter, headers,
  };
}

/** What to send so that the inbox answers as the form says. */
export function changeOf(draft: AnswerDraft): Schemas["InboxPatch"] {
  const headers = { ...draft.headers };
  if (draft.contentType !== contentTypes[0]) headers["Content-Type"] = draft.contentType;
  if (draft.retryAfter > 0) headers["Retry-After"] = String(draft.retryAfter);
  return {
    answer_status: draft.status, answer_delay: `${Math.round(draft.delay * 1000)}ms`, answer_body: draft.body,
    answer_headers: headers, fail_first: draft.failFirst, fail_status: draft.failStatus,
  };
}

/** The statuses that fail a delivery, to choose from. */
export function failures(chosen: number): { value: string; label: string }[] {
  const list = answers.filter((a) => a.status >= 300).map((a) => ({ value: String(a.status), label: a.words }));
  if (!list.some((a) => a.value === String(chosen))) list.push({ value: String(chosen), label: String(chosen) });
  return list;
}

/** A duration of the API, such as "1m30s" or "250ms", in seconds. */
function seconds(duration: string): number {
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  let sum = 0;
  for (const [, number, unit] of duration.matchAll(/(\d+)(ms|s|m|h)/g)) sum += Number(number) * units[unit!]!;
  return sum;
}

/** A time that is left, by the second when it is short: "1 h 12 min", "4 min 9 s". */
export function timeLeft(ms: number): string {
  if (ms <= 0) return "expired";
  const s = Math.ceil(ms / 1000);
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min ${s % 60} s`;
  return `${Math.floor(min / 60)} h ${min % 60} min`;
}
