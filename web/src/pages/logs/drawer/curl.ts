import type { Attempt } from "../../../api/client.ts";
import { shellQuote } from "../../../lib/shell.ts";

// curl makes these itself, for the connection that it opens.
const ofConnection = new Set(["content-length", "connection", "transfer-encoding", "host", "expect"]);

// What curl would add of its own: a header without a value takes it away.
const ofCurl = ["Accept", "Expect", "Content-Type"];

/** What stands in the log in place of a credential. */
const hidden = "(hidden)";

/** The longest body, in characters, that is an argument: Linux has room for 128 KiB. */
const longest = 32_000;

/** A command, and the variables that stand in it for what the log hides. */
export interface Curl {
  command: string;
  variables: string[];
}

type Repeated = Pick<Attempt, "url" | "method" | "request_headers" | "request_body" | "request_body_base64">;

/**
 * A command for a POSIX shell that makes the request of an attempt again, byte for byte,
 * for those who repair a receiver: the same as `bellhop logs show --curl`. Bytes that no
 * argument can hold, or that no terminal copies as they are, go to curl by its input.
 */
export function asCurl(a: Repeated): Curl {
  const variables: string[] = [];
  const quote = (text: string, about: string) => {
    if (!text.includes(hidden)) return shellQuote(text);
    const variable = about.toUpperCase().replace(/[^A-Z0-9]/g, "_").replace(/^(?=\d)/, "_");
    if (!variables.includes(variable)) variables.push(variable);
    return shellQuote(text).replaceAll(hidden, `'"$${variable}"'`);
  };
  const words = [`curl --globoff --path-as-is --include --request ${a.method ?? "POST"}`, `--url ${quote(onTheWire(a.url ?? ""), "query")}`];
  const given = new Set<string>();
  for (const [name, values] of Object.entries(a.request_headers ?? {}).sort(([x], [y]) => (x < y ? -1 : 1))) {
    given.add(name.toLowerCase());
    if (ofConnection.has(name.toLowerCase())) continue;
    // A header without a value ends with a semicolon, or curl would leave it out.
    for (const value of values ?? []) words.push(`--header ${quote(oneLine(value === "" ? `${name};` : `${name}: ${value}`), name)}`);
  }
  // The log leaves out what is the same in all requests.
  if (!given.has("user-agent")) words.push("--header 'User-Agent: Bellhop'");
  for (const name of ofCurl) {
    if (!given.has(name.toLowerCase())) words.push(`--header '${name}:'`);
  }
  const text = a.request_body_base64 ? undefined : a.request_body ?? "";
  const sends = text !== "" || (a.method !== "GET" && a.method !== "DELETE");
  const bytes = a.request_body_base64 ?? (text!.length > longest || !plain(text!) ? encodeBase64(text!) : undefined);
  if (bytes !== undefined) words.push("--data-binary @-");
  // --data-raw, because --data would read a file where the text begins with "@".
  else if (sends) words.push(`--data-raw ${shellQuote(text!)}`);
  const command = words.join(" \\\n  ");
  return { variables, command: bytes === undefined ? command : `base64 -d <<'END' | ${command}\n${bytes.replace(/(.{76})(?=.)/g, "$1\n")}\nEND` };
}

/** Whether a text can be an argument: of the kind that terminals show and copy as it is. */
function plain(text: string): boolean {
  return !/[^\n\t\P{C}]|[\p{Zl}\p{Zp}]/u.test(text);
}

/** A URL as it goes over the wire: as it was written, but for what may not stand in a path or query. curl encodes nothing. */
function onTheWire(url: string): string {
  const [, origin = "", path = "", query = ""] = /^(?:listen\+)?(https?:\/\/[^/?#]*)([^?#]*)(\?[^#]*)?/.exec(url) ?? [];
  if (origin === "") return url;
  const encode = (part: string, allowed: RegExp) =>
    part.split(hidden).map((some) => some.replace(/%[0-9A-Fa-f]{2}|[\s\S]/gu, (c) => (c.length === 3 || allowed.test(c) ? c : encodeAll(c)))).join(hidden);
  return origin + encode(path, /[A-Za-z0-9\-._~!$&'()*+,;=:@/]/) + (query ? `?${encode(query.slice(1), /[A-Za-z0-9\-._~!$&'()*+,;=:@/?]/)}` : "");
}

/** Every byte of a character as percent and two digits. */
function encodeAll(char: string): string {
  return [...new TextEncoder().encode(char)].map((b) => `%${b.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** A text's bytes (UTF-8) as base64. */
function encodeBase64(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

/** A header has one line; a NUL would end the argument. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, " ");
}
