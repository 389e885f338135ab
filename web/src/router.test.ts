import { beforeEach, expect, test } from "vitest";
import { linkHere, linkTo, type Target } from "./lib/links.ts";
import { router } from "./router.tsx";

// The pages are not shown here: only where links lead.
const hrefOf = (link: Target | { to: string; params: Record<string, string> }) => router.buildLocation(link as Target).href;

beforeEach(async () => {
  await router.navigate({ to: "/logs", search: { app: "acme", status: "failed" }, replace: true });
});

test("the app goes along to other pages, and nothing else does", () => {
  expect(hrefOf({ to: "/events/$id", params: { id: "evt_1" } })).toBe("/events/evt_1?app=acme");
  expect(hrefOf(linkTo("/events", { type: "a.*" }))).toBe("/events?type=a.*&app=acme");
  expect(hrefOf({ to: "/event-types/$name", params: { name: "a/b" } })).toBe("/event-types/a%2Fb?app=acme");
});

test("a link may name another app, or none", () => {
  expect(hrefOf(linkTo("/endpoints", { app: "globex" }))).toBe("/endpoints?app=globex");
  expect(hrefOf(linkHere("/logs", { app: undefined }))).toBe("/logs?status=failed");
});

test("a change of the address keeps the rest of it", () => {
  expect(hrefOf(linkHere("/logs", { attempt: "att_1" }))).toBe("/logs?app=acme&status=failed&attempt=att_1");
});
