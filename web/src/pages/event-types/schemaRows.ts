import { plural, t } from "@lingui/core/macro";
import { forLocale } from "../../language/language.ts";
// A JSON Schema as rows of a table, for people who read it: what fields
// there are, what stands in them, which are required. Not a validator: what it
// cannot put into words it leaves to the raw schema. Pure functions.

/** One field of the data. */
export interface SchemaRow {
  /** Unique in the table. */
  key: string;
  /** What the row is called: a field, "each item", "one of: 1". */
  name: string;
  /** The whole way to it: "customer.email", "lines[].sku". */
  path: string;
  /** How deep it is nested. */
  depth: number;
  type: string;
  required: boolean;
  description?: string;
  /** "one of CAD, EUR", "at least 1", "format email". */
  constraints: string[];
  deprecated?: boolean;
  /** It repeats what stands further up, or is nested too deep, so that it ends here. */
  cut?: string;
}

type Schema = Record<string, unknown>;

const deepest = 12;
const mostRows = 1000;
const mostSteps = 20_000;

/** The document that references lead into, and how many may still be followed: each of forty parts may use the next one twice. */
interface Doc {
  root: Schema;
  left: number;
}

interface Walk {
  doc: Doc;
  rows: SchemaRow[];
}

/** The rows of a schema; none if it says nothing about fields. */
export function schemaRows(schema: unknown): SchemaRow[] {
  if (!isSchema(schema)) return [];
  const walk: Walk = { doc: { root: schema, left: mostSteps }, rows: [] };
  const top = resolve(walk.doc, schema, []);
  if (top.cut) return []; // it is nothing but itself
  if (top.schema && isLeaf(top.schema)) {
    add(walk, { name: t`(the data)`, path: "", depth: 0, required: true }, top.schema, typeOf(top.schema, walk.doc));
  }
  if (top.schema) children(walk, top.schema, "", 0, top.seen);
  return walk.rows;
}

const numbered = (number: number) => t`item ${number}`;

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follows $ref within the document. seen are the schemas on the way here, to notice those that contain themselves. */
function resolve(doc: Doc, schema: Schema, seen: Schema[]): { schema?: Schema; seen: Schema[]; cut?: string } {
  let current = schema;
  const way = [...seen];
  for (;;) {
    if (doc.left-- <= 0) return { seen: way, cut: t`too much to list` };
    if (way.includes(current)) return { schema: current, seen: way, cut: asAbove(labelOf(current, doc.root)) };
    way.push(current);
    const ref = current.$ref ?? current.$dynamicRef;
    if (typeof ref !== "string") return { schema: merged(doc, current, way), seen: way };
    const target = lookUp(doc.root, ref);
    if (!isSchema(target)) return { schema: current, seen: way, cut: t`see ${ref}` };
    if (way.includes(target)) return { schema: { ...target, ...without(current, "$ref", "$dynamicRef") }, seen: way, cut: asAbove(nameOfRef(ref)) };
    const beside = without(current, "$ref", "$dynamicRef");
    if (Object.keys(beside).length === 0) {
      current = target;
      continue;
    }
    // What stands beside a $ref holds as well, so both are one.
    way.push(target);
    const end = typeof target.$ref === "string" ? resolve(doc, target, way.slice(0, -1)) : { schema: merged(doc, target, way), seen: way };
    return { ...end, schema: end.schema && combine(end.schema, beside) };
  }
}

/** The schema of a reference: "#", "#/$defs/line", or an $anchor. */
function lookUp(root: Schema, ref: string): unknown {
  if (ref === "#") return root;
  if (ref.startsWith("#/")) {
    let at: unknown = root;
    for (const raw of ref.slice(2).split("/")) {
      let part = raw;
      try {
        part = decodeURIComponent(raw);
      } catch {
        // A stray percent sign stands for itself.
      }
      part = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
      at = (at as Record<string, unknown>)[part];
    }
    return at;
  }
  const defs = root.$defs ?? root.definitions;
  if (!isSchema(defs)) return undefined;
  return Object.values(defs).find((d) => isSchema(d) && (d.$id === ref || (ref.startsWith("#") && (d.$anchor === ref.slice(1) || d.$dynamicAnchor === ref.slice(1)))));
}

const asAbove = (name: string) => t`as ${name} above`;

function nameOfRef(ref: string): string {
  return ref === "#" ? t`the whole` : (ref.split("/").pop() ?? ref);
}

function labelOf(schema: Schema, root: Schema): string {
  return schema === root ? t`the whole` : typeof schema.title === "string" ? schema.title : t`what stands`;
}

function without(schema: Schema, ...names: string[]): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !names.includes(name)));
}

/** allOf means all at once: its parts become one schema. */
function merged(doc: Doc, schema: Schema, seen: Schema[]): Schema {
  if (!Array.isArray(schema.allOf)) return schema;
  let whole = without(schema, "allOf");
  for (const part of schema.allOf) {
    if (!isSchema(part)) continue;
    const { schema: known, cut } = resolve(doc, part, seen);
    if (known && !cut) whole = combine(known, whole);
  }
  return whole;
}

