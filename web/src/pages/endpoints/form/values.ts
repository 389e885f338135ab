// What the form holds, and how it becomes what the API takes. Everything here is pure.
import { t } from "@lingui/core/macro";
import type { Endpoint, EndpointInput, ExactEndpoint } from "../../../api/client.ts";
import { appNames, type AppEntry } from "../../../lib/apps.ts";
import { Raw, written } from "../../../lib/exact.ts";
import { kept, pretty } from "../../../lib/json.ts";
import { formatDuration, parseDuration } from "../../../lib/time.ts";
import { isMail, type Recipe } from "../../../lib/recipes.ts";
import { wrongFilter } from "./conditions.ts";
import { wrongPattern } from "./events.ts";
import { authInput, type AuthValues, authValues, fieldsInput, noAuth, nothingStored, noTLS, recipeAuth, type Stored, storedOf, tlsInput, type TLSValues, wrongMaking } from "./making.ts";
import { retryInput, retryValues, type RetryValues, standardRetry, wrongRetry } from "./retry.ts";

/** A name and a value; key tells rows apart while they are edited. */
export interface Row {
  key: string;
  name: string;
  value: string;
}

/** A number of an input: text while it is being typed, empty for the default. */
type Typed = number | string;

/** What is wanted of one app in place of what holds for all: undefined where that holds. */
export interface OwnTerms {
  events?: string[];
  subjects?: string[];
  /** JSON, or nothing for a filter that lets all through. */
  filter?: string;
}

export interface FormValues {
  apps: string[];
  /** By app; those of apps that are not chosen wait. */
  own: Record<string, OwnTerms>;
  url: string;
  name: string;
  description: string;
  locked: boolean;
  lockedReason: string;
  allEvents: boolean;
  /** The patterns, kept while allEvents is on. */
  events: string[];
  subjects: string[];
  channels: string[];
  /** JSON, or nothing. */
  filter: string;
  /** The filters as they were saved, which are shown indented: "" is the one for all apps. */
  texts: Record<string, string>;
  /** Empty leaves it to the apps, or to the server. */
  dialect: string;
  /** Of that dialect. */
  dialectOptions: Record<string, string>;
  /** The recipe that makes the requests; empty where the dialect does. */
  recipe: string;
  recipeFields: Record<string, string>;
  /** Whether a script makes the requests. Its code is kept while it is off. */
  scripted: boolean;
  code: string;
  /** The function that it defines. */
  scriptFunction: "transform" | "handler";
  /** Whether the server keeps the script while it is off. */
  scriptKept: boolean;
  onError: "hold" | "fail";
  auth: AuthValues;
  tls: TLSValues;
  /** JSON pointers into answers, by name. */
  capture: Row[];
  /** What the server has of an endpoint that is changed, and does not show. */
  stored: Stored;
  retry: RetryValues;
  headers: Row[];
  /** In seconds. */
  timeout: Typed;
  concurrency: Typed;
  perSecond: Typed;
  burst: Typed;
  ordering: Endpoint["ordering"];
  metadata: Row[];
  /** Addresses of those who are told when it breaks. */
  notify: string[];
  /** For a new endpoint only. */
  secret: string;
  /** Whether to call the URL before saving; undefined leaves it to the dialect. */
  verify: boolean | undefined;
}

export type Errors = Record<string, string>;

let rows = 0;

export function row(name = "", value = ""): Row {
  return { key: `row${++rows}`, name, value };
}

/** The values of a form that makes an endpoint. */
export function newValues(apps: string[], url = ""): FormValues {
  return {
    apps, own: {}, url, name: "", description: "", locked: false, lockedReason: "", allEvents: true, events: [], subjects: [], channels: [], filter: "", texts: {}, dialect: "", dialectOptions: {},
    recipe: "", recipeFields: {}, scripted: false, code: "", scriptFunction: "transform", scriptKept: false, onError: "hold", auth: noAuth, tls: noTLS, capture: [], stored: nothingStored, retry: standardRetry, headers: [],
    timeout: "", concurrency: "", perSecond: "", burst: "", ordering: "none", metadata: [], notify: [], secret: "", verify: undefined,
  };
}

