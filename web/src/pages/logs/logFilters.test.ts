import { describe, expect, it } from "vitest";
import { faultsOf } from "./logFilters.tsx";

describe("faultsOf", () => {
  it("finds none in what an attempt can have", () => {
    expect(faultsOf({})).toBeUndefined();
    for (const status of ["succeeded", "failed", "canceled"]) expect(faultsOf({ status })).toBeUndefined();
    for (const response_status of ["503", "5xx", "none"]) expect(faultsOf({ response_status })).toBeUndefined();
    expect(faultsOf({ endpoint: "ep_38G0JGJZC0400", event: "evt_38g0jgk6r0400", since: "2026-11-22T14:00:00Z" })).toBeUndefined();
  });
  it("says of each value that nothing can have what is wrong with it", () => {
    const faults = faultsOf({ status: "broken", response_status: "abc", endpoint: "evt_38G0JGK6R0400", event: "hello", since: "yesterday" });
    expect(faults).toEqual({
      status: expect.stringContaining("succeeded, failed, canceled"), response_status: expect.stringContaining("503"),
      endpoint: expect.stringContaining("ep_"), event: expect.stringContaining("evt_"), time: expect.stringContaining("no time"),
    });
  });
  it("keeps to one fault", () => expect(Object.keys(faultsOf({ event: "hello", status: "failed" })!)).toEqual(["event"]));
});
