// The catalogue as lists and as text to edit. Pure functions.
import { t } from "@lingui/core/macro";
import type { EventType } from "../../api/client.ts";
import { kept, pretty } from "../../lib/json.ts";
import { fits } from "../../lib/text.ts";

/** Types that begin alike: "invoice" has invoice.paid and invoice.refunded. */
interface TypeGroup {
  prefix: string;
  types: EventType[];
}

/** The types that a search finds, by the first part of their names; those that stand alone come last. */
export function groupTypes(types: EventType[], search = ""): TypeGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = types.filter((t) => {
    const text = `${t.name} ${t.description ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
  const groups = new Map<string, EventType[]>();
  for (const t of found) {
    const prefix = t.name.includes(".") ? t.name.slice(0, t.name.indexOf(".")) : "";
    groups.set(prefix, [...(groups.get(prefix) ?? []), t]);
  }
  return [...groups]
    .map(([prefix, list]) => ({ prefix, types: list.sort((x, y) => Number(x.archived) - Number(y.archived) || x.name.localeCompare(y.name)) }))
    .sort((x, y) => Number(x.prefix === "") - Number(y.prefix === "") || x.prefix.localeCompare(y.prefix));
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
}

/** The text of a PUT: schema and example byte for byte as they were or, once touched, as they stand in the form. */
export function putText(values: { description: string; schema: string; example: string; validate: boolean; archived: boolean }, began?: Began): string {
  const members = [`"description":${JSON.stringify(values.description)}`, `"validate":${values.validate}`, `"archived":${values.archived}`];
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
