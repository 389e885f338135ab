import { expect, test } from "vitest";
import { kindFrom } from "./kinds.ts";

test("an address without a known kind shows keys", () => {
  expect(kindFrom("portal")).toBe("portal");
  expect(kindFrom("other")).toBe("key");
  expect(kindFrom(undefined)).toBe("key");
});
