import { describe, expect, it } from "vitest";
import type { Attempt, Delivery, Health, LaneState } from "../api/client.ts";
import { attemptFinding, countdown, endpointFinding, type EndpointNow, unfinishedWords } from "./finding.ts";

const now = new Date("2027-06-01T14:10:00Z");
const minutes = (n: number) => new Date(now.getTime() + n * 60_000).toISOString();
const lane: LaneState = { circuit: "closed", concurrency: 8, consecutive_failures: 0, in_flight: 0, queued: 0 };
const endpoint = { status: "active", concurrency: 8, ordering: "none" } as const;

function say(health: Partial<Health> & Pick<Health, "state">, more: Partial<Omit<EndpointNow, "health">> = {}) {
  return endpointFinding({ health: { detail: "", ...health }, endpoint, lane, pending: 0, latest: null, ...more }, now);
}

describe("endpointFinding", () => {
  it("says healthy only where that is known", () => {
    expect(say({ state: "healthy" }, { latest: { status: "succeeded", started_at: minutes(-3) } })).toMatchObject({ tone: "good", what: "Healthy", why: "The last attempt succeeded 3 minutes ago." });
    for (const reason of ["new", "changed"]) {
      expect(say({ state: "unknown", reason })).toMatchObject({ tone: "idle", what: "Not known yet", ways: ["test"], now: "Send a test to know now." });
    }
  });
  it("says how long a rate limit takes for what waits", () => {
    const limited = { ...endpoint, rate_limit: { per_second: 2, burst: 2 } };
    expect(say({ state: "healthy" }, { endpoint: limited, pending: 24_000 }).next).toBe("24,000 deliveries wait: the rate limit lets 2 go a second, so the last goes in about 3.3 h at the earliest.");
  });
  it("says how many requests at once a receiver gets that bears more, and why", () => {
    const f = (concurrency_reason: NonNullable<LaneState["concurrency_reason"]>) => say({ state: "healthy" }, { lane: { ...lane, concurrency: 120, concurrency_reason }, latest: { status: "succeeded", started_at: minutes(-3) } }).why;
    expect(f("grown")).toBe("The last attempt succeeded 3 minutes ago. The receiver gets up to 120 requests at once: it answers as fast as with fewer.");
    expect(f("slower")).toContain("up to 120 requests at once: with more, its answers take longer.");
    expect(f("most")).toContain("up to 120 requests at once, the most that this server allows.");
    expect(f("starts")).toBe("The last attempt succeeded 3 minutes ago.");
    const starts = { ...lane, concurrency: 32, concurrency_reason: "starts" as const };
    expect(say({ state: "healthy" }, { lane: starts, pending: 400 }).why).toContain("up to 32 requests at once, as many as it begins with");
    expect(say({ state: "healthy" }, { lane: starts, pending: 2 }).why).toBeUndefined();
  });
  it("says that a receiver is overloaded, also where nobody has set how many requests it gets", () => {
    const f = (concurrency: number | undefined, now: number, concurrency_reason: NonNullable<LaneState["concurrency_reason"]>) =>
      say({ state: "healthy" }, { endpoint: { ...endpoint, concurrency } as unknown as typeof endpoint, lane: { ...lane, concurrency: now, concurrency_reason } });
    expect(f(8, 4, "overloaded").why).toContain("at most 4 requests at once instead of 8.");
    expect(f(undefined, 16, "overloaded").why).toContain("at most 16 requests at once instead of 32.");
    expect(f(undefined, 16, "most").what).toBe("Healthy"); // the server allows no more
  });
  it("counts what a pause holds", () => {
    expect(say({ state: "paused" }, { pending: 14 })).toMatchObject({ tone: "wait", what: "Paused", next: "14 deliveries are held; none is lost. On resume, what is due goes out, oldest first, and what waits for a retry is tried at its time.", ways: ["resume"] });
    expect(say({ state: "paused" }, { pending: 1 }).next).toContain("On resume it goes out, or waits for the time of its retry");
  });
  it("says who disabled it", () => {
    const disabled_reason = "The receiver answered 410 Gone: it wants no more events.";
    expect(say({ state: "disabled", reason: "gave_up" }, { endpoint: { ...endpoint, status: "disabled", disabled_reason } })).toMatchObject({ tone: "bad", what: "Disabled automatically", why: disabled_reason, ways: ["test", "resume", "edit"] });
    expect(say({ state: "disabled" }, { endpoint: { ...endpoint, status: "disabled" } })).toMatchObject({ tone: "wait", what: "Disabled" });
  });
  it("answers four questions of one that fails", () => {
    const f = say({ state: "failing", reason: "status", response_status: 503, since: minutes(-8), consecutive_failures: 12, next_try_at: minutes(0.5) }, { pending: 3 });
    expect(f.what).toBe("Failing: the receiver answered 503, unavailable.");
    expect(f.why).toContain(`12 attempts in a row failed since ${minutes(-8)}.`);
    expect(f.next).toBe("Next try in 30 s. 3 deliveries wait; none is lost before its schedule ends.");
    expect(f.now).not.toBe("");
    expect(f.ways[0]).toBe("try");
    expect(say({ state: "failing", reason: "status", response_status: 503 }).ways).not.toContain("try"); // nothing waits
  });
  it.each([401, 403])("leads from a %d to the secret and to the check of a request", (response_status) => {
    expect(say({ state: "failing", reason: "status", response_status }, { pending: 1 }).ways.slice(0, 2)).toEqual(["secret", "check"]);
  });
  it("says what holds deliveries", () => {
    expect(say({ state: "on_hold", reason: "misconfigured", detail: 'Its dialect "old" is not configured.' }, { pending: 2 })).toMatchObject({ tone: "bad", why: 'Its dialect "old" is not configured.', ways: ["edit"] });
    expect(say({ state: "on_hold", reason: "no_listener" }).what).toBe("Nobody listens");
    const held = say({ state: "on_hold", reason: "held" }, { pending: 2, held: 2, heldReason: "transform", heldDetail: "line 2: x is not defined" });
    expect(held).toMatchObject({ why: "Line 2: x is not defined.", ways: ["look", "resume"] });
  });
});

