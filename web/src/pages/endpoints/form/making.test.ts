import { describe, expect, it } from "vitest";
import type { Recipe } from "../../../lib/recipes.ts";
import { authInput, authValues, keeps, noAuth, nothingStored, noTLS, type Stored, tlsInput, wrongMaking } from "./making.ts";
import { chooseRecipe, createInput, newValues, patchInput, settings, wrong } from "./values.ts";


const url = "https://example.com/hooks";
const stored: Stored = { credentials: ["auth.password", "tls.key"], auth: authValues({ type: "basic", username: "ada" }), certificate: "CERT", url };
const fresh = { auth: noAuth, tls: noTLS, url, stored: nothingStored };

describe("credentials", () => {
  it("are sent as typed, and none where none is chosen", () => {
    expect(authInput(noAuth, nothingStored)).toBeNull();
    expect(authInput({ ...noAuth, type: "basic", username: " ada ", secrets: { password: "p w", token: "other" } }, nothingStored)).toEqual({ type: "basic", username: "ada", password: "p w" });
    expect(authInput({ ...noAuth, type: "header", name: "X-Key", prefix: "Token ", secrets: { value: "v" } }, nothingStored)).toEqual({ type: "header", name: "X-Key", prefix: "Token ", value: "v" });
    expect(authInput({ ...noAuth, type: "oauth2_client_credentials", tokenURL: "https://t", clientID: "c", scopes: " a  b ", clientAuth: "body", params: { audience: "x" }, secrets: { client_secret: "s" } }, nothingStored))
      .toEqual({ type: "oauth2_client_credentials", token_url: "https://t", client_id: "c", client_auth: "body", client_secret: "s", scopes: ["a", "b"], params: { audience: "x" } });
    expect(tlsInput(noTLS)).toBeNull();
    expect(tlsInput({ certificate: "C\n", key: "K", ca: "" })).toEqual({ certificate: "C", key: "K" });
  });

  it("that are optional are left out while nothing is said", () => {
    const optional = { ...noAuth, type: "basic" as const, optional: true };
    expect(authInput(optional, nothingStored)).toBeNull();
    expect(wrongMaking({ ...fresh, auth: optional })).toEqual({});
    expect(wrongMaking({ ...fresh, auth: { ...optional, username: "ada" } })).toEqual({ "auth.password": "Give the password." });
  });

  it("that are set need not be typed again, as long as they are for the same", () => {
    const v = { auth: stored.auth, tls: { ...noTLS, certificate: "CERT" }, url: `${url}/2`, stored };
    expect(wrongMaking(v)).toEqual({});
    expect(keeps(stored, v, "password")).toBe(true);
    // Who cannot see a secret cannot have it sent to a host of their own.
    expect(wrongMaking({ ...v, url: "https://other.example.com" })).toEqual({ "auth.password": "Give the password.", "tls.key": "Give the key of the certificate." });
    expect(keeps(stored, { ...v, tls: { ...noTLS, certificate: "OTHER" } }, "tls.key")).toBe(false);
    expect(keeps(stored, { ...v, auth: { ...noAuth, type: "bearer" } }, "token")).toBe(false);
  });

  it("that are missing are named", () => {
    expect(wrongMaking({ ...fresh, auth: { ...noAuth, type: "oauth2_refresh_token" } })).toEqual({
      "auth.client_secret": "Give the client secret.", "auth.refresh_token": "Give the refresh token.",
      "auth.token_url": "Give the address that tokens come from.", "auth.client_id": "Give the client's id.",
    });
    expect(wrongMaking({ ...fresh, tls: { ...noTLS, key: "K" } })).toEqual({ "tls.certificate": "Give the certificate that the key belongs to." });
  });

  it("of an endpoint go along with a change only if they were touched", () => {
    const before = { ...newValues(["acme"], url), auth: stored.auth, stored };
    expect(patchInput(before, { ...before, name: "x" })).toEqual({ name: "x" });
    expect(patchInput(before, { ...before, auth: { ...before.auth, secrets: { password: "new" } } })).toEqual({ auth: { type: "basic", username: "ada", password: "new" } });
    expect(patchInput(before, { ...before, auth: noAuth })).toEqual({ auth: null });
  });
});

