// Brings the server's errors to the fields of the form that they are about.
import { t } from "@lingui/core/macro";
import { Problem } from "../../../api/client.ts";
import { sentence } from "../../../lib/text.ts";
import { placeIn } from "./conditions.ts";
import type { Errors, FormValues } from "./values.ts";

const labels = (): Record<string, string> => ({
  apps: t`The choice of apps`, url: t`The URL`, name: t`The name`, description: t`The description`, locked: t`The lock`, lockedReason: t`The reason of the lock`, events: t`The choice of events`, subjects: t`The list of subjects`, filter: t`The filter`,
  dialect: t`The dialect`, retry: t`The schedule`, timeout: t`The timeout`, concurrency: t`The number of requests`, ordering: t`The order`, secret: t`The secret`,
  perSecond: t`The rate`, burst: t`The burst`, headers: t`The list of headers`, metadata: t`The list of notes`, notify: t`The list of addresses`,
  recipe: t`The recipe`, code: t`The script`, capture: t`The list of values`, auth: t`The authentication`, tls: t`The certificates`,
});

/** The parts of the authentication and the certificates that have a field. */
const shownAuth = new Set(["username", "password", "token", "name", "value", "prefix", "token_url", "client_id", "client_secret", "refresh_token", "scopes", "certificate", "key", "ca"]);

function ofFilter(pointer: string): string {
  const field = placeIn(pointer);
  return field === "" ? t`The filter` : t`At ${field}:`;
}

/** The path in the form of a field of the API. */
export function fieldOf(field: string, v: FormValues): { path: string; subject: string } {
  const f = field.replace(/^(body|endpoint)\./, "");
  const own = /^apps\[(\d+)\]\.(events|subjects|filter)(.*)$/s.exec(f);
  const app = own && v.apps[Number(own[1])];
  if (own && app !== undefined && app !== null) {
    return { path: `own.${app}.${own[2]}`, subject: own[2] === "filter" ? ofFilter(own[3]!) : itemOf(v.own[app]?.[own[2] as "events" | "subjects"], own[3]!) ?? labels()[own[2]!]! };
  }
  const option = /^dialect_options(?:\.(.*))?$/s.exec(f);
  if (option) return { path: option[1] ? `dialectOptions.${option[1]}` : "dialect", subject: option[1] ? `“${option[1]}”` : labels().dialect! };
  const ofRecipe = /^recipe_fields\.(.*)$/s.exec(f);
  if (ofRecipe) return { path: `recipeFields.${ofRecipe[1]}`, subject: `“${ofRecipe[1]}”` };
  if (f === "recipe_fields") return { path: "recipe", subject: t`The list of fields` };
  if (/^transform(\.|$)/.test(f)) return { path: "code", subject: labels().code! };
  const ofAuth = /^(?:auth|tls)\.(\w+)/.exec(f);
  if (ofAuth) return shownAuth.has(ofAuth[1]!) ? { path: f, subject: t`This` } : { path: "auth", subject: `“${ofAuth[1]}”` };
  if (f === "locked_reason") return { path: "lockedReason", subject: labels().lockedReason! };
  const item = /^(apps|events|subjects|notify)\[(\d+)\]/.exec(f);
  if (item) {
    const list = item[1] as "apps" | "events" | "subjects" | "notify";
    const value = v[list][Number(item[2])];
    return { path: list, subject: value === undefined ? labels()[list]! : `“${value}”` };
  }
  if (f.startsWith("filter")) {
    const pointer = f.slice("filter".length);
    return { path: "filter", subject: ofFilter(pointer) };
  }
  const delay = /^retry\[(\d+)\]/.exec(f);
  const pause = Number(delay?.[1]) + 1;
  if (delay) return { path: "retry.delays", subject: t`Pause ${pause}` };
  if (/^retry\.(initial|factor|max|until)$/.test(f)) return { path: f, subject: t`This` };
  if (f === "retry") return { path: v.retry.kind === "growing" ? "retry.initial" : "retry.delays", subject: labels().retry! };
  if (f === "rate_limit" || f === "rate_limit.per_second") return { path: "perSecond", subject: labels().perSecond! };
  if (f === "rate_limit.burst") return { path: "burst", subject: labels().burst! };
  const pair = /^(headers|metadata|capture)\.(.*)$/s.exec(f);
  if (pair) {
    const list = pair[1] as "headers" | "metadata" | "capture";
    const named = pair[2]!.replace(/…$/, "");
    const i = v[list].findIndex((r) => r.name.trim() === named || (named !== pair[2] && r.name.trim().startsWith(named)));
    return i < 0 ? { path: list, subject: `“${named}”` } : { path: `${list}.${i}.name`, subject: `“${v[list][i]!.name.trim()}”` };
  }
  return { path: labels()[f] ? f : "", subject: labels()[f] ?? `“${field}”` };
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