describe("attemptFinding", () => {
  const attempt = (more: Partial<Attempt>): Attempt => ({
    id: "att_1", delivery: "dlv_1", endpoint: "ep_1", event: "evt_1", app: "acme", type: "a.b", trigger: "publish",
    number: 1, status: "failed", final: false, started_at: minutes(-1), duration_ms: 12, ...more,
  });
  const delivery = (status: Delivery["status"], more: Partial<Delivery> = {}): Delivery => ({
    id: "dlv_1", endpoint: "ep_1", event: "evt_1", app: "acme", type: "a.b", trigger: "publish", status, attempts: 1, created_at: minutes(-2), ...more,
  });
  it("says what happened", () => {
    expect(attemptFinding(attempt({ status: "succeeded", response_status: 204, final: true }), undefined)).toMatchObject({ tone: "good", what: "Taken: the receiver answered 204" });
    expect(attemptFinding(attempt({ reason: "timeout", detail: "no answer within 1s: connected" }), undefined)).toMatchObject({ what: "The receiver did not answer in time.", why: "No answer within 1s: connected." });
    expect(attemptFinding(attempt({ reason: "status", response_status: 500, detail: "The receiver answered 500 Internal Server Error." }), undefined)).toMatchObject({ what: "The receiver answered 500 Internal Server Error.", why: "The receiver's program failed on this request." });
    expect(attemptFinding(attempt({ status: "canceled", reason: "settled" }), undefined)).toMatchObject({ what: "Settled by another copy" });
  });
  it("says what happens next by the delivery of now, and offers what still can be done", () => {
    const a = attempt({ reason: "status", response_status: 503, next_at: minutes(5) });
    expect(attemptFinding(a, delivery("pending", { due: minutes(5) }))).toMatchObject({ next: `This was try 1; the next one is at ${minutes(5)}.`, ways: expect.arrayContaining(["try"]) as string[] });
    const over = attemptFinding(a, delivery("succeeded", { attempts: 2 }));
    expect(over.next).toContain("a later attempt succeeded");
    expect(over.ways).not.toContain("try");
    expect(attemptFinding(a, delivery("failed", { attempts: 3 }))).toMatchObject({ next: "All 3 tries failed, and so did the delivery: nothing more is sent unless you send it again." });
    expect(attemptFinding(a, delivery("failed")).ways[0]).toBe("resend");
  });
  it("counts a test as no delivery", () => {
    const f = attemptFinding(attempt({ trigger: "test", reason: "status", response_status: 503, final: true }), undefined);
    expect(f.next).toBe("A test is not tried again, and counts as no failed delivery.");
    expect(f.ways).not.toContain("try");
  });
});

it("counts down", () => {
  expect([countdown(40), countdown(120), countdown(125)]).toEqual(["40 s", "2 min", "2 min 5 s"]);
});

describe("unfinishedWords", () => {
  it("says of an active endpoint that they wait", () => expect(unfinishedWords(31, "active")).toEqual({ count: "31 wait", title: "Waiting now", none: "nothing waits" }));
  it("says of one that sends nothing that they are held, and names no next try", () => {
    expect(unfinishedWords(31, "paused")).toEqual({ count: "31 are held", title: "Held now", none: "nothing is held", next: "nothing is tried before it is resumed" });
    expect(unfinishedWords(1, "disabled")).toEqual({ count: "1 is held", title: "Held now", none: "nothing is held", next: "nothing is tried before it is enabled" });
  });
});
