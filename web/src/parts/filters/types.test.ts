import { expect, it } from "vitest";
import { typeGroups } from "./types.ts";

it("groups types by what they begin with", () => {
  expect(typeGroups(["ping", "invoice.paid", "invoice.line.added", "invoice.line.removed", "guest.in"])).toEqual(["invoice.*", "invoice.line.*"]);
  expect(typeGroups([])).toEqual([]);
});
