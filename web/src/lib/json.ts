import { t } from "@lingui/core/macro";
import { number } from "./text.ts";

/** What a text is as JSON, and whether a tree can show it without choking. */
export interface Look {
  /** The parsed object or array, if a tree can show it. */
  value?: unknown;
  /** Why it cannot, or what the tree hides. */
  note?: string;
  bytes: number;
}

const deepest = 200;
const mostNodes = 5000;

/** Looks at a text as JSON. */
export function looksAt(text: string): Look {
  const bytes = new TextEncoder().encode(text).length;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { bytes, note: t`This is not JSON: it is shown as it is.` };
  }
  if (typeof value !== "object" || value === null) return { bytes };
  const { nodes, depth } = measure(value);
  if (depth > deepest) return { bytes, note: t`This is nested ${depth} levels deep, too deep for a tree: it is shown as it is.` };
  const count = number(nodes);
  if (nodes > mostNodes) return { bytes, note: t`This has ${count} values, too many for a tree: it is shown as it is.` };
  if (hasRoundedNumber(text)) return { bytes, value, note: t`Large numbers are rounded here; Raw shows what was sent.` };
  return { bytes, value };
}

/** Counts values and levels, without recursion: hostile nesting must not end in a stack overflow. */
export function measure(value: unknown): { nodes: number; depth: number } {
  let nodes = 0;
  let depth = 0;
  const open: [unknown, number][] = [[value, 1]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [v, level] = next;
    nodes++;
    if (typeof v !== "object" || v === null) continue;
    depth = Math.max(depth, level);
    for (const member of Array.isArray(v) ? v : Object.values(v)) open.push([member, level + 1]);
  }
  return { nodes, depth };
}

/** Tells whether some number of the text is another one once JavaScript has read it. */
export function hasRoundedNumber(text: string): boolean {
  const outsideStrings = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  return (outsideStrings.match(/-?\d[\d.eE+-]*/g) ?? []).some((n) => exact(n) !== exact(String(Number(n))));
}

/** A number as its digits and their power of ten: the same for 1.50, 15e-1 and 0.15e1. */
function exact(number: string): string {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  if (whole === undefined) return number; // such as Infinity
  const digits = (whole + fraction).replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? "0" : `${sign}${kept}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - kept.length)}`;
}

/**
 * Indents JSON, or gives the text back if it is none. Only the spaces between its parts
 * change: each number and string stays as it is written, also those that JavaScript
 * cannot hold, and so do keys that are there twice.
 */
export function pretty(text: string): string {
  if (jsonFault(text) !== undefined) return text;
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g) ?? [];
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  let out = "";
  parts.forEach((part, i) => {
    const before = parts[i - 1];
    if (part === "]" || part === "}") {
      depth--;
      out += before === "[" || before === "{" ? part : line() + part;
      return;
    }
    if (before === "[" || before === "{" || before === ",") out += line();
    if (part === "[" || part === "{") depth++;
    out += part === ":" ? ": " : part;
  });
  return out;
}

/** What is saved of a text that was shown indented: what nobody touched, as it was. */
export function kept(original: string | undefined, now: string): string {
  return original !== undefined && pretty(original) === now ? original : now;
}

/** Says why a text is not JSON, or nothing if it is. */
export function jsonFault(text: string): string | undefined {
  const empty = "{}";
  if (text.trim() === "") return t`Give some JSON, such as ${empty}.`;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return t`This is not JSON: ${why}`;
  }
}
