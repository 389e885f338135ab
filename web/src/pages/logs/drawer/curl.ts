import type { Attempt } from "../../../api/client.ts";
import { shellQuote } from "../../../lib/shell.ts";

// curl makes these itself, for the connection that it opens.
const ofConnection = new Set(["content-length", "connection", "transfer-encoding", "host", "accept-encoding", "expect"]);

/** A curl command that sends the request of an attempt again, for those who repair a receiver. */
export function asCurl(attempt: Pick<Attempt, "url" | "method" | "request_headers">, body: string | undefined): string {
  const lines = [`curl --globoff --include --request ${attempt.method ?? "POST"}`, `  --url ${shellQuote(attempt.url ?? "")}`];
  for (const [name, values] of Object.entries(attempt.request_headers ?? {})) {
    if (ofConnection.has(name.toLowerCase())) continue;
    // A header without a value ends with a semicolon, or curl would leave it out.
    for (const value of values ?? []) lines.push(`  --header ${shellQuote(oneLine(value === "" ? `${name};` : `${name}: ${value}`))}`);
  }
  // --data-raw, because --data would read a file where the text begins with "@".
  if (body !== undefined) lines.push(`  --data-raw ${shellQuote(body)}`);
  return lines.join(" \\\n");
}

/** A header has one line; a NUL would end the argument. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, " ");
}
