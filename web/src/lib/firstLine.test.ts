import { expect, it } from "vitest";
import { requestLine } from "./firstLine.ts";

it("says of a mail by which server it goes, and of all else the method", () => {
  expect(requestLine("POST", "smtps://mail.example.com:465")).toBe("A mail by smtps://mail.example.com:465");
  expect(requestLine("PUT", "https://smtp.example.com/x")).toBe("PUT https://smtp.example.com/x");
});
