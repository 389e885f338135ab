import { describe, expect, it } from "vitest";
import { condition, conditionsOf, fieldOf, literal, partsOf, patternOf, placeIn, suggestions, valueOf, wrongFilter } from "./conditions.ts";

const bare = (list: ReturnType<typeof conditionsOf>) => (Array.isArray(list) ? list.map(({ key: _, ...c }) => c) : list);
const squeezed = (text: string) => JSON.stringify(JSON.parse(text));

describe("conditions", () => {
  it.each([
    '{"status":["paid","open"]}',
    '{"customer":{"country":["CH",null,true,42,"42","true"," x "]}}',
    '{"total":[{"decimal":[">",100]}],"mode":[{"anything-but":"test"}]}',
    '{"total":[{"numeric":[">=",0.5,"<=",99.5]}]}',
    '{"a":[{"prefix":"part"}],"b":[{"suffix":"12"}],"c":[{"equals-ignore-case":"X"}],"d":[{"exists":true}],"e":[{"exists":false}],"f":[{"anything-but":["a",1]}]}',
    '{"net total":{"in.dots":["x"]},"ü":["ö"]}',
  ])("show a pattern, and give the same one back: %s", (text) => {
    const list = conditionsOf(text);
    expect(Array.isArray(list), JSON.stringify(list)).toBe(true);
    const { text: again, faults } = patternOf(list as never);
    expect(squeezed(again)).toBe(text);
    expect(faults.size).toBe(0);
  });

  it("say why a pattern stays JSON", () => {
    for (const text of ['{"$or":[{"a":[1]}]}', '{"a":["x",{"prefix":"y"}]}', '{"a":[{"numeric":["=",1]}]}', '{"a":[{"anything-but":{"prefix":"x"}}]}', '{"a":[12345678901234567890]}', '{"a":']) {
      expect(conditionsOf(text), text).toHaveProperty("why");
    }
    expect(conditionsOf("  ")).toEqual([]);
  });

  it("take typed values for what the field holds", () => {
    expect(valueOf("118", ["string"]).text).toBe('"118"');
    expect(valueOf("118", ["integer"]).text).toBe("118");
    expect(valueOf("118").text).toBe("118");
    expect(valueOf('"118"', ["number"]).text).toBe('"118"');
    expect(valueOf("true", ["boolean"]).text).toBe("true");
    expect(valueOf("true", ["string"]).text).toBe('"true"');
    expect(valueOf(" paid ").text).toBe('"paid"');
    expect(valueOf("12345678901234567890").text).toBe("12345678901234567890");
    for (const v of ["x", "42", "", " a", '"q"', "null"]) expect(JSON.parse(valueOf(literal(v)).text)).toBe(v);
  });

  it("say what is missing, and leave it out of the pattern", () => {
    const list = [condition(), condition("total", "more", ["much"]), condition("a.b", "is", []), condition("total", "between", ["5", "1"]), condition("status", "is", ["paid"]), condition("status", "is", ["x"]), condition("status.more", "is", ["x"])];
    const { text, faults } = patternOf(list);
    expect(squeezed(text)).toBe('{"status":["paid"]}');
    expect(faults.size).toBe(6);
    expect(faults.get(list[1]!.key)).toContain("“much” is no number");
    expect(faults.get(list[5]!.key)).toContain("one line");
  });

  it("keep the digits of numbers", () => {
    expect(squeezed(patternOf([condition("total", "more", ["0099.50"])]).text)).toBe('{"total":[{"decimal":[">",99.5]}]}');
    expect(patternOf([condition("total", "more", ["99.50"])]).text).toContain("99.50");
  });
});

describe("fields", () => {
  it("are written with dots, odd names in quotes", () => {
    expect(partsOf('customer."net total".x')).toEqual(["customer", "net total", "x"]);
    expect(fieldOf(["customer", "a.b", "c d"])).toBe('customer."a.b".c d');
    for (const parts of [["a"], ["a.b", "c"], [" "], ['q"q'], ["a[0]"]]) expect(partsOf(fieldOf(parts))).toEqual(parts);
    expect(partsOf("items[].sku")).toEqual(["items", "sku"]);
  });
  it("are named by errors of the server", () => {
    expect(placeIn("/customer/country/0/prefix")).toBe("customer.country");
    expect(placeIn("/$or/1/a/0")).toBe("a");
    expect(placeIn("/a~1b")).toBe("a/b");
  });
});

it("suggests what the examples fit", () => {
  const list = suggestions([
    { path: "id", types: ["integer"], example: 118 },
    { path: "total", types: ["string"], example: "118.00" },
    { path: "currency", types: ["string"], example: "CAD" },
  ]);
  expect(squeezed(patternOf(list).text)).toBe('{"total":[{"decimal":[">",100]}],"currency":["CAD"]}');
  expect(bare(suggestions([{ path: "n", types: ["number"], example: 100 }]))).toMatchObject([{ comparison: "more", values: ["50"], decimal: false }]);
  expect(suggestions([])).toEqual([]);
});

it("says what is wrong with a filter in words, by its field", () => {
  expect(wrongFilter('{"status": "paid"}')).toBe('At status, the values stand in brackets: write "status": ["paid"].');
  expect(wrongFilter('{"a": {"total": {"numeric": [">", 1]}}}')).toContain("At a.total, the comparison stands in brackets");
  expect(wrongFilter('{"a": [{"prefx": "x"}]}')).toContain("“prefx” is no comparison");
  expect(wrongFilter('{"a": [{"numeric": [">", "x"]}]}')).toContain("At a, numeric takes");
  expect(wrongFilter("[1]")).toBe('A filter stands in braces, such as {"status": ["paid"]}.');
  expect(wrongFilter('{"a": [{"numeric": 5}]}')).toContain('write {"numeric": [">", 100]}.');
  expect(wrongFilter('{"a": []}')).toContain("nothing would fit");
  expect(wrongFilter('{"$or": [{"a": 1}]}')).toContain("At a");
  expect(wrongFilter('{"a": [{"decimal": [">", "99.50"]}], "b": {"prefix": ["x"]}}')).toBeUndefined();
});
