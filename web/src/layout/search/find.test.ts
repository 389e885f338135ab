import { expect, it } from "vitest";
import { type Choice, find } from "./find.ts";

const choices: Choice[] = [
  { key: "a", group: "pages", label: "Endpoints" },
  { key: "b", group: "apps", label: "Harbour Homes", more: "harbour" },
  { key: "c", group: "endpoints", label: "CRM at the harbour", more: "https://crm.example/hooks" },
  { key: "d", group: "endpoints", label: "Harbour door", more: "https://door.example" },
];

it("finds by all words, in what is shown and what is not, the beginnings first", () => {
  expect(find(choices, "HARB").map((c) => c.key)).toEqual(["b", "d", "c"]);
  expect(find(choices, "harbour crm").map((c) => c.key)).toEqual(["c"]);
  expect(find(choices, "nothing")).toEqual([]);
  expect(find(choices, "")).toHaveLength(4);
});

it("shows some of each group", () => {
  const many: Choice[] = Array.from({ length: 50 }, (_, i) => ({ key: `e${i}`, group: "endpoints", label: `Door ${i}` }));
  expect(find([...many, choices[1]!], "", 6)).toHaveLength(7);
});
