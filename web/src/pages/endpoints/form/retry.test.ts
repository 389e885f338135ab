import { describe, expect, it } from "vitest";
import { dots, pauses, pausesInWords, presets, readPause, retryInput, retryInWords, retryValues, roughly, standard, standardRetry, ticks, total, wrongRetry } from "./retry.ts";

const day = 86_400_000;

describe("the presets", () => {
  it("has the server's default schedule", () => {
    // retry.go: 5 s to 8 h, then every 12 h until the delivery is seven days old.
    expect(standard).toHaveLength(22);
    expect(total(standard)).toBe(7 * day);
    expect(standard.at(-1)).toBe(29_845_000); // 8h17m25s, as the server writes it
  });

  it("come back from the API as themselves", () => {
    for (const kind of ["standard", "quick", "patient", "none"] as const) {
      const input = retryInput({ ...standardRetry, kind });
      expect(retryValues(input).kind).toBe(kind);
      expect(total(presets[kind].delays)).toBeLessThanOrEqual(30 * day);
    }
    expect(retryInput(standardRetry)).toBeNull();
    // The server answers with the default written out, in its own spelling.
    expect(retryValues(["5s", "30s", "2m", "10m", "30m", "1h", "2h", "4h", "8h", ...Array<string>(12).fill("12h0m0s"), "8h17m25s"]).kind).toBe("standard");
  });

  it("reads lists and growing schedules", () => {
    expect(retryValues(["5s", "2m"])).toMatchObject({ kind: "list", delays: ["5s", "2m"] });
    const growing = retryValues({ initial: "10s", factor: 3, max: "1m", until: "5m" });
    expect(growing).toMatchObject({ kind: "growing", initial: "10s", factor: 3 });
    expect(pauses(growing)).toEqual([10_000, 30_000, 60_000, 60_000, 60_000, 60_000, 20_000]);
    expect(retryInput(growing)).toEqual({ initial: "10s", factor: 3, max: "1m", until: "5m" });
  });
});

describe("checks", () => {
  it("finds pauses out of bounds", () => {
    expect(wrongRetry({ ...standardRetry, kind: "list", delays: ["5s", "8d"] }).delays).toContain("8d");
    expect(wrongRetry({ ...standardRetry, kind: "list", delays: Array<string>(5).fill("7d") }).delays).toContain("30 days");
    expect(wrongRetry({ ...standardRetry, kind: "list", delays: ["5s"] })).toEqual({});
    expect(wrongRetry({ ...standardRetry, kind: "growing", factor: 0, until: "31d" })).toHaveProperty("factor");
    expect(wrongRetry({ ...standardRetry, kind: "growing" })).toEqual({});
    expect(pauses({ ...standardRetry, kind: "growing", initial: "soon" })).toEqual([]);
  });

  it("reads pauses as people write them", () => {
    expect(readPause("5 min")).toBe("5m");
    expect(readPause("1 day 12 hours")).toBe("1d12h");
    expect(readPause("90s")).toBe("1m30s");
    expect(readPause("2h")).toBe("2h");
    expect(readPause("250 ms")).toBe("250ms");
    expect(readPause("soon")).toBeUndefined();
    expect(readPause("5")).toBeUndefined();
    expect(readPause("0s")).toBeUndefined();
  });
});

describe("in words and on a line", () => {
  it("says what a schedule does", () => {
    expect(pausesInWords(standard)).toBe("5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h, 12 × 12 h, 8.3 h");
    expect(retryInWords(standardRetry)).toBe("Standard: up to 23 attempts, gives up after 7 days");
    expect(retryInWords({ ...standardRetry, kind: "none" })).toBe("One attempt only, no retries");
    expect(roughly(231_000)).toBe("4 minutes");
    expect(roughly(day)).toBe("1 day");
  });

  it("places attempts from 0 to 1", () => {
    const line = dots([5000, 30_000]);
    expect(line.map((d) => d.age)).toEqual([0, 5000, 35_000]);
    expect(line[0]!.at).toBe(0);
    expect(line[2]!.at).toBe(1);
    expect(dots([])).toEqual([{ attempt: 1, age: 0, at: 0 }]);
    expect(ticks(7 * day).map((t) => t.label)).toEqual(["10 s", "1 min", "10 min", "1 h", "6 h"]);
    expect(ticks(0)).toEqual([]);
  });
});
