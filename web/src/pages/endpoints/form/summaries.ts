// One line for each closed section, and what a save would change. Everything here is pure.
import { plural, t } from "@lingui/core/macro";
import { written } from "../../../lib/exact.ts";
import { andList, number } from "../../../lib/text.ts";
import { inWords } from "./events.ts";
import { retryInWords } from "./retry.ts";
import { paceOf, type Recipe } from "../../../lib/recipes.ts";
import { type FormValues, settings } from "./values.ts";

const orders = (): Record<FormValues["ordering"], string> => ({ none: t`no order`, subject: t`in order per subject`, endpoint: t`strictly one after the other` });

const filled = (rows: FormValues["headers"]) => rows.filter((r) => r.name.trim() !== "");

export function eventsLine(v: FormValues): string {
  return v.allEvents ? t`All events, also of types to come` : inWords(v.events);
}

export function narrowLine(v: FormValues): string {
  const parts: string[] = [];
  const [first] = v.subjects;
  if (v.subjects.length > 0) parts.push(first !== undefined && v.subjects.length === 1 ? t`subject ${first}` : plural(v.subjects.length, { one: "# subject pattern", other: "# subject patterns" }));
  if (v.filter.trim() !== "") parts.push(t`a filter on the data`);
  const narrowed = andList(parts);
  return parts.length === 0 ? t`Not narrowed down` : t`Only ${narrowed}`;
}

/** The apps of which something of its own is wanted. */
export function ownApps(v: FormValues): string[] {
  return v.apps.filter((app) => Object.values(v.own[app] ?? {}).some((x) => x !== undefined));
}

export function appsLine(v: FormValues): string {
  const own = ownApps(v);
  if (own.length === 0) return t`The same of every app`;
  const [apps, count] = [own.join(", "), own.length];
  return count <= 3 ? t`Something else of ${apps}` : t`Something else of ${count} apps`;
}

export function limitsLine(v: FormValues, recipe?: Recipe): string {
  const perSecond = number(Number(v.perSecond));
  const rate = v.perSecond === "" ? (recipe && paceOf(recipe)) ?? t`no rate limit` : t`at most ${perSecond} a second`;
  const seconds = v.timeout === "" ? 15 : v.timeout;
  const wait = t`waits ${seconds} s for an answer`;
  const line = `${rate}, ${orders()[v.ordering]}, ${wait}`;
  return line.charAt(0).toUpperCase() + line.slice(1);
}

export function headersLine(v: FormValues): string {
  const names = filled(v.headers).map((r) => r.name.trim());
  return names.length === 0 ? t`None of your own` : names.length <= 3 ? names.join(", ") : plural(names.length, { one: "# header", other: "# headers" });
}

export function lookLine(v: FormValues, dialect: string): string {
  const line = v.dialect === "" ? t`Dialect ${dialect}, the default` : t`Dialect ${dialect}`;
  return v.scripted && v.recipe === "" ? t`${line}, changed by a script` : line;
}

const ways = (): Record<FormValues["auth"]["type"], string> => ({
  "": "", basic: t`User name and password`, bearer: t`Bearer token`, header: t`A header`, query: t`A query parameter`,
  oauth2_client_credentials: t`OAuth 2 (client credentials)`, oauth2_refresh_token: t`OAuth 2 (refresh token)`,
});

function certificates(v: FormValues): string[] {
  return [...(v.tls.certificate.trim() === "" ? [] : [t`client certificate`]), ...(v.tls.ca.trim() === "" ? [] : [t`own authorities`])];
}

function listed(parts: string[], none: string): string {
  const line = parts.join(", ");
  return line === "" ? none : line.charAt(0).toUpperCase() + line.slice(1);
}

export function authLine(v: FormValues): string {
  return listed([...(v.auth.type === "" ? [] : [ways()[v.auth.type]]), ...certificates(v)], t`None besides the signature`);
}

export function certificatesLine(v: FormValues): string {
  return listed(certificates(v), t`The usual ones`);
}

export function captureLine(v: FormValues): string {
  const names = filled(v.capture).map((r) => r.name.trim());
  return names.length === 0 ? t`Nothing: only the status matters` : names.length <= 3 ? names.join(", ") : plural(names.length, { one: "# value", other: "# values" });
}

export function notifyLine(v: FormValues): string {
  return v.notify.length === 0 ? t`Nobody by this endpoint itself` : v.notify.join(", ");
}