/** The values of a form that changes an endpoint. */
export function valuesOf(e: ExactEndpoint, recipe?: Recipe): FormValues {
  const timeout = parseDuration(e.timeout);
  return {
    apps: appNames(e),
    own: Object.fromEntries(e.apps.flatMap((a) => (typeof a === "string" ? [] : [[a.app, ownTerms(a.events, a.subjects, e.texts.byApp[a.app])]]))),
    url: e.url,
    name: e.name ?? "",
    description: e.description ?? "",
    locked: e.locked,
    lockedReason: e.locked_reason ?? "",
    allEvents: e.events.length === 0 || e.events.includes("*"),
    events: e.events.filter((p) => p !== "*"),
    subjects: e.subjects,
    channels: e.channels ?? [],
    filter: pretty(e.texts.filter ?? ""),
    texts: { ...e.texts.byApp, ...(e.texts.filter === undefined ? {} : { "": e.texts.filter }) },
    dialect: e.dialect,
    dialectOptions: e.dialect_options ?? {},
    recipe: e.recipe ?? "",
    recipeFields: e.recipe_fields ?? {},
    scripted: e.transform !== undefined && !e.transform.disabled,
    code: e.transform?.code ?? "",
    scriptFunction: e.transform?.function ?? "transform",
    scriptKept: e.transform?.disabled ?? false,
    onError: e.transform?.on_error === "fail" ? "fail" : "hold",
    auth: e.auth ? authValues(e.auth, recipe?.auth?.optional) : recipeAuth(recipe),
    tls: { certificate: e.tls?.certificate ?? "", key: "", ca: e.tls?.ca ?? "" },
    capture: Object.entries(e.capture ?? {}).map(([name, value]) => row(name, value)),
    stored: storedOf(e),
    retry: retryValues(e.retry),
    headers: Object.entries(e.headers ?? {}).map(([name, value]) => row(name, value)),
    timeout: timeout === undefined ? "" : timeout / 1000,
    concurrency: e.concurrency ?? "",
    perSecond: e.rate_limit?.per_second ?? "",
    burst: e.rate_limit?.burst || "",
    ordering: e.ordering,
    metadata: Object.entries(e.metadata ?? {}).map(([name, value]) => row(name, value)),
    notify: e.notify ?? [],
    secret: "",
    verify: undefined,
  };
}

function ownTerms(events: string[] | undefined, subjects: string[] | undefined, filter: string | undefined): OwnTerms {
  return {
    ...(events === undefined ? {} : { events: events.filter((p) => p !== "*") }),
    ...(subjects === undefined ? {} : { subjects }),
    ...(filter === undefined ? {} : { filter: pretty(filter) === "{}" ? "" : pretty(filter) }),
  };
}

type Settings = Required<Omit<EndpointInput, "status" | "secret" | "secrets" | "verify" | "uid" | "former_id" | "imported">>;

function scriptInput(v: FormValues): Settings["transform"] {
  if (v.recipe !== "" || (!v.scripted && !v.scriptKept)) return null;
  return {
    code: v.code,
    on_error: v.onError,
    ...(v.scriptFunction === "handler" ? { function: v.scriptFunction } : {}),
    ...(v.scripted ? {} : { disabled: true }),
  };
}

/** Every setting as the API takes it; null stands for the default. Filters are raw. */
export function settings(v: FormValues): Settings {
  const text = v.filter.trim();
  return {
    apps: v.apps.map((app) => entry(app, v)),
    url: v.url.trim() || null,
    name: v.name.trim() || null,
    description: v.description.trim() || null,
    locked: v.locked,
    locked_reason: v.locked ? v.lockedReason.trim() || null : null,
    events: v.allEvents ? null : v.events,
    subjects: v.subjects.length > 0 ? v.subjects : null,
    channels: v.channels.length > 0 ? v.channels : null,
    filter: text === "" ? null : new Raw(kept(v.texts[""], v.filter)),
    dialect: v.dialect || null,
    dialect_options: filledOptions(v.dialectOptions),
    recipe: v.recipe || null,
    recipe_fields: v.recipe === "" ? null : fieldsInput(v.recipeFields),
    transform: scriptInput(v),
    auth: authInput(v.auth, v.stored),
    tls: tlsInput(v.tls),
    capture: table(v.capture),
    retry: retryInput(v.retry),
    headers: table(v.headers),
    timeout: v.timeout === "" ? null : formatDuration(Math.round(Number(v.timeout) * 1000)),
    concurrency: v.concurrency === "" ? null : Number(v.concurrency),
    rate_limit: v.perSecond === "" ? null : { per_second: Number(v.perSecond), ...(v.burst === "" ? {} : { burst: Number(v.burst) }) },
    ordering: v.ordering,
    metadata: table(v.metadata),
    notify: v.notify.length > 0 ? v.notify : null,
  };
}

/** An app as the API takes it: its name or, where something of its own is wanted, an object. */
function entry(app: string, v: FormValues): AppEntry {
  const own = v.own[app];
  if (!own || Object.values(own).every((x) => x === undefined)) return app;
  const { events, subjects, filter } = own;
  return {
    app,
    ...(events === undefined ? {} : { events }),
    ...(subjects === undefined ? {} : { subjects }),
    ...(filter === undefined ? {} : { filter: new Raw(filter.trim() === "" ? "{}" : kept(v.texts[app], filter)) }),
  };
}

