import { expect, it } from "vitest";
import { byteSize, fits, percent, plural } from "./text.ts";

it("never rounds a failure away", () => {
  expect(percent(99_999, 100_000)).toBe("99.99 %");
  expect(percent(999_999, 1_000_000)).toBe("99.99 %");
  expect(percent(1, 1_000_000)).toBe("0.01 %");
  expect(percent(10, 10)).toBe("100 %");
  expect(percent(0, 10)).toBe("0 %");
  expect(percent(0, 0)).toBe("–");
  expect(percent(1, 3)).toBe("33.3 %");
});

it("fits patterns as the server does", () => {
  expect(fits("invoice.*", "invoice.purchase")).toBe(true);
  expect(fits("invoice.*", "invoices")).toBe(false);
  expect(fits("*", "anything")).toBe(true);
  expect(fits("invoice.purchase", "invoice.purchase")).toBe(true);
  expect(fits("invoice.purchase", "invoice.purchases")).toBe(false);
});

it("counts", () => {
  expect(plural(1, "delivery", "deliveries")).toBe("1 delivery");
  expect(plural(0, "delivery", "deliveries")).toBe("0 deliveries");
  expect(byteSize(1)).toBe("1 byte");
  expect(byteSize(200 * 1024)).toBe("200.0 KiB");
});
