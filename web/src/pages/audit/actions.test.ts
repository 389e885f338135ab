import { expect, test } from "vitest";
import { actionWords, actorWords, objectLink } from "./actions.ts";

test("actions in words, new ones too", () => {
  expect(actionWords("endpoint.rotate_secret")).toBe("Rotated the secret of the endpoint");
  expect(actionWords("lane.turn_around")).toBe("lane: turn around");
});

test("objects lead to where they are seen, unless they are gone", () => {
  expect(objectLink("endpoint.update", "ep_1")).toEqual({ to: "/endpoints/ep_1" });
  expect(objectLink("endpoint.delete", "ep_1")).toBeUndefined();
  expect(objectLink("event.erase", "subject of acme")).toBeUndefined();
  expect(objectLink("event_type.update", "a/b")).toEqual({ to: "/event-types/a%2Fb" });
  expect(objectLink("portal_link.create", "key_1")).toEqual({ to: "/keys", search: { kind: "portal" } });
  expect(objectLink("else.create", "x")).toBeUndefined();
});

test("actors by name", () => {
  const names = new Map([["key_1", "checkout"], ["key_2", ""]]);
  expect(actorWords("system", names)).toBe("Bellhop itself");
  expect(actorWords("key_1", names)).toBe("checkout");
  expect(actorWords("key_2", names)).toBe("key_2");
});
