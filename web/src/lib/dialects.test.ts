import { expect, it } from "vitest";
import type { App } from "../api/client.ts";
import { defaultDialect, offeredDialects } from "./dialects.ts";

const app = (id: string, dialects?: string[]): App => ({ id, created_at: "", updated_at: "", ...(dialects ? { dialects } : {}) });
const apps = [app("any"), app("shop", ["shopify", "standard"]), app("pay", ["standard", "stripe", "shopify"])];

it("offers what every app offers, in the order of the first", () => {
  expect(offeredDialects(apps, ["any"])).toBeUndefined();
  expect(offeredDialects(apps, ["any", "shop"])).toEqual(["shopify", "standard"]);
  expect(offeredDialects(apps, ["pay", "shop"])).toEqual(["standard", "shopify"]);
  expect(offeredDialects(apps, ["unknown"])).toBeUndefined();
});

it("begins with the app's own default", () => {
  expect(defaultDialect(apps, ["shop"], "svix")).toBe("shopify");
  expect(defaultDialect(apps, ["any"], "svix")).toBe("svix");
  expect(defaultDialect(apps, [], "svix")).toBe("svix");
});
