import { describe, expect, it } from "vitest";
import type { Attempt, Delivery, Explanation } from "../../api/client.ts";
import { axisOf, laneFinding, lanesOf, pollEvery, resendReach, spanOf } from "./lanes.ts";

const t0 = Date.parse("2026-11-22T12:00:00Z");
const time = (ms: number) => new Date(t0 + ms).toISOString();

function delivery(id: string, endpoint: string, status: Delivery["status"], more: Partial<Delivery> = {}): Delivery {
  return { id, endpoint, status, event: "evt_1", app: "acme", type: "a.b", trigger: "publish", attempts: 0, created_at: time(0), ...more };
}

function attempt(id: string, d: Delivery, ms: number, more: Partial<Attempt> = {}): Attempt {
  return {
    id, delivery: d.id, endpoint: d.endpoint, event: "evt_1", app: "acme", type: "a.b", trigger: "publish", number: 1,
    status: "failed", final: false, started_at: time(ms), duration_ms: 20, ...more,
  };
}

describe("lanesOf", () => {
  it("has one lane for each endpoint, troubled ones first", () => {
    const good = delivery("dlv_1", "ep_1", "succeeded");
    const first = delivery("dlv_2", "ep_2", "succeeded");
    const again = delivery("dlv_9", "ep_2", "failed", { trigger: "resend" });
    const lanes = lanesOf([good, again, first], [attempt("att_3", again, 900), attempt("att_1", good, 5), attempt("att_2", first, 6)]);
    expect(lanes.map((l) => l.endpoint)).toEqual(["ep_2", "ep_1"]);
    expect(lanes[0]!.deliveries.map((d) => d.id)).toEqual(["dlv_9", "dlv_2"]);
    expect(lanes[0]!.attempts.map((a) => a.id)).toEqual(["att_2", "att_3"]);
    expect(lanes[0]!.outcome).toBe("failed");
  });
  it("tells delivered apart from a copy that waits", () => {
    const first = delivery("dlv_1", "ep_1", "pending", { attempts: 2, due: time(3_600_000) });
    const resent = delivery("dlv_2", "ep_1", "succeeded", { trigger: "resend", attempts: 1 });
    expect(lanesOf([first, resent], [])[0]).toMatchObject({ outcome: "succeeded", copies: 1, next: time(3_600_000) });
    // The other way round: delivered once, and sent again.
    const again = delivery("dlv_3", "ep_1", "pending", { trigger: "resend", attempts: 1, due: time(60_000) });
    const told: Explanation = { endpoint: "ep_1", outcome: "retrying", detail: "Attempt 1 failed.", delivery: "dlv_3" };
    expect(lanesOf([resent, again], [], [told])[0]).toMatchObject({ outcome: "succeeded", copies: 1, next: time(60_000), explanation: undefined });
    expect(lanesOf([resent], [])[0]).toMatchObject({ outcome: "succeeded", copies: 0 });
  });
  it("answers what happened, why, what is next and what to do", () => {
    const d = delivery("dlv_1", "ep_1", "pending", { attempts: 1, due: time(60_000) });
    const a = attempt("att_1", d, 5, { reason: "status", response_status: 401, detail: "The receiver answered 401 Unauthorized." });
    const of = (more: Partial<Explanation> = {}) => laneFinding(lanesOf([d], [a], [{ endpoint: "ep_1", outcome: "retrying", detail: "", delivery: "dlv_1", ...more }])[0]!);
    expect(of()).toMatchObject({ what: "The receiver answered 401 Unauthorized.", next: `This was try 1; the next one is at ${time(60_000)}.`, ways: ["secret", "check", "test", "try"] });
    expect(of({ reason: "paused", outcome: "held" })).toMatchObject({ next: expect.stringContaining("paused") as string, ways: ["resume", "secret", "check", "test"] });
    expect(laneFinding(lanesOf([delivery("dlv_1", "ep_1", "pending")], [])[0]!)).toBeUndefined();
  });
  it("tells a retry from a first attempt, and when it is", () => {
    const lanes = lanesOf([delivery("dlv_1", "ep_1", "pending", { attempts: 2, due: time(60_000) }), delivery("dlv_2", "ep_2", "pending")], []);
    expect(lanes.map((l) => [l.outcome, l.next])).toEqual([["retrying", time(60_000)], ["pending", undefined]]);
  });
  it("prefers the server's explanation of the same delivery", () => {
    const explained: Explanation = { endpoint: "ep_1", outcome: "held", detail: "Held.", delivery: "dlv_1", next_at: time(5) };
    expect(lanesOf([delivery("dlv_1", "ep_1", "held")], [], [explained])[0]).toMatchObject({ outcome: "held", explanation: explained });
    expect(lanesOf([delivery("dlv_1", "ep_1", "held")], [], [explained])[0]!.next).toBeUndefined();
    expect(lanesOf([delivery("dlv_2", "ep_1", "succeeded")], [], [explained])[0]).toMatchObject({ outcome: "succeeded", explanation: undefined });
  });
});

