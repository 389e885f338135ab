import { expect, it } from "vitest";
import { type Column, nextSorting, sorted, sortingFrom } from "./table.tsx";

const columns: Column<{ name: string; n: number }>[] = [
  { key: "name", title: "Name", width: "1fr", sort: (r) => r.name, cell: (r) => r.name },
  { key: "n", title: "N", width: "1fr", sort: (r) => r.n, cell: (r) => r.n },
  { key: "other", title: "Other", width: "1fr", cell: () => null },
];
const rows = [{ name: "b 10", n: 2 }, { name: "B 9", n: 10 }, { name: "a", n: 2 }];
const names = (by: string | undefined) => sorted(rows, columns, sortingFrom(by)).map((r) => r.name);

it("sorts as people do, keeps the order of equals, and leaves alone what cannot be sorted", () => {
  expect(names("name")).toEqual(["a", "B 9", "b 10"]);
  expect(names("-name")).toEqual(["b 10", "B 9", "a"]);
  expect(names("-n")).toEqual(["B 9", "b 10", "a"]);
  expect(names(undefined)).toEqual(["b 10", "B 9", "a"]);
  expect(names("other")).toEqual(["b 10", "B 9", "a"]);
});

it("goes up, down and back", () => {
  expect(nextSorting(undefined, "n")).toBe("n");
  expect(nextSorting(sortingFrom("n"), "n")).toBe("-n");
  expect(nextSorting(sortingFrom("-n"), "n")).toBeUndefined();
  expect(nextSorting(sortingFrom("name"), "n")).toBe("n");
});
