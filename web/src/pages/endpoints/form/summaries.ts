// One line for each closed section, and what a save would change. Everything here is pure.
import { written } from "../../../lib/exact.ts";
import { number, plural } from "../../../lib/text.ts";
import { inWords } from "./events.ts";
import { retryInWords } from "./retry.ts";
import { paceOf, type Recipe } from "../../../lib/recipes.ts";
import { type FormValues, settings } from "./values.ts";

const orders: Record<FormValues["ordering"], string> = { none: "no order", subject: "in order per subject", endpoint: "strictly one after the other" };

const filled = (rows: FormValues["headers"]) => rows.filter((r) => r.name.trim() !== "");

export function eventsLine(v: FormValues): string {
  return v.allEvents ? "All events, also of types to come" : inWords(v.events);
}

export function narrowLine(v: FormValues): string {
  const parts: string[] = [];
  if (v.subjects.length > 0) parts.push(v.subjects.length === 1 ? `subject ${v.subjects[0]}` : plural(v.subjects.length, "subject pattern"));
  if (v.filter.trim() !== "") parts.push("a filter on the data");
  return parts.length === 0 ? "Not narrowed down" : `Only ${parts.join(" and ")}`;
}

/** The apps of which something of its own is wanted. */
export function ownApps(v: FormValues): string[] {
  return v.apps.filter((app) => Object.values(v.own[app] ?? {}).some((x) => x !== undefined));
}

export function appsLine(v: FormValues): string {
  const own = ownApps(v);
  if (own.length === 0) return "The same of every app";
  return own.length <= 3 ? `Something else of ${own.join(", ")}` : `Something else of ${own.length} apps`;
}

export function limitsLine(v: FormValues, recipe?: Recipe): string {
  const rate = v.perSecond === "" ? (recipe && paceOf(recipe)) ?? "no rate limit" : `at most ${number(Number(v.perSecond))} a second`;
  const wait = `waits ${v.timeout === "" ? 15 : v.timeout} s for an answer`;
  const line = `${rate}, ${orders[v.ordering]}, ${wait}`;
  return line.charAt(0).toUpperCase() + line.slice(1);
}

export function headersLine(v: FormValues): string {
  const names = filled(v.headers).map((r) => r.name.trim());
  return names.length === 0 ? "None of your own" : names.length <= 3 ? names.join(", ") : plural(names.length, "header");
}

export function lookLine(v: FormValues, dialect: string): string {
  return `Dialect ${dialect}${v.dialect === "" ? ", the default" : ""}${v.scripted && v.recipe === "" ? ", changed by a script" : ""}`;
}

const ways: Record<FormValues["auth"]["type"], string> = {
  "": "", basic: "User name and password", bearer: "Bearer token", header: "A header", query: "A query parameter",
  oauth2_client_credentials: "OAuth 2 (client credentials)", oauth2_refresh_token: "OAuth 2 (refresh token)",
};

function certificates(v: FormValues): string[] {
  return [...(v.tls.certificate.trim() === "" ? [] : ["client certificate"]), ...(v.tls.ca.trim() === "" ? [] : ["own authorities"])];
}

function listed(parts: string[], none: string): string {
  const line = parts.join(", ");
  return line === "" ? none : line.charAt(0).toUpperCase() + line.slice(1);
}

export function authLine(v: FormValues): string {
  return listed([...(v.auth.type === "" ? [] : [ways[v.auth.type]]), ...certificates(v)], "None besides the signature");
}

export function certificatesLine(v: FormValues): string {
  return listed(certificates(v), "The usual ones");
}

export function captureLine(v: FormValues): string {
  const names = filled(v.capture).map((r) => r.name.trim());
  return names.length === 0 ? "Nothing: only the status matters" : names.length <= 3 ? names.join(", ") : plural(names.length, "value");
}