function combine(x: Schema, y: Schema): Schema {
  const both: Schema = { ...x, ...y };
  if (isSchema(x.properties) && isSchema(y.properties)) both.properties = { ...x.properties, ...y.properties };
  if (Array.isArray(x.required) && Array.isArray(y.required)) both.required = [...new Set([...x.required, ...y.required])];
  return both;
}

/** Whether a schema says something by itself, and not only through its fields. */
function isLeaf(schema: Schema): boolean {
  return !isSchema(schema.properties) && !alternatives(schema);
}

function alternatives(schema: Schema): { word: string; list: unknown[] } | undefined {
  if (Array.isArray(schema.oneOf)) return { word: t`One of these`, list: schema.oneOf };
  if (Array.isArray(schema.anyOf)) return { word: t`Any of these`, list: schema.anyOf };
  return undefined;
}

/** Adds the rows of what is within a schema. */
function children(walk: Walk, schema: Schema, path: string, depth: number, seen: Schema[]): void {
  const required = Array.isArray(schema.required) ? schema.required : [];
  if (isSchema(schema.properties)) {
    for (const [name, field] of Object.entries(schema.properties)) {
      const place = /^[\w$-]+$/.test(name) ? name : JSON.stringify(name);
      visit(walk, field, { name, path: path ? `${path}.${place}` : place, depth, required: required.includes(name) }, seen);
    }
  }
  // Required, but not described: people must know of it all the same.
  for (const name of required) {
    if (typeof name !== "string" || (isSchema(schema.properties) && Object.hasOwn(schema.properties, name))) continue;
    visit(walk, true, { name, path: path ? `${path}.${name}` : name, depth, required: true }, seen);
  }
  if (isSchema(schema.patternProperties)) {
    for (const [pattern, field] of Object.entries(schema.patternProperties)) {
      visit(walk, field, { name: t`fields like ${pattern}`, path: `${path}[/${pattern}/]`, depth, required: false }, seen);
    }
  }
  if (isSchema(schema.additionalProperties)) {
    visit(walk, schema.additionalProperties, { name: t`every other field`, path: path ? `${path}.*` : "*", depth, required: false }, seen);
  }
  if (Array.isArray(schema.prefixItems)) {
    schema.prefixItems.forEach((item, i) => visit(walk, item, { name: numbered(i + 1), path: `${path}[${i}]`, depth, required: false }, seen));
  }
  if (isSchema(schema.items)) items(walk, schema.items, path, depth, seen);
  options(walk, schema, path, depth, seen);
}

/** The items of a list: their fields come right under it, if they have some. */
function items(walk: Walk, schema: Schema, path: string, depth: number, seen: Schema[]): void {
  const { schema: item, seen: way, cut } = resolve(walk.doc, schema, seen);
  if (item && !cut && isSchema(item.properties) && depth < deepest) children(walk, item, `${path}[]`, depth, way);
  else if (item && !cut && isLeaf(item) && !item.items && constraintsOf(item).length === 0 && !item.description) return; // "list of strings" says it all
  else visit(walk, schema, { name: t`each item`, path: `${path}[]`, depth, required: false }, seen);
}

/** What may be one of several: a row for each, with its own fields. */
function options(walk: Walk, schema: Schema, path: string, depth: number, seen: Schema[]): void {
  const choice = alternatives(schema);
  if (!choice) return;
  const list = choice.list.filter((o) => isSchema(o) || o === true);
  if (list.every((o) => isSchema(o) && isPlain(resolve(walk.doc, o, seen).schema))) return; // typeOf says it
  list.forEach((option, i) => {
    const title = isSchema(option) ? (option.title ?? (typeof option.$ref === "string" ? nameOfRef(option.$ref) : undefined)) : undefined;
    visit(walk, option, { name: `${choice.word}: ${typeof title === "string" ? title : i + 1}`, path, depth, required: false }, seen);
  });
}

function isPlain(schema: Schema | undefined): boolean {
  return schema !== undefined && isLeaf(schema) && !schema.items && constraintsOf(schema).length === 0 && !schema.description;
}

type Place = Pick<SchemaRow, "name" | "path" | "depth" | "required">;

function visit(walk: Walk, field: unknown, place: Place, seen: Schema[]): void {
  if (walk.rows.length >= mostRows) return;
  if (field === false) {
    add(walk, place, { description: t`Must not be there.` }, t`none`);
    return;
  }
  if (!isSchema(field)) {
    add(walk, place, {}, any());
    return;
  }
  const { schema = {}, seen: way, cut } = resolve(walk.doc, field, seen);
  const tooDeep = !cut && place.depth >= deepest && (isSchema(schema.properties) || isSchema(schema.items) || alternatives(schema) !== undefined);
  add(walk, place, schema, typeOf(schema, walk.doc), cut ?? (tooDeep ? t`nested further` : undefined));
  if (!cut && !tooDeep) children(walk, schema, place.path, place.depth + 1, way);
}

