import { expect, test } from "vitest";
import { search, sourceWords, waysToSet } from "./sources.ts";

test("sources in words", () => {
  expect(sourceWords({ source: "--listen", default: false })).toBe("the flag --listen");
  expect(sourceWords({ source: "BELLHOP_LISTEN", default: false })).toBe("the variable BELLHOP_LISTEN");
  expect(sourceWords({ source: "/etc/bellhop.yaml", default: false })).toBe("the file /etc/bellhop.yaml");
  expect(sourceWords({ source: "default", default: true })).toBe("the default");
});

test("a setting can be set in three ways", () => {
  expect(waysToSet("max_in_flight")).toEqual({ flag: "--max-in-flight", variable: "BELLHOP_MAX_IN_FLIGHT", key: "max_in_flight" });
});

test("settings are found by name, value and description", () => {
  const all = [
    { name: "max_data", value: "256KiB", source: "default", default: true, description: "most data" },
    { name: "dev", value: "true", source: "--dev", default: false, description: "for development" },
  ];
  expect(search(all, "max data", false).length).toBe(1);
  expect(search(all, "DEVELOP", false).map((s) => s.name)).toEqual(["dev"]);
  expect(search(all, "", true).map((s) => s.name)).toEqual(["dev"]);
  expect(search(all, "none", false)).toEqual([]);
});