describe("axisOf", () => {
  it("grows from 0 to 1 and stays within", () => {
    const axis = axisOf(t0, t0 + 7 * 86_400_000);
    const places = [-5, 0, 5000, 120_000, 3_600_000, 7 * 86_400_000, 9 * 86_400_000].map((ms) => axis.at(t0 + ms));
    expect(places[0]).toBe(0);
    expect(places[1]).toBe(0);
    expect(places.at(-2)).toBeCloseTo(1);
    expect(places.at(-1)).toBe(1);
    expect([...places].sort((x, y) => x - y)).toEqual(places);
  });
  it("keeps labels apart", () => {
    for (const span of [0, 3, 100, 5000, 60_000, 86_400_000, 400 * 86_400_000]) {
      const { ticks } = axisOf(t0, t0 + span);
      for (let i = 1; i < ticks.length; i++) expect(ticks[i]!.at - ticks[i - 1]!.at).toBeGreaterThanOrEqual(0.13);
      expect(ticks.length).toBeLessThan(9);
    }
  });
});

it("spanOf reaches to the last attempt and the next one", () => {
  const d = delivery("dlv_1", "ep_1", "pending", { due: time(90_000), attempts: 1 });
  expect(spanOf(time(0), lanesOf([d], [attempt("att_1", d, 100)]), t0 + 200)).toEqual({ start: t0, end: t0 + 90_000 });
  const done = delivery("dlv_1", "ep_1", "succeeded");
  expect(spanOf(time(0), lanesOf([done], [attempt("att_1", done, 100)]), t0 + 99_999)).toEqual({ start: t0, end: t0 + 120 });
  expect(spanOf(time(0), [], t0 + 5)).toEqual({ start: t0, end: t0 });
});

describe("pollEvery", () => {
  it("asks often only while something is about to happen", () => {
    expect(pollEvery([], t0)).toBe(false);
    expect(pollEvery([delivery("1", "e", "succeeded"), delivery("2", "e", "failed"), delivery("3", "e", "canceled")], t0)).toBe(false);
    expect(pollEvery([delivery("1", "e", "held")], t0)).toBe(10_000);
    expect(pollEvery([delivery("1", "e", "pending", { due: time(3_600_000) })], t0)).toBe(10_000);
    expect(pollEvery([delivery("1", "e", "held"), delivery("2", "e", "pending", { due: time(1000) })], t0)).toBe(1500);
    expect(pollEvery([delivery("1", "e", "pending")], t0)).toBe(10_000); // waits for its order
  });
});

it("resendReach counts those who might get it now", () => {
  const lanes = lanesOf([delivery("dlv_1", "ep_1", "succeeded")], []);
  const not = (reason: string): Explanation => ({ endpoint: "ep_x", outcome: "not_sent", reason, detail: "" });
  expect(resendReach(lanes, [not("type"), not("filter")])).toEqual({ least: 1, most: 1 });
  expect(resendReach(lanes, [not("type"), not("created_later"), not("changed_since")])).toEqual({ least: 1, most: 3 });
});
