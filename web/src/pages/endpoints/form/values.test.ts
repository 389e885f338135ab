import { describe, expect, it } from "vitest";
import { exactEndpoint, type ExactEndpoint, Problem } from "../../../api/client.ts";
import { Raw, written } from "../../../lib/exact.ts";
import { pretty } from "../../../lib/json.ts";
import { sentence } from "../../../lib/text.ts";
import { refusal } from "./refusal.ts";
import { standardRetry } from "./retry.ts";
import { advancedLine, appsLine, changes, eventsLine, headersLine, limitsLine, narrowLine } from "./summaries.ts";
import { wrongFilter } from "./conditions.ts";
import { createInput, differs, newValues, patchInput, row, valuesOf, wrong, wrongURL } from "./values.ts";

const url = "https://example.com/webhooks";

const filter = '{ "total":[{"numeric": [">",99999999999999.99]}],  "b": [1e400] }';

const endpoint: ExactEndpoint = {
  id: "ep_1", apps: ["acme"], url, name: "Bookkeeping", events: ["invoice.*", "ping"], subjects: ["invoice:*"], filter: JSON.parse(filter) as unknown, texts: { filter, byApp: {} }, locked: false,
  dialect: "standard", headers: { "X-Key": "abc" }, status: "active", timeout: "15s", retry: ["1s", "5s", "15s", "30s", "1m", "2m"],
  rate_limit: { per_second: 5, burst: 10 }, concurrency: 32, ordering: "none", metadata: { team: "finance" }, created_at: "", updated_at: "",
};

describe("what makes an endpoint", () => {
  it("sends no more than what was chosen", () => {
    expect(createInput(newValues(["acme"], ` ${url} `))).toEqual({ apps: ["acme"], url });
  });

  it("sends everything that was chosen", () => {
    const v = {
      ...newValues(["acme", "globex"], url), name: " Books ", allEvents: false, events: ["invoice.*"], subjects: ["invoice:*"], filter: '{"a": [1]}', dialect: "github",
      retry: { ...standardRetry, kind: "list" as const, delays: ["5s"] }, headers: [row("X-A", "1"), row("", "")], timeout: 2.5, concurrency: 4, perSecond: "0.5",
      ordering: "subject" as const, metadata: [row("team", "x")], secret: "whsec_x", verify: true,
    };
    expect(createInput(v)).toEqual({
      apps: ["acme", "globex"], url, name: "Books", events: ["invoice.*"], subjects: ["invoice:*"], filter: new Raw('{"a": [1]}'), dialect: "github", retry: ["5s"],
      headers: { "X-A": "1" }, timeout: "2s500ms", concurrency: 4, rate_limit: { per_second: 0.5 }, ordering: "subject", metadata: { team: "x" }, secret: "whsec_x", verify: true,
    });
  });

  it("leaves the choice kept behind the switch out", () => {
    expect(createInput({ ...newValues(["acme"], url), events: ["ping"] })).not.toHaveProperty("events");
  });
});