function filledOptions(options: Record<string, string>): Record<string, string> | null {
  const filled = Object.entries(options).filter(([, value]) => value.trim() !== "").map(([name, value]) => [name, value.trim()] as const);
  return filled.length === 0 ? null : Object.fromEntries(filled.sort());
}

/** Rows as an object; empty rows are left out. */
function table(list: Row[]): Record<string, string> | null {
  const filled = list.filter((r) => r.name.trim() !== "" || r.value !== "");
  return filled.length === 0 ? null : Object.fromEntries(filled.map((r) => [r.name.trim(), r.value]));
}

/** What makes the endpoint: only what differs from the defaults. */
export function createInput(v: FormValues): EndpointInput & { url: string } {
  const { apps, ...rest } = settings(v);
  const input = { apps: apps!, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)) } as EndpointInput & { url: string };
  if (input.ordering === "none") delete input.ordering;
  // With a recipe, none named would mean those that the recipe fits.
  if (v.recipe !== "" && v.allEvents) input.events = [];
  if (!input.locked) delete input.locked;
  if (v.secret.trim() !== "") input.secret = v.secret.trim();
  if (v.verify !== undefined) input.verify = v.verify;
  return input;
}

/** What changes the endpoint from how it was to how it is wanted; nothing else is sent. */
export function patchInput(before: FormValues, now: FormValues): EndpointInput {
  const was: Record<string, unknown> = settings(before);
  const changed = Object.entries(settings(now)).filter(([name, value]) => written(value) !== written(was[name]));
  const input: EndpointInput = Object.fromEntries(changed);
  if (now.recipe !== before.recipe && now.recipe !== "" && now.allEvents) input.events = [];
  if (now.verify !== undefined) input.verify = now.verify;
  return input;
}

/** Tells whether there is anything that leaving the page would lose. */
export function differs(before: FormValues, now: FormValues): boolean {
  return now.secret !== "" || Object.keys(patchInput(before, { ...now, verify: undefined })).length > 0;
}

/** Says what is wrong with a URL before the server is asked; undefined if nothing is. */
export function wrongURL(text: string, dev: boolean): string | undefined {
  const url = text.trim();
  if (url === "") return t`Give the address that events are sent to, such as https://example.com/webhooks.`;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return t`Begin the address with https://.`;
  if (!/^https?:/i.test(url)) return t`Begin the address with https://: other kinds of addresses cannot take webhooks.`;
  if (/^http:/i.test(url) && !dev) return t`Use https:// instead of http://: what is sent over plain http can be read and changed on the way.`;
  if (/[\s\\]/.test(url)) return t`The address contains a space or a backslash: remove it.`;
  let read: URL;
  try {
    read = new URL(url);
  } catch {
    return t`This cannot be read as an address. It should look like https://example.com/webhooks.`;
  }
  if (read.username || read.password) return t`The address contains a user name or password, which would end up in logs. Remove it, and add a header under Headers instead.`;
  if (url.includes("#")) return t`The part from # on is never sent to a server: remove it.`;
  return undefined;
}

/** Says what is wrong with a mail server's address; undefined if nothing is. */
export function wrongMailServer(text: string, dev: boolean): string | undefined {
  const url = text.trim();
  if (url === "") return t`Give the mail server's address, such as smtp://mail.example.com:587.`;
  if (!/^smtps?:\/\/[^\s/@]+$/i.test(url) && !(dev && /^smtp\+plain:\/\/[^\s/@]+$/i.test(url))) {
    return t`Give the mail server as smtp://mail.example.com:587 (with STARTTLS) or smtps://mail.example.com:465, without user and password.`;
  }
  return undefined;
}

function wrongSubjects(subjects: string[]): string | undefined {
  const bad = subjects.find((s) => s.slice(0, -1).includes("*"));
  return bad === undefined ? undefined : t`“${bad}” has a * that is not at its end.`;
}

function wrongChannels(channels: string[]): string | undefined {
  const bad = channels.find((c) => !/^[\w.:-]{1,128}$/.test(c));
  return bad === undefined ? undefined : t`“${bad}” is not a channel: use letters, digits, -, _, . and : only, at most 128.`;
}

