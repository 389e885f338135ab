// Brings the server's errors to the fields of the form that they are about.
import { Problem } from "../../../api/client.ts";
import { sentence } from "../../../lib/text.ts";
import type { Errors, FormValues } from "./values.ts";

const labels: Record<string, string> = {
  apps: "The choice of apps", url: "The URL", name: "The name", description: "The description", locked: "The lock", lockedReason: "The reason of the lock", events: "The choice of events", subjects: "The list of subjects", filter: "The filter",
  dialect: "The dialect", retry: "The schedule", timeout: "The timeout", concurrency: "The number of requests", ordering: "The order", secret: "The secret",
  perSecond: "The rate", burst: "The burst", headers: "The list of headers", metadata: "The list of notes",
  recipe: "The recipe", code: "The script", capture: "The list of values", auth: "The authentication", tls: "The certificates",
};

/** The parts of the authentication and the certificates that have a field. */
const shownAuth = new Set(["username", "password", "token", "name", "value", "prefix", "token_url", "client_id", "client_secret", "refresh_token", "scopes", "certificate", "key", "ca"]);

/** The path in the form of a field of the API. */
export function fieldOf(field: string, v: FormValues): { path: string; subject: string } {
  const f = field.replace(/^(body|endpoint)\./, "");
  const own = /^apps\[(\d+)\]\.(events|subjects|filter)(.*)$/s.exec(f);
  const app = own && v.apps[Number(own[1])];
  if (own && app !== undefined && app !== null) {
    return { path: `own.${app}.${own[2]}`, subject: own[2] === "filter" ? (own[3] === "" ? "The filter" : `At ${own[3]}:`) : itemOf(v.own[app]?.[own[2] as "events" | "subjects"], own[3]!) ?? labels[own[2]!]! };
  }
  const option = /^dialect_options(?:\.(.*))?$/s.exec(f);
  if (option) return { path: option[1] ? `dialectOptions.${option[1]}` : "dialect", subject: option[1] ? `“${option[1]}”` : labels.dialect! };
  const ofRecipe = /^recipe_fields\.(.*)$/s.exec(f);
  if (ofRecipe) return { path: `recipeFields.${ofRecipe[1]}`, subject: `“${ofRecipe[1]}”` };
  if (f === "recipe_fields") return { path: "recipe", subject: "The list of fields" };
  if (/^transform(\.|$)/.test(f)) return { path: "code", subject: labels.code! };
  const ofAuth = /^(?:auth|tls)\.(\w+)/.exec(f);
  if (ofAuth) return shownAuth.has(ofAuth[1]!) ? { path: f, subject: "This" } : { path: "auth", subject: `“${ofAuth[1]}”` };
  if (f === "locked_reason") return { path: "lockedReason", subject: labels.lockedReason! };
  const item = /^(apps|events|subjects)\[(\d+)\]/.exec(f);
  if (item) {
    const list = item[1] as "apps" | "events" | "subjects";
    const value = v[list][Number(item[2])];
    return { path: list, subject: value === undefined ? labels[list]! : `“${value}”` };
  }
  if (f.startsWith("filter")) {
    const pointer = f.slice("filter".length);
    return { path: "filter", subject: pointer === "" ? "The filter" : `At ${pointer}:` };
  }
  const delay = /^retry\[(\d+)\]/.exec(f);
  if (delay) return { path: "retry.delays", subject: `Pause ${Number(delay[1]) + 1}` };
  if (/^retry\.(initial|factor|max|until)$/.test(f)) return { path: f, subject: "This" };
  if (f === "retry") return { path: v.retry.kind === "growing" ? "retry.initial" : "retry.delays", subject: labels.retry! };
  if (f === "rate_limit" || f === "rate_limit.per_second") return { path: "perSecond", subject: labels.perSecond! };
  if (f === "rate_limit.burst") return { path: "burst", subject: labels.burst! };
  const pair = /^(headers|metadata|capture)\.(.*)$/s.exec(f);
  if (pair) {
    const list = pair[1] as "headers" | "metadata" | "capture";
    const named = pair[2]!.replace(/…$/, "");
    const i = v[list].findIndex((r) => r.name.trim() === named || (named !== pair[2] && r.name.trim().startsWith(named)));
    return i < 0 ? { path: list, subject: `“${named}”` } : { path: `${list}.${i}.name`, subject: `“${v[list][i]!.name.trim()}”` };
  }
  return { path: labels[f] ? f : "", subject: labels[f] ?? `“${field}”` };
}

/** The element of a list that "[3]" names, quoted. */
function itemOf(list: string[] | undefined, index: string): string | undefined {
  const value = list?.[Number(/^\[(\d+)\]/.exec(index)?.[1] ?? NaN)];
  return value === undefined ? undefined : `“${value}”`;
}

/** Sorts a refusal into errors of fields and what belongs to none of them. */
export function refusal(error: unknown, v: FormValues): { fields: Errors; rest?: unknown } {
  if (!(error instanceof Problem) || error.errors.length === 0) return { fields: {}, rest: error };
  const fields: Errors = {};
  const homeless = [];
  for (const e of error.errors) {
    const { path, subject } = fieldOf(e.field, v);
    if (path === "") homeless.push(e);
    else fields[path] = fields[path] ? `${fields[path]} ${sentence(subject, e.detail)}` : sentence(subject, e.detail);
  }
  if (homeless.length === 0) return { fields };
  return { fields, rest: new Problem(error.status, error.code, error.title, error.detail, homeless, error.requestId) };
}
