import { describe, expect, it } from "vitest";
import type { Endpoint, StatsBucket } from "../../../api/client.ts";
import { found, hintOf, type Troubled } from "./trouble.ts";

const endpoint: Endpoint = {
  id: "ep_1", apps: ["acme"], url: "https://example.com/Hooks", name: "Bookkeeping", events: [], subjects: [], dialect: "standard", status: "active", locked: false,
  timeout: "15s", retry: [], concurrency: 8, ordering: "none", created_at: "2027-06-01T00:00:00Z", updated_at: "2027-06-01T00:00:00Z",
};
const zero = { p50_ms: 0, p95_ms: 0, p99_ms: 0 };
const total: StatsBucket = { start: "2027-06-01T00:00:00Z", succeeded: 10, failed: 2, exhausted: 0, duration_ms: 0, max_duration_ms: 0, duration: zero, latency: zero };
const troubled: Troubled = {
  endpoint, pending: 3, held: 0, reason: "circuit_open", detail: "It failed 12 times in a row.",
  lane: { circuit: "open", concurrency: 1, consecutive_failures: 12, in_flight: 0, queued: 0, last_failure: "timeout" },
};

describe("hintOf", () => {
  it("names the trouble and its cause", () => {
    expect(hintOf(endpoint, troubled, total)).toEqual({ tone: "bad", text: "Nothing gets through: timed out", detail: "It failed 12 times in a row." });
    expect(hintOf(endpoint, { ...troubled, reason: "backlog" }, total)?.text).toBe("Fallen behind");
  });
  it("says what a state that somebody chose means", () => {
    expect(hintOf({ ...endpoint, status: "paused" }, undefined, total)?.text).toBe("Deliveries are held");
    expect(hintOf({ ...endpoint, status: "disabled" }, undefined, undefined)?.text).toBe("Gets no new events");
    expect(hintOf({ ...endpoint, status: "disabled", disabled_reason: "Gone." }, undefined, undefined)).toEqual({ tone: "bad", text: "Disabled automatically", detail: "Gone." });
  });
  it("mentions failures of the day", () => {
    expect(hintOf(endpoint, undefined, total)?.text).toBe("2 attempts failed in 24 h");
    expect(hintOf(endpoint, undefined, { ...total, failed: 0 })).toBeUndefined();
    expect(hintOf(endpoint, undefined, undefined)).toBeUndefined();
  });
});

describe("found", () => {
  it("looks at name, URL and id", () => {
    expect(found(endpoint, " book ")).toBe(true);
    expect(found(endpoint, "HOOKS")).toBe(true);
    expect(found(endpoint, "ep_1")).toBe(true);
    expect(found(endpoint, "crm")).toBe(false);
  });
});
