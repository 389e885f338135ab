import { expect, it } from "vitest";
import { exactEndpoint } from "../api/client.ts";
import { allEvents, appNames, termsOf } from "./apps.ts";

const apps = ["acme", { app: "globex", events: [], filter: {} }, { app: "initech", subjects: ["guest:*"] }];
const endpoint = { apps, events: ["invoice.*"], subjects: [], filter: { a: [1] } };

it("knows what holds for each app", () => {
  expect(appNames(endpoint)).toEqual(["acme", "globex", "initech"]);
  expect(termsOf(endpoint, "acme")).toEqual({ events: ["invoice.*"], subjects: [], filtered: true });
  expect(termsOf(endpoint, "globex")).toEqual({ events: [], subjects: [], filtered: false });
  expect(termsOf(endpoint, "initech")).toEqual({ events: ["invoice.*"], subjects: ["guest:*"], filtered: true });
  expect(allEvents(endpoint)).toEqual([]);
  expect(allEvents({ apps: ["acme", { app: "globex", events: ["a", "invoice.*"] }], events: ["invoice.*"] })).toEqual(["invoice.*", "a"]);
});

it("keeps the texts of all filters", () => {
  const e = exactEndpoint('{"id":"ep_1","apps":["acme",{"app":"x.y","filter":{ "n": [1e400] }},{"app":"b"}],"events":[],"subjects":[],"filter":{"a":[99999999999999.99] }}');
  expect(e.texts).toEqual({ filter: '{"a":[99999999999999.99] }', byApp: { "x.y": '{ "n": [1e400] }' } });
  expect(exactEndpoint('{"apps":[],"filter":null}').texts).toEqual({ byApp: {} });
});
