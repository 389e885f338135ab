// A filter as people make it: conditions, each a field, a comparison and values. The API
// takes a JSON pattern; what of a pattern no condition can say is kept as JSON. Pure.
import { t } from "@lingui/core/macro";
import { Raw, written } from "../../../lib/exact.ts";
import { hasRoundedNumber, pretty } from "../../../lib/json.ts";

export type Comparison = "is" | "isNot" | "begins" | "ends" | "anyCase" | "more" | "atLeast" | "less" | "atMost" | "between" | "there" | "absent";

/** One line of the form. */
export interface Condition {
  /** Tells lines apart while they are edited. */
  key: string;
  /** The way through the data: customer.country. */
  field: string;
  comparison: Comparison;
  /** As they are typed: see valueOf. */
  values: string[];
  /** Of numbers: whether those in texts ("118.00") are read, too. */
  decimal: boolean;
}

/** What is known of a field of the data. */
export interface Field {
  path: string;
  types: string[];
  example?: unknown;
}

let made = 0;

export function condition(field = "", comparison: Comparison = "is", values: string[] = [], decimal = true): Condition {
  return { key: `condition${++made}`, field, comparison, values, decimal };
}

const bounds: Partial<Record<Comparison, string[]>> = { more: [">"], atLeast: [">="], less: ["<"], atMost: ["<="], between: [">=", "<="] };
const texts: Partial<Record<Comparison, string>> = { begins: "prefix", ends: "suffix", anyCase: "equals-ignore-case" };

/** How many values a comparison takes; Infinity for a list of them. */
export function valuesOf(comparison: Comparison): number {
  if (comparison === "there" || comparison === "absent") return 0;
  if (comparison === "is" || comparison === "isNot") return Infinity;
  return comparison === "between" ? 2 : 1;
}

/** The parts of a way through the data; a part with dots stands in quotes. */
export function partsOf(field: string): string[] {
  return [...field.matchAll(/"((?:[^"\\]|\\.)*)"|[^."[\]]+/g)].map((m) => {
    if (m[1] === undefined) return m[0].trim();
    try {
      return JSON.parse(m[0]) as string;
    } catch {
      return m[1];
    }
  }).filter((part) => part !== "");
}