describe("what changes an endpoint", () => {
  const before = valuesOf(endpoint);

  it("is nothing if nothing was changed", () => {
    expect(patchInput(before, valuesOf(endpoint))).toEqual({});
    expect(differs(before, valuesOf(endpoint))).toBe(false);
    expect(patchInput(before, { ...before, headers: [...before.headers, row()] })).toEqual({});
    expect(valuesOf({ ...endpoint, events: ["*"] }).allEvents).toBe(true);
  });

  it("tells a number of requests at once that is set from one that adapts", () => {
    const adapts = valuesOf({ ...endpoint, concurrency: undefined } as unknown as typeof endpoint);
    expect(adapts.concurrency).toBe("");
    expect(patchInput(adapts, { ...adapts, concurrency: 32 })).toEqual({ concurrency: 32 });
    expect(patchInput(before, { ...before, concurrency: "" })).toEqual({ concurrency: null });
  });

  it("is only what was changed", () => {
    expect(patchInput(before, { ...before, url: `${url}/2`, headers: [row("X-Key", "other")] })).toEqual({ url: `${url}/2`, headers: { "X-Key": "other" } });
    expect(patchInput(before, { ...before, verify: true })).toEqual({ verify: true });
    expect(differs(before, { ...before, name: "x" })).toBe(true);
  });

  it("gives the options of the dialect, and takes them away with it", () => {
    const stripe = { ...before, dialect: "stripe", dialectOptions: { api_version: " 2025-08-27 ", empty: "" } };
    expect(patchInput(before, stripe)).toEqual({ dialect: "stripe", dialect_options: { api_version: "2025-08-27" } });
    expect(patchInput(stripe, { ...stripe, dialect: "standard", dialectOptions: {} })).toEqual({ dialect: "standard", dialect_options: null });
    expect(refusal(new Problem(422, "invalid", "", "", [{ field: "dialect_options.api_version", code: "x", detail: "is odd" }]), stripe).fields).toEqual({ "dialectOptions.api_version": "“api_version” is odd" });
  });

  it("resets with null", () => {
    const now = {
      ...before, name: "", allEvents: true, subjects: [], filter: " ", retry: standardRetry, headers: [], timeout: "", concurrency: "", perSecond: "", burst: "", metadata: [],
    };
    expect(patchInput(before, now)).toEqual({
      name: null, events: null, subjects: null, filter: null, retry: null, headers: null, timeout: null, concurrency: null, rate_limit: null, metadata: null,
    });
  });

  it("keeps the bytes of filters that nobody touched, and the numbers of those that somebody did", () => {
    expect(before.filter).toBe(pretty(filter));
    const typed = before.filter.replace('"b"', '"c"');
    expect(written(patchInput(before, { ...before, filter: typed }))).toBe(`{"filter":${typed}}`);
    expect(typed).toContain("1e400");
    expect(patchInput(before, { ...before, name: "x" })).toEqual({ name: "x" });
    expect(written(createInput(before))).toContain(`"filter":${filter}`); // as it was
  });

  it("keeps what is wanted of each app", () => {
    const own = '{"app":"b","events":[],"filter":{ "n": [1.10] }}';
    const e = exactEndpoint(`{"id":"ep_1","apps":["a",${own},{"app":"c","subjects":["x:*"],"filter":{}}],"url":"${url}","events":[],"subjects":[],"dialect":"standard","locked":true,"locked_reason":"why","status":"active","timeout":"15s","retry":[],"concurrency":32,"ordering":"none"}`);
    const v = valuesOf(e);
    expect(patchInput(v, v)).toEqual({});
    expect(written(patchInput(v, { ...v, apps: ["b", "c"] }))).toBe(`{"apps":[${own},{"app":"c","subjects":["x:*"],"filter":{}}]}`);
    expect(written(patchInput(v, { ...v, own: { ...v.own, c: { events: ["y"] }, b: {} } }))).toBe('{"apps":["a","b",{"app":"c","events":["y"]}]}');
    expect(patchInput(v, { ...v, locked: false })).toEqual({ locked: false, locked_reason: null });
    expect(patchInput(v, { ...v, description: "For the books" })).toEqual({ description: "For the books" });
    expect(appsLine(v)).toBe("Something else of b, c");
    const errors: [string, string][] = [["apps[1].filter/n/0", "is odd"], ["apps[2].subjects[0]", "is bad"], ["locked_reason", "is too long"]];
    expect(refusal(new Problem(422, "invalid", "", "", errors.map(([field, detail]) => ({ field, code: "x", detail }))), v).fields).toEqual({
      "own.b.filter": "At n: is odd", "own.c.subjects": "“x:*” is bad", lockedReason: "The reason of the lock is too long",
    });
    expect(Object.keys(wrong({ ...v, own: { b: { events: ["a b"], filter: "{" }, c: { subjects: ["a*b"] } } }, { dev: false })).sort()).toEqual(["own.b.events", "own.b.filter", "own.c.subjects"]);
  });

  it("is told in words", () => {
    expect(changes(before, { ...before, retry: standardRetry, ordering: "subject", headers: [row("X-Key", "other")] })).toEqual([
      { label: "Retries", from: "Quick: up to 7 attempts, gives up after 4 minutes", to: "Standard: up to 23 attempts, gives up after 7 days" },
      { label: "Headers", from: "", to: "other values" },
      { label: "Order", from: "no order", to: "in order per subject" },
    ]);
    expect(changes(before, before)).toEqual([]);
  });
});

