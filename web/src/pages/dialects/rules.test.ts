import { expect, test } from "vitest";
import { signatureRules, verificationWords } from "./rules.ts";

const standard = {
  algorithm: "hmac-sha256", secret: "whsec", content: "${id}.${ts}.${body}", encoding: "base64",
  header: "webhook-signature", each: "v1,${signature}", ed25519: "v1a,${signature}", join: " ",
};

test("the standard dialect's rules", () => {
  const rules = signatureRules(standard);
  expect(rules.map((r) => r.term)).toEqual(["Header", "Algorithm", "Secret", "Signed", "Looks like", "Ed25519", "Rotation", "Age"]);
  expect(rules[1]!.text).toBe("HMAC with SHA-256, written in base64.");
  expect(rules[3]!.code).toBe("${id}.${ts}.${body}");
  expect(rules.at(-1)!.text).toContain("more than 5m old");
});

test("a signed body without a time has no age", () => {
  const rules = signatureRules({ algorithm: "hmac-sha256", secret: "raw", encoding: "hex", header: "X" });
  expect(rules.map((r) => r.term)).toEqual(["Header", "Algorithm", "Secret", "Signed", "Rotation"]);
  expect(rules.at(-1)!.text).toContain("stops at once");
});

test("the whole header", () => {
  const rules = signatureRules({ ...standard, value: "t=${ts},${signatures}", each: "v1=${signature}", join: "," });
  expect(rules.find((r) => r.term === "Looks like")!.code).toBe("t=${ts},v1=${signature}");
});

test("how a URL is tried out", () => {
  expect(verificationWords({ required: true, unsigned: true, status: 200 })).toBe("A new URL is always sent an unsigned test event first, and must answer 200.");
  expect(verificationWords(undefined)).toContain("If it is asked for");
});