function add(walk: Walk, place: Place, schema: Schema, type: string, cut?: string): void {
  if (walk.rows.length >= mostRows) return;
  const text = [schema.description, schema.title].find((t) => typeof t === "string" && t !== "");
  walk.rows.push({
    ...place,
    key: `${walk.rows.length} ${place.path}`,
    type,
    ...(text ? { description: text as string } : {}),
    constraints: constraintsOf(schema),
    ...(schema.deprecated === true ? { deprecated: true } : {}),
    ...(cut ? { cut } : {}),
  });
}

const words = (): Record<string, string> => ({ string: t`text`, integer: t`whole number`, number: t`number`, boolean: t`true or false`, object: t`object`, array: t`list`, null: "null" });
/** Lists of what there may be, by the word of the schema. */
const lists = (): Record<string, string> => ({
  string: t`list of texts`, integer: t`list of whole numbers`, number: t`list of numbers`, boolean: t`list of true or false`, object: t`list of objects`, array: t`list of lists`,
});
const or = forLocale((locale) => new Intl.ListFormat(locale, { type: "disjunction" }));

/** What stands in a field: "text", "list of objects", "text or null". */
export function typeOf(schema: Schema, doc: Doc = { root: schema, left: mostSteps }, level = 0): string {
  const given = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((t) => typeof t === "string");
  if (given.length === 0) {
    const choice = alternatives(schema);
    if (choice && level < 4) {
      const kinds = choice.list.map((o) => (isSchema(o) ? typeOf(resolve(doc, o, []).schema ?? {}, doc, level + 1) : any()));
      return or().format(new Set(kinds));
    }
    if (isSchema(schema.properties) || Array.isArray(schema.required)) return t`object`;
    if (schema.items !== undefined || schema.prefixItems !== undefined) return listOf(schema, doc, level);
    const values = "const" in schema ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : [];
    return values.length > 0 ? or().format(new Set(values.map(kindOf))) : any();
  }
  return or().format(given.map((type) => (type === "array" ? listOf(schema, doc, level) : (words()[type] ?? type))));
}

function listOf(schema: Schema, doc: Doc, level: number): string {
  if (!isSchema(schema.items) || level > 3) return t`list`;
  const item = resolve(doc, schema.items, []).schema ?? {};
  const known = typeof item.type === "string" && item.type !== "array" ? lists()[item.type] : undefined;
  if (known) return known;
  const kind = typeOf(item, doc, level + 1);
  if (kind === any()) return t`list`;
  const word = Object.entries(words()).find(([, w]) => w === kind)?.[0];
  return (word && lists()[word]) || t`list of ${kind}`;
}

const any = () => t`any`;

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return t`list`;
  if (typeof value === "number") return Number.isInteger(value) ? t`whole number` : t`number`;
  return words()[typeof value] ?? any();
}

/** What else must hold, each in a few words. */
export function constraintsOf(s: Schema): string[] {
  const said: string[] = [];
  const say = (name: string, text: (value: string) => string) => {
    const value = s[name];
    if (typeof value === "number" || typeof value === "string") said.push(text(String(value)));
  };
  if ("const" in s) {
    const value = JSON.stringify(s.const);
    said.push(t`always ${value}`);
  }
  if (Array.isArray(s.enum)) {
    const values = s.enum.map((v) => (typeof v === "string" ? v : JSON.stringify(v))).join(", ");
    said.push(t`one of ${values}`);
  }
  say("format", (v) => t`format ${v}`);
  say("pattern", (v) => t`matches ${v}`);
  say("minimum", (v) => t`at least ${v}`);
  say("exclusiveMinimum", (v) => t`more than ${v}`);
  say("maximum", (v) => t`at most ${v}`);
  say("exclusiveMaximum", (v) => t`less than ${v}`);
  say("multipleOf", (v) => t`a multiple of ${v}`);
  say("minLength", (v) => plural(Number(v), { one: "at least # character", other: "at least # characters" }));
  say("maxLength", (v) => plural(Number(v), { one: "at most # character", other: "at most # characters" }));
  say("minItems", (v) => plural(Number(v), { one: "at least # item", other: "at least # items" }));
  say("maxItems", (v) => plural(Number(v), { one: "at most # item", other: "at most # items" }));
  say("minProperties", (v) => plural(Number(v), { one: "at least # field", other: "at least # fields" }));
  say("maxProperties", (v) => plural(Number(v), { one: "at most # field", other: "at most # fields" }));
  if (s.uniqueItems === true) said.push(t`no item twice`);
  if (s.additionalProperties === false || s.unevaluatedProperties === false) said.push(t`no other fields`);
  if ("default" in s) {
    const value = JSON.stringify(s.default);
    said.push(t`${value} if left out`);
  }
  return said;
}
