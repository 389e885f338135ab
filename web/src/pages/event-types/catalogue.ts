// The catalogue as lists and as text to edit. Pure functions.
import { t } from "@lingui/core/macro";
import type { EventType } from "../../api/client.ts";
import { kept, pretty } from "../../lib/json.ts";
import { fits } from "../../lib/text.ts";

/** Types of one group, or else that begin alike: "invoice" has invoice.paid and invoice.refunded. */
export interface TypeGroup {
  /** How their names begin; the group's name if it is named. */
  prefix: string;
  named: boolean;
  types: EventType[];
}

/** The types that a search finds, by their groups, and then by the first part of their names; those that stand alone come last. */
export function groupTypes(types: EventType[], search = ""): TypeGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = types.filter((t) => {
    const text = `${t.name} ${t.group ?? ""} ${t.description ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
  const groups = new Map<string, TypeGroup>();
  for (const t of found) {
    const named = Boolean(t.group);
    const prefix = t.group || (t.name.includes(".") ? t.name.slice(0, t.name.indexOf(".")) : "");
    const key = `${named} ${prefix}`;
    groups.set(key, { prefix, named, types: [...(groups.get(key)?.types ?? []), t] });
  }
  return [...groups.values()]
    .map((g) => ({ ...g, types: g.types.sort((x, y) => Number(x.archived) - Number(y.archived) || x.name.localeCompare(y.name)) }))
    .sort((x, y) => Number(y.named) - Number(x.named) || Number(x.prefix === "") - Number(y.prefix === "") || x.prefix.localeCompare(y.prefix));
}

/** JSON text as people edit it. */
export function editable(text: string | undefined): string {
  if (text === undefined || text === "null") return "";
  return pretty(text);
}

/** The texts that a form began with. */
interface Began {
  schema: string | undefined;
  example: string | undefined;
  /** The schemas of other versions, as one text. */
  earlierSchemas: string | undefined;
}

/** What the form of a type holds. */
export interface TypeValues {
  description: string;
  group: string;
  schema: string;
  schemaVersion: string;
  example: string;
  validate: boolean;
  archived: boolean;
  deprecated: boolean;
  featureFlags: string[];
}

/** The text of a PUT, which replaces all: schemas and example byte for byte as they were or, once touched, as they stand in the form. */
export function putText(values: TypeValues, began?: Began): string {
  const members = [`"description":${JSON.stringify(values.description)}`, `"validate":${values.validate}`, `"archived":${values.archived}`];
  if (values.deprecated) members.push('"deprecated":true');
  if (values.group.trim() !== "") members.push(`"group":${JSON.stringify(values.group.trim())}`);
  if (values.featureFlags.length > 0) members.push(`"feature_flags":${JSON.stringify(values.featureFlags)}`);
  if (values.schemaVersion.trim() !== "") members.push(`"schema_version":${JSON.stringify(values.schemaVersion.trim())}`);
  if (began?.earlierSchemas !== undefined) members.push(`"earlier_schemas":${began.earlierSchemas}`);
  if (values.schema.trim() !== "") members.push(`"schema":${kept(began?.schema, values.schema)}`);
  if (values.example.trim() !== "") members.push(`"example":${kept(began?.example, values.example)}`);
  return `{${members.join(",")}}`;
}

/** Why an endpoint listens to a type, or nothing if it does not. */
export function listensBy(events: string[], type: string): string | undefined {
  if (type.startsWith("bellhop.")) return events.find((p) => p !== "*" && fits(p, type)); // only those that name them
  if (events.length === 0) return t`all event types`;
  return events.find((p) => fits(p, type));
}
