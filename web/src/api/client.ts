// The API as the dashboard sees it: nothing here that the OpenAPI document does
// not say. Requests carry the session's cookie or, in a portal, the link's token.
import { t } from "@lingui/core/macro";
import createClient from "openapi-fetch";
import { appName } from "../lib/apps.ts";
import { elementTexts, memberTexts } from "../lib/members.ts";
import { sentence } from "../lib/text.ts";
import { inPortal, portalToken } from "../session/portal.ts";
import { reaching } from "./reach.ts";
import type { components, paths } from "./schema.ts";

export type Schemas = components["schemas"];
export type App = Schemas["App"];
export type Attempt = Schemas["Attempt"];
export type AuditEntry = Schemas["AuditEntry"];
export type Delivery = Schemas["Delivery"];
export type Dialect = Schemas["Definition"];
export type Endpoint = Schemas["Endpoint"];
export type EndpointInput = Schemas["EndpointInput"];
export type EndpointStats = Schemas["EndpointStats"];
export type Event = Schemas["Event"];
export type EventType = Schemas["EventType"];
export type Explanation = Schemas["Explanation"];
export type FailureGroup = Schemas["Failure"];
export type Health = Schemas["HealthState"];
export type Inbox = Schemas["Inbox"];
export type InboxRequest = Schemas["InboxRequest"];
export type Key = Schemas["Key"];
export type LaneState = Schemas["LaneState"];
export type Node = Schemas["Node"];
export type Outcome = Schemas["Outcome"];
export type RefusedEntry = Schemas["RefusedEntry"];
export type Session = Schemas["Session"];
export type Stats = Schemas["Stats"];
export type StatsBucket = Schemas["StatsBucket"];
type FieldError = Schemas["FieldError"];

/** A refusal by the API (RFC 9457), or the failure to reach it (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    readonly requestId?: string,
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** What the requests of this page authenticate with, besides the cookie. */
export function authorization(): Record<string, string> {
  const token = portalToken();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/**
 * A portal never uses the cookie: in a frame of a sister site the browser would send
 * it along, and an operator's session must not act there.
 */
export const credentials: RequestCredentials = inPortal ? "omit" : "same-origin";

export const api = createClient<paths>({
  baseUrl: location.origin,
  credentials,
  fetch: (request) => {
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
    return reaching(request);
  },
});

/** Gives a call's answer, or throws a Problem that says why there is none. */
export async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let result;
  try {
    result = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (result.response.ok) return result.data as T;
  throw problemOf(result.error, result.response.status);
}

export function unreachable(): Problem {
  // A portal's people know neither Bellhop nor where it runs.
  return inPortal
    ? new Problem(0, "unreachable", t`The server cannot be reached`, t`The server cannot be reached. Is this device online? If it is, try again in some minutes.`)
    : new Problem(0, "unreachable", t`The server cannot be reached`, t`The server cannot be reached. Is it running, and is this device online?`);
}

/**
 * What a refusal says about one field of the request or a part of it ("apps" for
 * "apps[0]"), as a sentence about the subject.
 */
export function faultOf(error: unknown, field: string, subject = t`This`): string | undefined {
  if (!(error instanceof Problem)) return undefined;
  const found = error.errors.find((e) => e.field === field || (e.field.startsWith(field) && /^[.[/]/.test(e.field.slice(field.length))));
  return found && sentence(subject, found.detail);
}

/** Reads a problem from the body of an answer that is not a success. */
export function problemOf(body: unknown, status: number): Problem {
  if (typeof body === "object" && body !== null && "code" in body) {
    const p = body as Schemas["Problem"];
    return new Problem(status, p.code, p.title, p.detail ?? p.title, p.errors ?? [], p.request_id);
  }
  return new Problem(status, "unknown", t`The answer was ${status}`, t`The server, or a proxy before it, answered ${status} without saying why.`);
}

/**
 * Gives an event with its data as text, byte for byte as published: JSON.parse
 * would round large numbers and drop the publisher's spacing.
 */
export async function eventWithText(id: string): Promise<{ event: Event; data: string | undefined }> {
  return splitEvent(await okText(api.GET("/v1/events/{id}", { params: { path: { id } }, parseAs: "text" })));
}

/** Splits an event's JSON into its fields and the text of its data, its last member. */
export function splitEvent(text: string): { event: Event; data: string | undefined } {
  const event = JSON.parse(text) as Event;
  if (!("data" in event)) return { event, data: undefined };
  // Quotes inside of strings are escaped, so the first of these is the member.
  const mark = ',"data":';
  return { event, data: text.slice(text.indexOf(mark) + mark.length, text.lastIndexOf("}")) };
}

/** An endpoint whose filters are there as texts, too, byte for byte as they were saved. */
export interface ExactEndpoint extends Endpoint {
  texts: { filter?: string; byApp: Record<string, string> };
}

/** Reads an endpoint's JSON. */
export function exactEndpoint(text: string): ExactEndpoint {
  const endpoint = JSON.parse(text) as Endpoint;
  const { apps, filter } = memberTexts(text);
  const byApp: Record<string, string> = {};
  elementTexts(apps ?? "[]").forEach((entry, i) => {
    const own = entry.startsWith("{") ? memberTexts(entry).filter : undefined;
    if (own !== undefined) byApp[appName(endpoint.apps[i]!)] = own;
  });
  return { ...endpoint, texts: { filter: endpoint.filter === null ? undefined : filter, byApp } };
}

/** The text of a call's answer. */
export function okText(call: Promise<{ data?: unknown; error?: unknown; response: Response }>): Promise<string> {
  return ok(call as Promise<{ data?: string; error?: unknown; response: Response }>);
}
