import { expect, it } from "vitest";
import { decodeBase64, hexDump } from "./bytes.ts";

it("shows bytes as hex and text", () => {
  const bytes = decodeBase64("//5Iaf8=");
  expect([...bytes]).toEqual([255, 254, 72, 105, 255]);
  expect(hexDump(bytes)).toBe("00000000  ff fe 48 69 ff                                   ..Hi.");
  expect(hexDump(new Uint8Array(40), 32).split("\n")).toHaveLength(3);
});