/** Says what is wrong with the form, by field; what only the server knows is left to it. */
export function wrong(v: FormValues, about: { dev: boolean; recipe?: Recipe }): Errors {
  const errors: Errors = {};
  const say = (field: string, text: string | undefined) => {
    if (text) errors[field] = text;
  };
  if (v.apps.length === 0) errors.apps = t`Choose the app whose events are sent.`;
  const { recipe } = about;
  // What is there already is the server's to judge: it knows addresses that nobody can give here.
  const fine = v.url.trim() === "" ? Boolean(recipe?.address.default) : v.url.trim() === v.stored.url;
  if (!fine) say("url", isMail(recipe) ? wrongMailServer(v.url, about.dev) : wrongURL(v.url, about.dev));
  for (const f of recipe?.fields ?? []) {
    const title = f.title ?? f.name;
    if (f.required && !f.default && !v.recipeFields[f.name]?.trim()) errors[`recipeFields.${f.name}`] = t`Give ${title}.`;
  }
  if (v.scripted && v.recipe === "" && v.code.trim() === "") errors.code = t`Write the function, or switch the script off.`;
  Object.assign(errors, wrongMaking(v));
  if (!v.allEvents) {
    const bad = v.events.find((p) => wrongPattern(p));
    if (v.events.length === 0) errors.events = t`Choose at least one event type, or switch on all events.`;
    const count = v.events.length;
    if (count > 200) errors.events = t`${count} are chosen; at most 200 are allowed. Choose whole groups instead of single types.`;
    else if (bad !== undefined) errors.events = `“${bad}”: ${wrongPattern(bad)}`;
  }
  say("subjects", wrongSubjects(v.subjects));
  say("channels", wrongChannels(v.channels));
  say("filter", wrongFilter(v.filter));
  for (const app of v.apps) {
    const own = v.own[app];
    const bad = own?.events?.find((p) => wrongPattern(p));
    if (bad !== undefined) errors[`own.${app}.events`] = `“${bad}”: ${wrongPattern(bad)}`;
    say(`own.${app}.subjects`, wrongSubjects(own?.subjects ?? []));
    say(`own.${app}.filter`, wrongFilter(own?.filter ?? ""));
  }
  for (const [field, text] of Object.entries(wrongRetry(v.retry))) errors[`retry.${field}`] = text;
  const range = (field: "timeout" | "concurrency" | "perSecond" | "burst", least: number, most: number, text: string) => {
    if (v[field] !== "" && !(Number(v[field]) >= least && Number(v[field]) <= most)) errors[field] = text;
  };
  range("timeout", 0.1, 120, t`Give a time from 0.1 to 120 seconds.`);
  range("concurrency", 1, 1000, t`Give a number from 1 to 1000.`);
  range("perSecond", 0.001, 100_000, t`Give a number from 0.001 to 100,000.`);
  range("burst", 0, 100_000, t`Give a number from 0 to 100,000.`);
  if (v.perSecond === "" && v.burst !== "") errors.perSecond = t`Give a rate, or leave the burst empty, too.`;
  v.capture.forEach((r, i) => {
    if (/[^\w.-]/.test(r.name.trim())) errors[`capture.${i}.name`] = t`Use letters, digits, _, - and . only.`;
    if (r.name.trim() !== "" && r.value !== "" && !r.value.startsWith("/")) errors[`capture.${i}.value`] = t`A JSON pointer begins with /, such as /access/pin.`;
  });
  for (const field of ["headers", "metadata", "capture"] as const) {
    const seen = new Set<string>();
    v[field].forEach((r, i) => {
      const name = field === "headers" ? r.name.trim().toLowerCase() : r.name.trim();
      if (name === "" && r.value !== "") errors[`${field}.${i}.name`] = t`Give it a name.`;
      else if (name !== "" && seen.has(name)) errors[`${field}.${i}.name`] = t`This name is there twice.`;
      seen.add(name);
    });
  }
  return errors;
}

/** What choosing a recipe, or none, changes: what nobody touched follows it. */
export function chooseRecipe(v: FormValues, before: Recipe | undefined, now: Recipe | undefined, zone = "UTC"): Partial<FormValues> {
  const presets = (r: Recipe | undefined) => ({ allEvents: !r?.events?.length, events: r?.events ?? [] });
  const was = presets(before);
  const untouched = v.allEvents === was.allEvents && (v.allEvents || written(v.events) === written(was.events));
  const fields = Object.fromEntries((now?.fields ?? []).flatMap((f) => {
    const value = v.recipeFields[f.name] ?? (f.kind === "timezone" ? zone : "");
    return value === "" || before?.fields?.find((b) => b.name === f.name)?.kind !== f.kind && v.recipeFields[f.name] ? [] : [[f.name, value]];
  }));
  return {
    recipe: now?.name ?? "",
    recipeFields: fields,
    auth: recipeAuth(now),
    ...(v.name === "" || v.name === before?.title ? { name: now?.title ?? "" } : {}),
    ...(untouched ? presets(now) : {}),
  };
}