export function fieldOf(parts: string[]): string {
  return parts.map((p) => (/^[^."[\]\s](?:[^."[\]]*[^."[\]\s])?$/.test(p) ? p : JSON.stringify(p))).join(".");
}

const scalar = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** A value as it is typed: a text as it is, unless it would be read as something else. */
export function literal(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return value === "" || value.trim() !== value || value.startsWith('"') || scalar.test(value) ? JSON.stringify(value) : value;
}

/** What a typed value is as JSON: a number, true, false and null as such, where the field can hold these; in quotes always a text. */
export function valueOf(typed: string, types: string[] = []): Raw {
  const text = typed.trim();
  if (/^".*"$/s.test(text)) {
    try {
      if (typeof JSON.parse(text) === "string") return new Raw(text);
    } catch {
      // a text that has quotes around it
    }
  }
  if (scalar.test(text)) {
    const kind = text === "null" ? "null" : text === "true" || text === "false" ? "boolean" : "number";
    const fits = types.length === 0 || types.includes(kind) || (kind === "number" && types.includes("integer")) || kind === "null";
    if (fits || !types.includes("string")) return new Raw(text);
  }
  return new Raw(JSON.stringify(text));
}

/** A decimal as JSON, in its own digits; undefined if it is none. */
function decimalOf(typed: string): Raw | undefined {
  const text = typed.trim().replace(/^"(.*)"$/, "$1").replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1");
  return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/.test(text) ? new Raw(text) : undefined;
}

/** Says what a line still lacks; undefined if it is complete. */
export function lacks(c: Condition): string | undefined {
  if (partsOf(c.field).length === 0) return t`Choose a field.`;
  const values = c.values.filter((v) => v.trim() !== "");
  if (c.comparison === "between" && values.length < 2) return t`Give both bounds.`;
  if (valuesOf(c.comparison) > 0 && values.length === 0) return t`Give a value.`;
  if (bounds[c.comparison]) {
    const bad = values.find((v) => !decimalOf(v));
    if (bad !== undefined) return t`“${bad}” is no number: write 100 or 99.50.`;
    if (c.comparison === "between" && Number(values[0]) > Number(values[1])) return t`The second number is to be the larger one.`;
  }
  return undefined;
}

/** The alternatives of a pattern that a line stands for. */
function alternatives(c: Condition, types: string[]): unknown[] {
  const values = c.values.filter((v) => v.trim() !== "");
  const ops = bounds[c.comparison];
  if (ops) return [{ [c.decimal ? "decimal" : "numeric"]: ops.flatMap((op, i) => [op, decimalOf(values[i]!)]) }];
  const text = texts[c.comparison];
  if (text) return [{ [text]: JSON.parse(valueOf(values[0]!, ["string"]).text) as string }];
  if (c.comparison === "there" || c.comparison === "absent") return [{ exists: c.comparison === "there" }];
  const list = values.map((v) => valueOf(v, types));
  return c.comparison === "is" ? list : [{ "anything-but": list.length === 1 ? list[0] : list }];
}

/** The pattern of the lines that are complete, and what is wrong with the others, by key. */
export function patternOf(conditions: Condition[], typesOf: (field: string) => string[] = () => []): { text: string; faults: Map<string, string> } {
  const faults = new Map<string, string>();
  const root: Record<string, unknown> = {};
  for (const c of conditions) {
    const lacking = lacks(c);
    if (lacking !== undefined) {
      faults.set(c.key, lacking);
      continue;
    }
    const parts = partsOf(c.field);
    let node = root;
    let taken = parts.includes("$or");
    parts.slice(0, -1).forEach((part) => {
      const next = Object.hasOwn(node, part) ? node[part] : (node[part] = {});
      if (Array.isArray(next)) taken = true;
      else node = next as Record<string, unknown>;
    });
    const last = parts.at(-1)!;
    if (taken || Object.hasOwn(node, last)) {
      faults.set(c.key, parts.includes("$or") ? t`A field of this name cannot be compared.` : t`Another line is about this field: put all values into one line.`);
      continue;
    }
    node[last] = alternatives(c, typesOf(c.field));
  }
  const whole = strip(root);
  return { text: whole === undefined ? "" : pretty(written(whole)), faults };
}

/** Leaves out objects that hold nothing: those on the way to a line that was not taken. */
function strip(node: Record<string, unknown>): Record<string, unknown> | undefined {
  const kept = Object.entries(node).flatMap(([name, value]): [string, unknown][] => {
    if (Array.isArray(value)) return [[name, value]];
    const inner = strip(value as Record<string, unknown>);
    return inner === undefined ? [] : [[name, inner]];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** A pattern that lines cannot show: why not. */
export interface Unshown {
  why: string;
}

class Beyond extends Error {}

/** The lines of a pattern, or why there are none. */
export function conditionsOf(text: string): Condition[] | Unshown {
  if (text.trim() === "") return [];
  if (wrongFilter(text) !== undefined) return { why: t`The JSON below is not complete.` };
  if (hasRoundedNumber(text)) return { why: t`It has a number with more digits than a form can hold.` };
  const found: Condition[] = [];
  try {
    walk(JSON.parse(text) as Record<string, unknown>, [], found);
  } catch (error) {
    if (error instanceof Beyond) return { why: error.message };
    throw error;
  }
  return found;
}

function walk(node: Record<string, unknown>, way: string[], found: Condition[]): void {
  for (const [name, value] of Object.entries(node)) {
    if (name === "$or") throw new Beyond(t`It asks for one of several patterns ($or).`);
    const here = [...way, name];
    if (Array.isArray(value)) found.push(lineOf(fieldOf(here), value));
    else walk(value as Record<string, unknown>, here, found);
  }
}

function lineOf(field: string, list: unknown[]): Condition {
  const beyond = () => new Beyond(t`At ${field}, it has alternatives that one line cannot hold.`);
  if (list.every((v) => typeof v !== "object" || v === null)) return condition(field, "is", list.map(literal));
  if (list.length !== 1) throw beyond();
  const [[op, arg]] = Object.entries(list[0] as object) as [[string, unknown]];
  if (op === "exists") return condition(field, arg === true ? "there" : "absent");
  if (op === "anything-but") {
    const values = Array.isArray(arg) ? (arg as unknown[]) : [arg];
    if (values.some((v) => typeof v === "object" && v !== null)) throw beyond();
    return condition(field, "isNot", values.map(literal));
  }
  if (op === "numeric" || op === "decimal") {
    const pairs = arg as unknown[];
    const ops = pairs.filter((_, i) => i % 2 === 0).join(" ");
    const comparison = (Object.keys(bounds) as Comparison[]).find((c) => bounds[c]!.join(" ") === ops);
    if (!comparison) throw beyond();
    return condition(field, comparison, pairs.filter((_, i) => i % 2 === 1).map(String), op === "decimal");
  }
  const comparison = (Object.keys(texts) as Comparison[]).find((c) => texts[c] === op)!;
  return condition(field, comparison, [literal(arg)]);
}

// Braces in a message would be taken for its values.
const sampleFilter = '{"status": ["paid"]}';
const sampleOr = '[{"a": [1]}, {"b": [2]}]';
const sampleAny = '[{"exists": true}]';
const samplePrefix = '{"prefix": "x"}';

const operators = ["prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "decimal", "exists"];
const misplaced = ["equals-ignore-case", "anything-but", "numeric", "decimal"];

/** Says what is wrong with a filter's text, by the field that it is about; undefined if nothing is. */
export function wrongFilter(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const said = (error as Error).message.replace(/^JSON\.parse: /, "");
    return t`This is not valid JSON yet: ${said}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return t`A filter stands in braces, such as ${sampleFilter}.`;
  return wrongNode(value as Record<string, unknown>, []);
}

function wrongNode(node: Record<string, unknown>, way: string[]): string | undefined {
  for (const [name, value] of Object.entries(node)) {
    const field = fieldOf([...way, name]);
    const found = name === "$or" ? wrongOr(value, way) : wrongMember(name, value, field, [...way, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function wrongOr(value: unknown, way: string[]): string | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.some((v) => typeof v !== "object" || v === null || Array.isArray(v) || Object.keys(v as object).length === 0)) {
    return t`$or takes patterns in brackets, such as ${sampleOr}.`;
  }
  for (const v of value) {
    const found = wrongNode(v as Record<string, unknown>, way);
    if (found !== undefined) return found;
  }
  return undefined;
}

function wrongMember(name: string, value: unknown, field: string, way: string[]): string | undefined {
  const quoted = JSON.stringify(name);
  if (typeof value !== "object" || value === null) {
    const shown = JSON.stringify(value);
    const right = `${quoted}: [${shown}]`;
    return t`At ${field}, the values stand in brackets: write ${right}.`;
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return t`At ${field}, no value stands in the brackets, so nothing would fit.`;
    for (const v of value) {
      const found = wrongAlternative(v, field);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const inside = Object.keys(value);
  const only = inside[0];
  if (only === undefined) return t`At ${field}, the braces are empty: name a field in them, or write ${sampleAny} for any value.`;
  if (inside.length === 1 && misplaced.includes(only)) {
    const right = `${quoted}: [{"${only}": …}]`;
    return t`At ${field}, the comparison stands in brackets: write ${right}.`;
  }
  return wrongNode(value as Record<string, unknown>, way);
}

function wrongAlternative(value: unknown, field: string): string | undefined {
  if (Array.isArray(value)) return t`At ${field}, brackets stand in brackets: list all values in one pair of them.`;
  if (typeof value !== "object" || value === null) return undefined;
  const entries = Object.entries(value);
  const [op, arg] = entries[0] ?? ["", undefined];
  if (entries.length !== 1 || !operators.includes(op)) {
    const all = operators.join(", ");
    return entries.length === 1
      ? t`At ${field}, “${op}” is no comparison: use one of ${all}.`
      : t`At ${field}, the braces hold one comparison, such as ${samplePrefix}.`;
  }
  if (["prefix", "suffix", "equals-ignore-case"].includes(op) && typeof arg !== "string") {
    const right = `{"${op}": "x"}`;
    return t`At ${field}, ${op} takes a text: write ${right}.`;
  }
  if (op === "exists" && typeof arg !== "boolean") return t`At ${field}, exists takes true or false.`;
  if (op === "anything-but" && Array.isArray(arg) && arg.length === 0) return t`At ${field}, anything-but names no value.`;
  if ((op === "numeric" || op === "decimal") && !boundsFit(op, arg)) {
    const right = `{"${op}": [">", 100]}`;
    return t`At ${field}, ${op} takes a comparison and a number, once or more: write ${right}.`;
  }
  return undefined;
}

function boundsFit(op: string, arg: unknown): boolean {
  if (!Array.isArray(arg) || arg.length === 0 || arg.length % 2 !== 0 || arg.length > 8) return false;
  return arg.every((x: unknown, i) => (i % 2 === 0
    ? ["=", "<", "<=", ">", ">="].includes(x as string)
    : typeof x === "number" || (op === "decimal" && typeof x === "string" && decimalOf(x) !== undefined)));
}

/** The place that a JSON pointer into a pattern names, as a field: "/customer/country/0/prefix" is customer.country. */
export function placeIn(pointer: string): string {
  const parts = pointer.split("/").slice(1).map((p) => p.replaceAll("~1", "/").replaceAll("~0", "~"));
  const end = parts.findIndex((p, i) => i > 0 && /^\d+$/.test(p) && parts[i - 1] !== "$or");
  return fieldOf((end < 0 ? parts : parts.slice(0, end)).filter((p, i, all) => p !== "$or" && !(all[i - 1] === "$or" && /^\d+$/.test(p))));
}

/** Conditions that the events of the fields' examples fit, to begin with. */
export function suggestions(fields: Field[]): Condition[] {
  const found: Condition[] = [];
  const amount = fields.find((f) => /^\d+\.\d+$|^\d{2,}$/.test(String(f.example)) && !/id$/i.test(f.path));
  if (amount) {
    // A round number below the example: 118.00 is more than 100.
    const n = Number(amount.example);
    const size = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
    const below = Math.floor(n / size) * size;
    found.push(condition(amount.path, "more", [String(below < n ? below : Math.floor(n / 2))], amount.types.includes("string")));
  }
  const word = fields.find((f) => typeof f.example === "string" && /^[\w-]{2,24}$/.test(f.example) && !/^\d|id$/i.test(f.example) && !/id$/i.test(f.path));
  if (word) found.push(condition(word.path, "is", [literal(word.example)]));
  const flag = fields.find((f) => typeof f.example === "boolean");
  if (flag && found.length < 2) found.push(condition(flag.path, "is", [literal(flag.example)]));
  return found;
}