export function advancedLine(v: FormValues, create: boolean): string {
  const parts: string[] = [];
  if (create) parts.push(v.secret === "" ? t`secret made for you` : t`your own secret`);
  if (v.verify) parts.push(t`URL is checked before saving`);
  const notes = filled(v.metadata).length;
  if (v.locked) parts.push(t`locked`);
  parts.push(notes === 0 ? t`no notes` : plural(notes, { one: "# note", other: "# notes" }));
  const line = parts.join(", ");
  return line.charAt(0).toUpperCase() + line.slice(1);
}

function rateInWords({ perSecond, burst }: FormValues): string {
  if (perSecond === "") return t`none`;
  return burst === "" ? t`${perSecond} a second` : t`${perSecond} a second, ${burst} at once`;
}

function scriptInWords(v: FormValues): string {
  if (!v.scripted && v.scriptKept && !v.recipe) return t`switched off`;
  if (!v.scripted || v.recipe) return t`none`;
  const lines = plural(v.code.trim().split("\n").length, { one: "# line", other: "# lines" });
  return v.onError === "hold" ? t`${lines}, failures are held` : t`${lines}, failures end`;
}

export interface Change {
  label: string;
  from: string;
  to: string;
}

const shown = (): { key: keyof ReturnType<typeof settings>; label: string; words(v: FormValues): string }[] => [
  { key: "url", label: t`URL`, words: (v) => v.url.trim() },
  { key: "name", label: t`Name`, words: (v) => v.name.trim() || t`none` },
  { key: "description", label: t`Description`, words: (v) => v.description.trim() || t`none` },
  { key: "locked", label: t`Lock`, words: (v) => (v.locked ? t`locked` : t`not locked`) },
  { key: "locked_reason", label: t`Reason of the lock`, words: (v) => (v.locked && v.lockedReason.trim()) || t`none` },
  { key: "apps", label: t`Apps`, words: (v) => v.apps.join(", ") || t`none` },
  { key: "events", label: t`Events`, words: eventsLine },
  { key: "subjects", label: t`Subjects`, words: (v) => v.subjects.join(", ") || t`all` },
  { key: "channels", label: t`Channels`, words: (v) => v.channels.join(", ") || t`all` },
  { key: "filter", label: t`Filter`, words: (v) => v.filter.replace(/\s+/g, " ").trim() || t`none` },
  { key: "dialect", label: t`Dialect`, words: (v) => v.dialect || t`the default` },
  { key: "dialect_options", label: t`Options of the dialect`, words: (v) => Object.entries(v.dialectOptions).filter(([, x]) => x.trim() !== "").map(([n, x]) => `${n} ${x.trim()}`).join(", ") || t`none` },
  { key: "recipe", label: t`Recipe`, words: (v) => v.recipe || t`none` },
  { key: "recipe_fields", label: t`Fields of the recipe`, words: (v) => Object.entries(v.recipeFields).filter(([, x]) => x.trim() !== "").map(([n, x]) => `${n} ${x.trim()}`).join(", ") || t`none` },
  { key: "transform", label: t`Script`, words: (v) => scriptInWords(v) },
  { key: "auth", label: t`Authentication`, words: (v) => ways()[v.auth.type] || t`none` },
  { key: "tls", label: t`Certificates`, words: (v) => certificates(v).join(", ") || t`none` },
  { key: "capture", label: t`Values kept of answers`, words: captureLine },
  { key: "retry", label: t`Retries`, words: (v) => retryInWords(v.retry) },
  { key: "headers", label: t`Headers`, words: headersLine },
  { key: "timeout", label: t`Timeout`, words: (v) => (v.timeout === "" ? "15 s" : `${v.timeout} s`) },
  { key: "concurrency", label: t`Requests at once`, words: (v) => (v.concurrency === "" ? t`adapts to the receiver` : String(v.concurrency)) },
  { key: "rate_limit", label: t`Rate limit`, words: (v) => rateInWords(v) },
  { key: "ordering", label: t`Order`, words: (v) => orders()[v.ordering] },
  { key: "notify", label: t`Told when it breaks`, words: (v) => v.notify.join(", ") || t`nobody` },
  { key: "metadata", label: t`Notes`, words: (v) => filled(v.metadata).map((r) => r.name).join(", ") || t`none` },
];

/** What a save would change, in words. */
export function changes(before: FormValues, now: FormValues): Change[] {
  const [was, is] = [settings(before), settings(now)];
  return shown()
    .filter((s) => written(was[s.key]) !== written(is[s.key]))
    .map((s) => {
      const [from, to] = [s.words(before), s.words(now)];
      return { label: s.label, from: from === to ? "" : from, to: from === to ? t`other values` : to };
    });
}
