import { expect, it } from "vitest";
import { conditionsFrom, progress, withCondition, withData, withoutCondition } from "./where.ts";

it("keeps conditions in the address, each once", () => {
  const one = withCondition(undefined, " data.id = 42 ");
  const two = withCondition(one, "customer.name ~ ada");
  expect(conditionsFrom(two)).toEqual(["data.id = 42", "data.customer.name ~ ada"]);
  expect(withCondition(two, "data.id = 42")).toBe(two);
  expect(withoutCondition(two, "data.id = 42")).toBe("data.customer.name ~ ada");
  expect(withoutCondition(one, "data.id = 42")).toBeUndefined();
});

it("knows what a path is meant to begin with", () => {
  expect(withData("total > 100")).toBe("data.total > 100");
  expect(withData("data[0] = 1")).toBe("data[0] = 1");
  expect(withData("database = x")).toBe("data.database = x");
});

it("tells how far a search is", () => {
  const [since, until] = ["2026-11-01T00:00:00Z", "2026-11-11T00:00:00Z"];
  expect(progress("2026-11-06T00:00:00Z", since, until, 0)).toBe(0.5);
  expect(progress("2026-11-06T00:00:00Z", since, undefined, new Date(until).getTime())).toBe(0.5);
  expect(progress("2026-10-06T00:00:00Z", since, until, 0)).toBe(1);
  expect(progress("2026-11-06T00:00:00Z", undefined, until, 0)).toBeUndefined();
});