describe("what is wrong", () => {
  it("is said about URLs", () => {
    expect(wrongURL(url, false)).toBeUndefined();
    expect(wrongURL("http://127.0.0.1:9000/x", true)).toBeUndefined();
    for (const bad of ["", "example.com", "ftp://example.com", "http://example.com", "https://a b", "https://u:p@example.com", "https://example.com/#x", "https://", "javascript:alert(1)"]) {
      expect(wrongURL(bad, false), bad).toBeDefined();
    }
  });

  it("is said about filters", () => {
    expect(wrongFilter("")).toBeUndefined();
    expect(wrongFilter('{"a":[1]}')).toBeUndefined();
    expect(wrongFilter('{"a":[1]')).toContain("not valid JSON");
    expect(wrongFilter("[1]")).toContain("braces");
    expect(wrongFilter('{"a":[12345678901234567890]}')).toBeUndefined(); // it is sent as it stands
  });

  it("is said by field", () => {
    const v = { ...newValues([], url), allEvents: false, timeout: 500, perSecond: 0, headers: [row("A", "1"), row("a", "2"), row("", "3")], subjects: ["a*b"] };
    expect(Object.keys(wrong(v, { dev: false })).sort()).toEqual(["apps", "events", "headers.1.name", "headers.2.name", "perSecond", "subjects", "timeout"]);
    expect(wrong(newValues(["acme"], url), { dev: false })).toEqual({});
  });
});

describe("the server's refusal", () => {
  const v = { ...valuesOf(endpoint), headers: [row("X-A", ""), row("Host", "x")] };
  const refused = (...errors: [string, string][]) =>
    refusal(new Problem(422, "invalid", "The request is not valid", "", errors.map(([field, detail]) => ({ field, code: "x", detail }))), v);

  it("lands on the fields it names", () => {
    expect(refused(["url", "The URL is bad."], ["headers.Host", "is set by Bellhop"], ["events[1]", "is odd"], ["filter/total/0", "no such operator"], ["rate_limit.burst", "must be small"]).fields).toEqual({
      url: "The URL is bad.", "headers.1.name": "“Host” is set by Bellhop", events: "“ping” is odd", filter: "At total: no such operator", burst: "The burst must be small",
    });
    expect(refused(["retry[2]", "is long"], ["timeout", "is 1ms"]).fields).toEqual({ "retry.delays": "Pause 3 is long", timeout: "The timeout is 1ms" });
  });

  it("keeps what no field can show", () => {
    const { fields, rest } = refused(["url", "is bad"], ["status", "is odd"]);
    expect(fields).toEqual({ url: "The URL is bad" });
    expect((rest as Problem).errors.map((e) => e.field)).toEqual(["status"]);
    expect(refusal(new Error("x"), v).rest).toBeInstanceOf(Error);
  });

  it("makes sentences", () => {
    expect(sentence("The URL", "is missing: give it")).toBe("The URL is missing: give it");
    expect(sentence("The URL", "there is none")).toBe("There is none");
  });
});

describe("summaries", () => {
  it("say what is set in one line", () => {
    const v = valuesOf(endpoint);
    expect(eventsLine(v)).toBe("ping and everything under invoice");
    expect(narrowLine(v)).toBe("Only subject invoice:* and a filter on the data");
    expect(narrowLine(newValues([]))).toBe("Not narrowed down");
    expect(limitsLine(newValues([]))).toBe("No rate limit, no order, waits 15 s for an answer");
    expect(limitsLine(v)).toBe("At most 5 a second, no order, waits 15 s for an answer");
    expect(headersLine(v)).toBe("X-Key");
    expect(advancedLine(newValues([]), true)).toBe("Secret made for you, no notes");
    expect(advancedLine(v, false)).toBe("1 note");
  });
});
