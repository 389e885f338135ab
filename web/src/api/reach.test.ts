import { afterEach, expect, it, vi } from "vitest";
import { lostSince, noteReach, reaching } from "./reach.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  noteReach(true);
});

const request = (init?: RequestInit) => new Request("http://bellhop.test/healthz", init);

it("knows since when there is no answer, and that there is one again", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("refused")));
  await expect(reaching(request())).rejects.toThrow("refused");
  const since = lostSince();
  expect(since).toBeDefined();
  await expect(reaching(request())).rejects.toThrow();
  expect(lostSince()).toBe(since);
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status: 401 })));
  await reaching(request());
  expect(lostSince()).toBeUndefined();
});

it("takes a proxy's answer for none", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status: 502 })));
  await reaching(request());
  expect(lostSince()).toBeDefined();
});

it("makes nothing of a request that this page gave up", async () => {
  const controller = new AbortController();
  controller.abort();
  vi.stubGlobal("fetch", () => Promise.reject(new DOMException("", "AbortError")));
  await expect(reaching(request({ signal: controller.signal }))).rejects.toThrow();
  expect(lostSince()).toBeUndefined();
});
