import { afterEach, expect, test } from "vitest";
import type { App, InboxRequest } from "../../api/client.ts";
import { curl } from "../../lib/shell.ts";
import { publication } from "./publication.ts";
import { appToUse, arrivalOf, readKept, writeKept } from "./progress.ts";

afterEach(() => sessionStorage.clear());

test("a command for a shell", () => {
  expect(curl("https://h.example", "POST", "/v1/apps", { id: "acme", name: "It's" })).toBe(
    `curl https://h.example/v1/apps \\\n  -H "Authorization: Bearer $BELLHOP_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d '{"id":"acme","name":"It'\\''s"}'`,
  );
  expect(curl("https://h.example", "GET", "/v1/apps")).not.toContain("-d");
  expect(curl("https://h.example", "DELETE", "/v1/apps/x")).toContain("curl -X DELETE ");
});

test("data is published as typed", () => {
  expect(publication("acme", "a.b", ' {"n": 12345678901234567890} ')).toBe('{"app":"acme","type":"a.b","data":{"n": 12345678901234567890}}');
});

test("what was done is kept for the tab, and broken storage is no harm", () => {
  writeKept({ app: "acme" });
  expect(readKept()).toEqual({ app: "acme" });
  sessionStorage.setItem("bellhop-start", "nonsense");
  expect(readKept()).toEqual({});
});

test("it goes on with the chosen app, or the newest", () => {
  const app = (id: string, created_at: string): App => ({ id, created_at, updated_at: created_at });
  const apps = [app("a", "2027-01-01T00:00:00Z"), app("b", "2027-01-03T00:00:00Z"), app("c", "2027-01-02T00:00:00Z")];
  expect(appToUse(apps, "a")?.id).toBe("a");
  expect(appToUse(apps, "gone")?.id).toBe("b");
  expect(appToUse([], undefined)).toBeUndefined();
});

test("an event is found among the requests", () => {
  const request = (id: number, event: string): InboxRequest => ({ id, at: "", method: "POST", path: "/in/x", answered: 200, headers: { "webhook-id": [event] } });
  const requests = [request(2, "evt_2"), request(1, "evt_1")];
  expect(arrivalOf(requests, "evt_1")?.id).toBe(1);
  expect(arrivalOf(requests, "evt_9")).toBeUndefined();
  expect(arrivalOf(requests, undefined)?.id).toBe(2);
});