export function advancedLine(v: FormValues, create: boolean): string {
  const parts: string[] = [];
  if (create) parts.push(v.secret === "" ? "secret made for you" : "your own secret");
  if (v.verify) parts.push("URL is checked before saving");
  const notes = filled(v.metadata).length;
  if (v.locked) parts.push("locked");
  parts.push(notes === 0 ? "no notes" : plural(notes, "note"));
  const line = parts.join(", ");
  return line.charAt(0).toUpperCase() + line.slice(1);
}

export interface Change {
  label: string;
  from: string;
  to: string;
}

const shown: { key: keyof ReturnType<typeof settings>; label: string; words(v: FormValues): string }[] = [
  { key: "url", label: "URL", words: (v) => v.url.trim() },
  { key: "name", label: "Name", words: (v) => v.name.trim() || "none" },
  { key: "description", label: "Description", words: (v) => v.description.trim() || "none" },
  { key: "locked", label: "Lock", words: (v) => (v.locked ? "locked" : "not locked") },
  { key: "locked_reason", label: "Reason of the lock", words: (v) => (v.locked && v.lockedReason.trim()) || "none" },
  { key: "apps", label: "Apps", words: (v) => v.apps.join(", ") || "none" },
  { key: "events", label: "Events", words: eventsLine },
  { key: "subjects", label: "Subjects", words: (v) => v.subjects.join(", ") || "all" },
  { key: "filter", label: "Filter", words: (v) => v.filter.replace(/\s+/g, " ").trim() || "none" },
  { key: "dialect", label: "Dialect", words: (v) => v.dialect || "the default" },
  { key: "dialect_options", label: "Options of the dialect", words: (v) => Object.entries(v.dialectOptions).filter(([, x]) => x.trim() !== "").map(([n, x]) => `${n} ${x.trim()}`).join(", ") || "none" },
  { key: "recipe", label: "Recipe", words: (v) => v.recipe || "none" },
  { key: "recipe_fields", label: "Fields of the recipe", words: (v) => Object.entries(v.recipeFields).filter(([, x]) => x.trim() !== "").map(([n, x]) => `${n} ${x.trim()}`).join(", ") || "none" },
  { key: "transform", label: "Script", words: (v) => (!v.scripted || v.recipe ? "none" : `${plural(v.code.trim().split("\n").length, "line")}, ${v.onError === "hold" ? "failures are held" : "failures end"}`) },
  { key: "auth", label: "Authentication", words: (v) => ways[v.auth.type] || "none" },
  { key: "tls", label: "Certificates", words: (v) => certificates(v).join(", ") || "none" },
  { key: "capture", label: "Values kept of answers", words: captureLine },
  { key: "retry", label: "Retries", words: (v) => retryInWords(v.retry) },
  { key: "headers", label: "Headers", words: headersLine },
  { key: "timeout", label: "Timeout", words: (v) => (v.timeout === "" ? "15 s" : `${v.timeout} s`) },
  { key: "concurrency", label: "Requests at once", words: (v) => (v.concurrency === "" ? "32" : String(v.concurrency)) },
  { key: "rate_limit", label: "Rate limit", words: (v) => (v.perSecond === "" ? "none" : `${v.perSecond} a second${v.burst === "" ? "" : `, ${v.burst} at once`}`) },
  { key: "ordering", label: "Order", words: (v) => orders[v.ordering] },
  { key: "notify", label: "Told when it breaks", words: (v) => v.notify.join(", ") || "nobody" },
  { key: "metadata", label: "Notes", words: (v) => filled(v.metadata).map((r) => r.name).join(", ") || "none" },
];

/** What a save would change, in words. */
export function changes(before: FormValues, now: FormValues): Change[] {
  const [was, is] = [settings(before), settings(now)];
  return shown
    .filter((s) => written(was[s.key]) !== written(is[s.key]))
    .map((s) => {
      const [from, to] = [s.words(before), s.words(now)];
      return { label: s.label, from: from === to ? "" : from, to: from === to ? "other values" : to };
    });
}
