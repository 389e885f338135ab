import { describe, expect, it } from "vitest";
import type { LaneState } from "../../../api/client.ts";
import { written } from "../../../lib/time.ts";
import { countdown, laneWords } from "./laneWords.ts";

const now = new Date(2027, 5, 1, 14, 10, 0);
const minutesAgo = (n: number) => new Date(now.getTime() - n * 60_000).toISOString();
const lane: LaneState = { circuit: "closed", concurrency: 8, consecutive_failures: 0, in_flight: 0, queued: 0 };
const endpoint = { status: "active", concurrency: 8, ordering: "none" } as const;
const clock = (time: string) => written(new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }), new Date(time));

describe("laneWords", () => {
  it("says that it works", () => {
    expect(laneWords(lane, endpoint, 0, now)).toEqual({ tone: "good", title: "Working", detail: "Nothing is waiting." });
    const w = laneWords({ ...lane, in_flight: 2 }, endpoint, 5, now, { status: "succeeded", started_at: minutesAgo(3) });
    expect(w.title).toBe("Working");
    expect(w.detail).toBe("The last attempt succeeded 3 minutes ago. 2 requests under way, 5 deliveries unfinished.");
  });

  it("says how long a rate limit takes for what waits", () => {
    const limited = { ...endpoint, rate_limit: { per_second: 2, burst: 2 } };
    expect(laneWords(lane, limited, 24_000, now).detail).toBe("24,000 deliveries wait: its rate limit lets 2 go a second, so the last goes in about 3.3 h at the earliest.");
    expect(laneWords(lane, limited, 20, now).detail).toContain("20 deliveries unfinished");
  });

  it("does not say that it works before anything was sent", () => {
    expect(laneWords(lane, endpoint, 0, now, null)).toEqual({ tone: "idle", title: "Ready", detail: "Nothing was sent to it yet." });
  });

  it("counts what a pause holds", () => {
    const w = laneWords({ ...lane, held: "paused" }, { ...endpoint, status: "paused" }, 14, now);
    expect(w).toEqual({ tone: "wait", title: "Paused", detail: "14 deliveries are held and go out, oldest first, on resume." });
    expect(laneWords(lane, { ...endpoint, status: "paused" }, 1, now).detail).toBe("1 delivery is held and goes out, oldest first, on resume.");
    expect(laneWords(lane, { ...endpoint, status: "paused" }, 0, now).detail).toContain("None is held now");
  });

  it("believes the lane before an endpoint that was loaded earlier", () => {
    expect(laneWords({ ...lane, held: "paused" }, endpoint, 0, now).title).toBe("Paused");
    expect(laneWords({ ...lane, held: "disabled" }, endpoint, 0, now).title).toBe("Disabled");
  });

  it("says who disabled it", () => {
    const reason = "The receiver answered 410 Gone: it wants no more events.";
    const by = laneWords({ ...lane, held: "disabled" }, { ...endpoint, status: "disabled", disabled_reason: reason }, 2, now);
    expect(by.title).toBe("Disabled automatically");
    expect(by.detail).toBe(`${reason} It gets no new events. 2 deliveries are held and go out when it is enabled again.`);
    expect(laneWords(lane, { ...endpoint, status: "disabled" }, 0, now)).toEqual({
      tone: "bad", title: "Disabled", detail: "It gets no new events until it is enabled. Nothing is held.",
    });
  });

  it("passes on what makes sending impossible", () => {
    const w = laneWords({ ...lane, held: 'its dialect "old" is not configured: put it back' }, endpoint, 3, now);
    expect(w).toEqual({ tone: "bad", title: "Nothing can be sent", detail: 'Its dialect "old" is not configured: put it back. 3 deliveries wait until this is corrected.' });
  });

  describe("circuit open", () => {
    const open: LaneState = { ...lane, circuit: "open", concurrency: 1, open_since: minutesAgo(8), consecutive_failures: 12, last_failure: "timeout", next_probe: new Date(now.getTime() + 40_000).toISOString() };
    it("says since when, why and counts down", () => {
      const w = laneWords(open, endpoint, 5, now);
      expect(w.tone).toBe("bad");
      expect(w.title).toBe(`Circuit open since ${clock(open.open_since!)}`);
      expect(w.detail).toContain("12 attempts in a row failed, the last one because the receiver did not answer in time.");
      expect(w.detail).toContain("Next try in 40 s. 5 deliveries wait.");
      expect(laneWords(open, endpoint, 5, new Date(now.getTime() + 1000)).detail).toContain("Next try in 39 s.");
    });
    it("knows when a try is due, under way or has nothing to try with", () => {
      const due = new Date(now.getTime() + 60_000);
      expect(laneWords({ ...open, circuit: "half_open" }, endpoint, 5, due).detail).toContain("as soon as a delivery is due");
      expect(laneWords({ ...open, circuit: "half_open", in_flight: 1 }, endpoint, 5, due).detail).toContain("One is being tried now.");
      expect(laneWords(open, endpoint, 0, now).detail).toContain("the next event is the next try");
    });
    it("is not called slowed down", () => {
      expect(laneWords(open, endpoint, 0, now).detail).not.toContain("overloaded");
    });
  });

  it("says that it was slowed down", () => {
    const w = laneWords({ ...lane, concurrency: 2 }, endpoint, 0, now);
    expect(w.tone).toBe("warn");
    expect(w.title).toBe("Slowed down");
    expect(w.detail).toContain("The receiver said that it is overloaded, so it gets at most 2 requests at once instead of 8.");
  });

  it("does not take strict order for being slowed down", () => {
    expect(laneWords({ ...lane, concurrency: 1 }, { ...endpoint, ordering: "endpoint" }, 0, now).title).toBe("Working");
  });

  it("says since when it fails", () => {
    const since = minutesAgo(8);
    const w = laneWords({ ...lane, failing_since: since, consecutive_failures: 3, last_failure: "status", concurrency: 4 }, endpoint, 1, now);
    expect(w.tone).toBe("warn");
    expect(w.title).toBe(`Failing since ${clock(since)}`);
    expect(w.detail).toContain("3 attempts in a row failed");
    expect(w.detail).toContain("at most 4 requests at once");
    expect(w.detail).toContain("1 delivery waits for the next try.");
    expect(laneWords({ ...lane, failing_since: since, consecutive_failures: 1, last_failure: "tls" }, endpoint, 0, now).detail).toMatch(/^The last attempt failed because the encrypted/);
    expect(laneWords({ ...lane, failing_since: since }, endpoint, 0, now).detail).toBe("No attempt has succeeded since then.");
  });
});

describe("countdown", () => {
  it("is short", () => {
    expect([1, 59, 60, 125].map(countdown)).toEqual(["1 s", "59 s", "1 min", "2 min 5 s"]);
  });
});
