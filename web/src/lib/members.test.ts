import { expect, it } from "vitest";
import { elementTexts, memberTexts } from "./members.ts";

it("gives each member's very text", () => {
  const text = '{"name":"a.b", "schema" : {"x":[1,{"y":"}\\"],"}]},\n"example":12345678901234567890,"t":true,"s":"a,\\"b","l":[ ],"\\u0065":null}';
  expect({ ...memberTexts(text) }).toEqual({
    name: '"a.b"', schema: '{"x":[1,{"y":"}\\"],"}]}', example: "12345678901234567890", t: "true", s: '"a,\\"b"', l: "[ ]", e: "null",
  });
  expect({ ...memberTexts("{}") }).toEqual({});
  expect(memberTexts('{"__proto__":1}')["__proto__"]).toBe("1");
});

it("gives the elements of a list as they stand", () => {
  expect(elementTexts(' [ "a,]", { "f": [1e400] } ,3.0,[]] ')).toEqual(['"a,]"', '{ "f": [1e400] }', "3.0", "[]"]);
  expect(elementTexts("[ ]")).toEqual([]);
});
