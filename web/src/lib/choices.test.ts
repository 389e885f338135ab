import { afterEach, expect, it, vi } from "vitest";
import { choose, chosen } from "./choices.ts";
import { fullTime, shortTime, zoneOf } from "./time.ts";
import { fromField, rangeLabel, toField } from "../parts/filters/range.ts";

afterEach(() => choose({ zone: "local", rows: "roomy", keys: "on" }));

it("keeps choices in this browser, and takes no nonsense from there", async () => {
  choose({ rows: "dense" });
  expect(JSON.parse(localStorage.getItem("bellhop-choices")!)).toEqual({ zone: "local", rows: "dense", keys: "on" });
  for (const kept of ['{"zone":"mars","rows":"dense"}', "null", "{", "[]"]) {
    localStorage.setItem("bellhop-choices", kept);
    vi.resetModules();
    const fresh = await import("./choices.ts");
    expect(fresh.chosen()).toEqual({ zone: "local", rows: kept.includes("dense") ? "dense" : "roomy", keys: "on" });
  }
});

it("shows times in UTC where that is chosen, and says so", () => {
  choose({ zone: "utc" });
  expect(chosen().zone).toBe("utc");
  const at = new Date("2026-11-21T23:58:41Z");
  expect(zoneOf(at)).toBe("UTC");
  expect(fullTime(at)).toMatch(/11:58:41.*UTC$|23:58:41.*UTC$/);
  // A day ends where it ends in UTC.
  expect(shortTime(at, new Date("2026-11-21T00:01:00Z"))).not.toMatch(/21/);
  expect(shortTime(at, new Date("2026-11-22T00:01:00Z"))).toMatch(/21/);
  expect(toField("2026-11-21T23:58:41.500Z")).toBe("2026-11-21T23:58:41");
  expect(fromField("2026-11-21T23:58:41")).toBe("2026-11-21T23:58:41.000Z");
  expect(rangeLabel({ since: at.toISOString() })).toMatch(/UTC$/);
});
