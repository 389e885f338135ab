import { describe, expect, it, vi } from "vitest";
import { choiceOf, replay, type ReplayChoice, type ReplayInput, type ReplayProgress, type ReplayResult, requestOf } from "./replay.ts";

const input: ReplayInput = { since: "2027-06-01T00:00:00Z", until: "2027-06-02T00:00:00Z", status: "failed", limit: 100 };

/** An API with so many events, of which some cannot be enqueued. */
function fake(events: number, fail?: number) {
  let calls = 0;
  return vi.fn(async (given: ReplayInput): Promise<ReplayResult> => {
    if (++calls === fail) throw new Error("broke");
    const start = Number(given.cursor ?? 0);
    const end = Math.min(start + given.limit, events);
    const already = given.dry_run || end === start ? 0 : 1; // of each call, one goes out next anyway
    const waiting = start === 0 && end > 0 ? 2 : 0; // and two wait for a retry, with which the first call deals
    return { matched: end - start, failed: end - start, waiting, enqueued: given.dry_run ? 0 : end - start - already, moved: given.dry_run ? 0 : waiting, already_waiting: already, done: end === events, ...(end < events ? { next_cursor: String(end) } : {}) };
  });
}

async function all(run: AsyncGenerator<ReplayProgress>) {
  const seen: ReplayProgress[] = [];
  for await (const p of run) seen.push(p);
  return seen;
}

describe("replay", () => {
  it("calls until it is done, repeating the other fields", async () => {
    const call = fake(250);
    const seen = await all(replay(call, input));
    expect(seen.map((p) => [p.matched, p.enqueued, p.moved, p.done])).toEqual([[100, 99, 2, false], [200, 198, 2, false], [250, 247, 2, true]]);
    expect(seen.at(-1)).toMatchObject({ failed: 250, waiting: 2, already: 3 });
    expect(call.mock.calls.map(([given]) => given)).toEqual([input, { ...input, cursor: "100" }, { ...input, cursor: "200" }]);
  });
  it("counts without enqueueing", async () => {
    const seen = await all(replay(fake(150), { ...input, dry_run: true }));
    expect(seen.at(-1)).toEqual({ matched: 150, failed: 150, waiting: 2, enqueued: 0, moved: 0, already: 0, cursor: undefined, done: true });
  });
  it("makes one call when there is nothing", async () => {
    const call = fake(0);
    expect(await all(replay(call, input))).toEqual([{ matched: 0, failed: 0, waiting: 0, enqueued: 0, moved: 0, already: 0, cursor: undefined, done: true }]);
    expect(call).toHaveBeenCalledTimes(1);
  });
  it("makes no further call once its reader left", async () => {
    const call = fake(1000);
    for await (const p of replay(call, input)) if (p.matched === 200) break;
    expect(call).toHaveBeenCalledTimes(2);
  });
  it("goes on after a failure where it stopped", async () => {
    const call = fake(250, 2);
    let so: ReplayProgress | undefined;
    await expect((async () => {
      for await (const p of replay(call, input)) so = p;
    })()).rejects.toThrow("broke");
    expect(so?.enqueued).toBe(99);
    const rest = await all(replay(call, input, so));
    expect(rest.at(-1)).toMatchObject({ matched: 250, enqueued: 247, moved: 2, already: 3, done: true });
  });
  it("ends where it is told to go on without being told where", async () => {
    const call = vi.fn(async (): Promise<ReplayResult> => ({ matched: 1, failed: 1, waiting: 0, enqueued: 1, moved: 0, already_waiting: 0, done: false }));
    expect((await all(replay(call, input))).length).toBe(1);
  });
});

describe("requestOf", () => {
  const now = new Date("2027-06-03T12:00:00Z");
  const choice: ReplayChoice = { range: "24h", since: "", until: "", status: "missing", types: [] };
  it("fixes the range", () => {
    expect(requestOf(choice, now)).toEqual({ input: { since: "2027-06-02T12:00:00.000Z", until: "2027-06-03T12:00:00.000Z", status: "missing" } });
    expect(requestOf({ ...choice, types: ["invoice.*"] }, now)).toMatchObject({ input: { types: ["invoice.*"] } });
  });
  it("reads a custom range in the viewer's zone, up to now", () => {
    const custom: ReplayChoice = { ...choice, range: "custom", since: "2027-06-01T10:00", until: "2027-06-02T10:00" };
    expect(requestOf(custom, now)).toMatchObject({ input: { since: new Date("2027-06-01T10:00").toISOString(), until: new Date("2027-06-02T10:00").toISOString() } });
    expect(requestOf({ ...custom, until: "" }, now)).toMatchObject({ input: { until: now.toISOString() } });
    expect(requestOf({ ...custom, until: "2028-01-01T00:00" }, now)).toMatchObject({ input: { until: now.toISOString() } });
  });
  it("keeps to the cause of a group of failures", () => {
    const group = choiceOf({ endpoint: "ep_1", reason: "status", response_status: 503, detail: "", waiting: 1, failed: 2, oldest_at: "", newest_at: "", newest_attempt: "att_1" });
    expect(requestOf(group, now)).toEqual({ input: { since: "2027-05-27T12:00:00.000Z", until: "2027-06-03T12:00:00.000Z", status: "failed", reason: "status", response_status: 503 } });
    expect(requestOf({ ...group, status: "all" }, now)).not.toHaveProperty("input.reason");
  });
  it("says which end is wrong", () => {
    const custom: ReplayChoice = { ...choice, range: "custom", since: "2027-06-01T10:00", until: "2027-06-01T09:00" };
    expect(requestOf(custom, now)).toMatchObject({ field: "until" });
    expect(requestOf({ ...custom, since: "" }, now)).toMatchObject({ field: "since" });
    expect(requestOf({ ...custom, since: "2029-01-01T00:00" }, now)).toMatchObject({ field: "since" });
  });
});
