// The request that is checked, as the form has it.
import type { Attempt, Schemas } from "../../api/client.ts";

export interface Draft {
  endpoint?: string;
  headers: string;
  body: string;
  /** A body that was taken from a file, byte for byte; it goes before body. */
  file?: { name: string; base64: string };
  secret: string;
  anyTime: boolean;
}

export const emptyDraft: Draft = { headers: "", body: "", secret: "", anyTime: false };

/** An attempt's request, as people would paste it. */
export function captured(attempt: Attempt): Pick<Draft, "headers" | "body"> {
  const lines = Object.entries(attempt.request_headers ?? {}).flatMap(([name, values]) => (values ?? []).map((value) => `${name}: ${value}`));
  return { headers: lines.join("\n"), body: attempt.request_body ?? "" };
}

/** The question for the server. What is left as the attempt has it is left to the server, which knows its bytes. */
export function question(draft: Draft, attempt: Attempt | undefined): Schemas["CheckRequestInput"] {
  const sent = attempt && captured(attempt);
  const body = draft.file ? { body_base64: draft.file.base64 } : sent && draft.body === sent.body ? {} : { body: draft.body };
  return {
    ...(attempt && { attempt: attempt.id }),
    ...(draft.endpoint && { endpoint: draft.endpoint }),
    ...(!(sent && draft.headers === sent.headers) && draft.headers !== "" && { headers: draft.headers }),
    ...body,
    ...(draft.secret !== "" && { secret: draft.secret }),
    ...(draft.anyTime && { any_time: true }),
  };
}

/** The bytes of a file in base64. */
export async function base64Of(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
