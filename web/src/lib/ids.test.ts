import { describe, expect, it } from "vitest";
import { idKind, isUUID, pasted, shortId } from "./ids.ts";

describe("idKind", () => {
  it.each([
    ["evt_38G0JGK6R0400", "event"],
    ["evt_38g0jgk6r0400", "event"],
    ["att_38G0M8YC20400", "attempt"],
    ["dlv_38G0JGKMY0402", "delivery"],
    ["ep_38G0JGJZC0400", "endpoint"],
    ["evt_1MqqbKLt4dXK03v5qaIbiNCC", undefined], // Stripe's
    ["evt_38G0JGK6R040", undefined],
    ["evt_U8G0JGK6R0400", undefined],
    ["key_38G0JGK6R0400", undefined],
    ["order-118-paid", undefined],
    ["", undefined],
  ])("%s is %s", (text, kind) => expect(idKind(text)).toBe(kind));
});

describe("pasted", () => {
  it("drops what comes along", () => {
    expect(pasted('  "evt_1",\n')).toBe("evt_1");
    expect(pasted("'a b' ")).toBe("a b");
    expect(pasted('say "yes"')).toBe('say "yes"');
  });
});

it("knows a UUID", () => {
  expect(isUUID("2ce56e14-7f13-56e6-94b4-a5655b2079e7")).toBe(true);
  expect(isUUID("2CE56E14-7F13-56E6-94B4-A5655B2079E7")).toBe(true);
  expect(isUUID("2ce56e14-7f13-56e6-94b4-a5655b2079e")).toBe(false);
  expect(isUUID("evt_38G0JGK6R0400")).toBe(false);
});

it("shortens ids to their end", () => {
  expect(shortId("att_38G0M8YC20400")).toBe("…8YC20400");
  expect(shortId("short")).toBe("short");
});
