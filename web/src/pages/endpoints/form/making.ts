// How requests are made beyond the dialect: recipe, script, credentials, certificates.
// Everything here is pure.
import { t } from "@lingui/core/macro";
import type { Endpoint, Schemas } from "../../../api/client.ts";
import type { Recipe } from "../../../lib/recipes.ts";

export type AuthType = Schemas["AuthInput"]["type"];
export type SecretName = "password" | "token" | "value" | "client_secret" | "refresh_token";

/** How requests authenticate, as the form holds it. */
export interface AuthValues {
  type: "" | AuthType;
  username: string;
  name: string;
  prefix: string;
  tokenURL: string;
  clientID: string;
  /** With spaces between. */
  scopes: string;
  clientAuth: "basic" | "body";
  params: Record<string, string>;
  /** What was typed now. */
  secrets: Partial<Record<SecretName, string>>;
  /** The target can do without: nothing given is no authentication. */
  optional: boolean;
}

export interface TLSValues {
  certificate: string;
  key: string;
  ca: string;
}

/** What is stored already of an endpoint that is changed, and what that is for. */
export interface Stored {
  credentials: string[];
  auth: AuthValues;
  certificate: string;
  url: string;
}

export const noAuth: AuthValues = {
  type: "", username: "", name: "", prefix: "", tokenURL: "", clientID: "", scopes: "", clientAuth: "basic", params: {}, secrets: {}, optional: false,
};
export const noTLS: TLSValues = { certificate: "", key: "", ca: "" };
export const nothingStored: Stored = { credentials: [], auth: noAuth, certificate: "", url: "" };

/** The secrets that a way to authenticate needs. */
export const secretsOf: Record<AuthType, SecretName[]> = {
  basic: ["password"],
  bearer: ["token"],
  header: ["value"],
  query: ["value"],
  oauth2_client_credentials: ["client_secret"],
  oauth2_refresh_token: ["client_secret", "refresh_token"],
};

export const isOAuth = (type: AuthValues["type"]) => type.startsWith("oauth2");

export function authValues(a: Schemas["Auth"] | undefined, optional = false): AuthValues {
  if (!a) return { ...noAuth, optional };
  return {
    type: a.type as AuthType, username: a.username ?? "", name: a.name ?? "", prefix: a.prefix ?? "", tokenURL: a.token_url ?? "", clientID: a.client_id ?? "",
    scopes: (a.scopes ?? []).join(" "), clientAuth: a.client_auth === "body" ? "body" : "basic", params: a.params ?? {}, secrets: {}, optional,
  };
}

/** The part of an authentication that a recipe knows. */
export function recipeAuth(recipe: Recipe | undefined): AuthValues {
  return recipe?.auth ? authValues(recipe.auth as Schemas["Auth"], recipe.auth.optional) : noAuth;
}

export function storedOf(e: Endpoint): Stored {
  return { credentials: e.credentials ?? [], auth: authValues(e.auth), certificate: e.tls?.certificate ?? "", url: e.url };
}

/** Scheme, host and port: what a secret was meant for. */
export function originOf(url: string): string {
  try {
    const { protocol, host } = new URL(url.trim());
    return `${protocol}//${host}`;
  } catch {
    return "";
  }
}

/** Whether the server has this secret already and keeps it, if nothing new is typed. */
export function keeps(stored: Stored, v: { auth: AuthValues; tls: TLSValues; url: string }, secret: SecretName | "tls.key"): boolean {
  if (originOf(v.url) !== originOf(stored.url) && v.url.trim() !== "") return false;
  if (secret === "tls.key") return stored.credentials.includes(secret) && v.tls.certificate.trim() === stored.certificate.trim();
  const { type, tokenURL, clientID } = stored.auth;
  return stored.credentials.includes(`auth.${secret}`) && v.auth.type === type && v.auth.tokenURL.trim() === tokenURL && v.auth.clientID.trim() === clientID;
}

function filled<T extends Record<string, unknown>>(o: T): T {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== "" && v !== undefined)) as T;
}

/** Whether anything was said of an authentication that may be left out. */
function said(a: AuthValues, stored: Stored): boolean {
  return a.username.trim() !== "" || Object.values(a.secrets).some((s) => s !== "") || (stored.auth.type === a.type && stored.credentials.some((c) => c.startsWith("auth.")));
}

/** The authentication as the API takes it; null for none. */
export function authInput(a: AuthValues, stored: Stored): Schemas["AuthInput"] | null {
  if (a.type === "" || (a.optional && !said(a, stored))) return null;
  const secrets = filled(Object.fromEntries(secretsOf[a.type].map((s) => [s, a.secrets[s] ?? ""])));
  const own = a.type === "basic" ? { username: a.username.trim() }
    : a.type === "header" ? { name: a.name.trim(), prefix: a.prefix }
    : a.type === "query" ? { name: a.name.trim() }
    : isOAuth(a.type) ? { token_url: a.tokenURL.trim(), client_id: a.clientID.trim(), client_auth: a.clientAuth }
    : {};
  const scopes = a.scopes.split(/\s+/).filter((s) => s !== "");
  return {
    type: a.type, ...filled(own), ...secrets,
    ...(isOAuth(a.type) && scopes.length > 0 ? { scopes } : {}),
    ...(isOAuth(a.type) && Object.keys(a.params).length > 0 ? { params: a.params } : {}),
  };
}

/** The certificates as the API takes them; null for none. */
export function tlsInput(t: TLSValues): Schemas["ClientTLSInput"] | null {
  const input = filled({ certificate: t.certificate.trim(), key: t.key.trim(), ca: t.ca.trim() });
  return Object.keys(input).length === 0 ? null : input;
}

/** Values of a recipe's fields that were given; null if none was. */
export function fieldsInput(fields: Record<string, string>): Record<string, string> | null {
  const given = Object.entries(fields).filter(([, v]) => v.trim() !== "");
  return given.length === 0 ? null : Object.fromEntries(given.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const secretWords = (): Record<SecretName, string> => ({
  password: t`the password`, token: t`the token`, value: t`the value`, client_secret: t`the client secret`, refresh_token: t`the refresh token`,
});

/** Says what is missing of an authentication and the certificates, by field. */
export function wrongMaking(v: { auth: AuthValues; tls: TLSValues; url: string; stored: Stored }): Record<string, string> {
  const errors: Record<string, string> = {};
  const { auth: a, tls, stored } = v;
  if (a.type !== "" && !(a.optional && !said(a, stored))) {
    for (const s of secretsOf[a.type]) {
      const secret = secretWords()[s];
      if (!a.secrets[s] && !keeps(stored, v, s)) errors[`auth.${s}`] = t`Give ${secret}.`;
    }
    if (a.type === "basic" && a.username.trim() === "") errors["auth.username"] = t`Give the user name.`;
    if ((a.type === "header" || a.type === "query") && a.name.trim() === "") errors["auth.name"] = a.type === "header" ? t`Give the name of the header.` : t`Give the name of the parameter.`;
    if (isOAuth(a.type) && a.tokenURL.trim() === "") errors["auth.token_url"] = t`Give the address that tokens come from.`;
    if (isOAuth(a.type) && a.clientID.trim() === "") errors["auth.client_id"] = t`Give the client's id.`;
  }
  if (tls.certificate.trim() !== "" && tls.key.trim() === "" && !keeps(stored, v, "tls.key")) errors["tls.key"] = t`Give the key of the certificate.`;
  if (tls.key.trim() !== "" && tls.certificate.trim() === "") errors["tls.certificate"] = t`Give the certificate that the key belongs to.`;
  return errors;
}
