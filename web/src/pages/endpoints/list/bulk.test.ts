import { expect, it } from "vitest";
import { each, needless, type Result } from "./bulk.ts";

const items = Array.from({ length: 9 }, (_, i) => ({ id: `ep_${i}` }));

it("goes on past what refuses, and tells of each", async () => {
  const results = new Map<string, Result>();
  await each(items, async ({ id }) => {
    if (id === "ep_3") throw new Error("It is locked.");
    return id === "ep_5" ? "skipped" : "done";
  }, (id, r) => results.set(id, r), new AbortController().signal);
  expect(results.size).toBe(9);
  expect([...results.values()].filter((r) => r.state === "done")).toHaveLength(7);
  expect(results.get("ep_3")).toMatchObject({ state: "failed", error: { message: "It is locked." } });
  expect(results.get("ep_5")).toEqual({ state: "skipped" });
});

it("leaves what had not begun when it is stopped, and says so", async () => {
  const results = new Map<string, Result>();
  const stop = new AbortController();
  const begun: string[] = [];
  await each(items, async ({ id }) => {
    begun.push(id);
    await Promise.resolve();
    stop.abort();
    return "done";
  }, (id, r) => results.set(id, r), stop.signal);
  expect(begun).toHaveLength(4);
  expect([...results.values()].filter((r) => r.state === "undone")).toHaveLength(5);
});

it("knows where there is nothing to do", () => {
  expect(needless("pause", { status: "paused" })).toBe(true);
  expect(needless("resume", { status: "disabled" })).toBe(false);
  expect(needless("delete", { status: "disabled" })).toBe(false);
});