const list = {
  name: "list", title: "A list", events: ["invoice.*"], address: { default: "https://api.example.com" }, auth: { type: "bearer" },
  fields: [{ name: "id", title: "List", required: true }, { name: "zone", kind: "timezone" }], sample: { type: "invoice.purchase", data: "{}" },
} as unknown as Recipe;

describe("a recipe that is chosen", () => {
  const begun = newValues(["acme"]);
  const chosen = { ...begun, ...chooseRecipe(begun, undefined, list, "Europe/Zurich") };

  it("presets what nobody touched", () => {
    expect(chosen).toMatchObject({ recipe: "list", name: "A list", allEvents: false, events: ["invoice.*"], recipeFields: { zone: "Europe/Zurich" }, auth: { type: "bearer" } });
    expect({ ...chosen, ...chooseRecipe(chosen, list, undefined) }).toMatchObject({ recipe: "", name: "", allEvents: true, events: [], recipeFields: {}, auth: noAuth });
    const own = { ...begun, name: "Mine", allEvents: false, events: ["ping"] };
    expect({ ...own, ...chooseRecipe(own, undefined, list) }).toMatchObject({ name: "Mine", events: ["ping"] });
  });

  it("needs no address if it has one, but what it asks for", () => {
    expect(wrong(chosen, { dev: false, recipe: list })).toEqual({ "recipeFields.id": "Give List.", "auth.token": "Give the token." });
    expect(wrong(chosen, { dev: false, recipe: { ...list, address: {} } })).toHaveProperty("url");
  });

  it("makes an endpoint without a script or an empty address", () => {
    const v = { ...chosen, recipeFields: { id: " a1 ", zone: "UTC" }, auth: { ...chosen.auth, secrets: { token: "t" } }, scripted: true, code: "x" };
    expect(createInput(v)).toEqual({ apps: ["acme"], name: "A list", events: ["invoice.*"], recipe: "list", recipe_fields: { id: " a1 ", zone: "UTC" }, auth: { type: "bearer", token: "t" } });
  });

  it("hears of all events where all are wanted, whatever it fits", () => {
    expect(createInput({ ...chosen, allEvents: true })).toMatchObject({ recipe: "list", events: [] });
    const before = newValues(["acme"], url);
    expect(patchInput(before, { ...before, recipe: "list" })).toMatchObject({ recipe: "list", events: [] });
    expect(patchInput({ ...before, recipe: "list" }, { ...before, recipe: "list", name: "x" })).toEqual({ name: "x" });
  });

  it("for mail wants a mail server", () => {
    const mail = { ...list, mail: {}, address: {}, auth: undefined, fields: [] } as unknown as Recipe;
    const about = (address: string, dev = false) => wrong({ ...begun, recipe: "list", url: address }, { dev, recipe: mail }).url;
    expect(about("smtp://mail.example.com:587")).toBeUndefined();
    expect(about("smtps://mail.example.com:465")).toBeUndefined();
    expect(about("https://mail.example.com")).toMatch(/smtp:\/\//);
    expect(about("smtp://ada:pw@mail.example.com")).toMatch(/without user and password/);
    expect(about("smtp+plain://127.0.0.1:2525")).toBeDefined();
    expect(about("smtp+plain://127.0.0.1:2525", true)).toBeUndefined();
  });
});

it("takes the address that is there already as it is", () => {
  const v = { ...newValues(["acme"], "listen+http://localhost:3000/hook"), stored: { ...nothingStored, url: "listen+http://localhost:3000/hook" } };
  expect(wrong(v, { dev: false })).toEqual({});
  expect(wrong({ ...v, url: "listen+http://localhost:3000/other" }, { dev: false })).toHaveProperty("url");
});

describe("a script", () => {
  it("is sent while it is on", () => {
    const v = { ...newValues(["acme"], url), code: "function transform() {}", onError: "fail" as const };
    expect(settings(v).transform).toBeNull();
    expect(settings({ ...v, scripted: true }).transform).toEqual({ code: "function transform() {}", on_error: "fail" });
    expect(settings({ ...v, scripted: true, scriptFunction: "handler" }).transform).toEqual({ code: "function transform() {}", function: "handler", on_error: "fail" });
    expect(settings({ ...v, scriptKept: true }).transform).toEqual({ code: "function transform() {}", disabled: true, on_error: "fail" });
    expect(wrong({ ...v, scripted: true, code: " " }, { dev: false })).toHaveProperty("code");
  });
});
