import type { Dialect } from "../../api/client.ts";

interface Rule {
  term: string;
  text: string;
  /** Shown as it is, in a fixed-width face. */
  code?: string;
}

const algorithms: Record<string, string> = {
  "hmac-sha1": "HMAC with SHA-1",
  "hmac-sha256": "HMAC with SHA-256",
  "hmac-sha512": "HMAC with SHA-512",
  ed25519: "Ed25519 (a private key signs, the public key verifies)",
};

const secrets: Record<string, string> = {
  raw: "The text of the secret is the key, byte for byte.",
  base64: "The key is the secret, decoded from base64.",
  hex: "The key is the secret, decoded from hexadecimal.",
  whsec: "The secret is whsec_ and base64; the key is what that decodes to.",
};

const encodings: Record<string, string> = {
  hex: "lower-case hexadecimal",
  base64: "base64",
  base64url: "base64url without padding",
};

/** A dialect's signature rules as sentences, in the order in which a receiver needs them. */
export function signatureRules(s: Dialect["signature"]): Rule[] {
  const rules: Rule[] = [
    { term: "Header", text: "The signature comes in this header.", code: s.header },
    { term: "Algorithm", text: `${algorithms[s.algorithm] ?? s.algorithm}, written in ${encodings[s.encoding] ?? s.encoding}.` },
  ];
  if (s.algorithm === "ed25519") rules.push({ term: "Secret", text: "The secret is whsk_ and base64 of the private key; receivers get the public key." });
  else rules.push({ term: "Secret", text: `${secrets[s.secret || "raw"] ?? s.secret}${s.secret_prefix ? ` New secrets begin with ${s.secret_prefix}.` : ""}` });
  const content = s.content || "${body}";
  rules.push(content === "${body}" ? { term: "Signed", text: "The body, exactly as it arrives." } : { term: "Signed", text: "This text, with the values of the request put in.", code: content });
  if (s.value || s.each) rules.push({ term: "Looks like", text: "How the signature stands in the header.", code: s.value ? s.value.replace("${signatures}", s.each || "${signature}") : s.each });
  if (s.ed25519) rules.push({ term: "Ed25519", text: "With a whsk_ secret, Ed25519 signs instead, and the signature looks like this.", code: s.ed25519 });
  rules.push({
    term: "Rotation",
    text: s.join
      ? `While two secrets are valid, the header carries a signature of each, with ${s.join === " " ? "a space" : `“${s.join}”`} between them.`
      : "The header carries one signature, by the newest secret: the old one stops at once when it is rotated.",
  });
  const timed = s.body_time || /\$\{(ts|ms|time|time_s|time_ms)\}/.test(content);
  if (timed) {
    const where = s.body_time ? ` (the body's ${s.body_time} says it)` : "";
    rules.push({ term: "Age", text: `Receivers refuse requests that are more than ${s.max_age || "5m"} old or ${s.max_ahead || "5m"} ahead${where}.` });
  }
  return rules;
}

/** How a new endpoint's URL is tried out, in a sentence. */
export function verificationWords(v: Dialect["verification"]): string {
  const answer = v?.status ? String(v.status) : "any 2xx";
  const request = v?.unsigned ? "an unsigned test event" : "a signed test event";
  return v?.required
    ? `A new URL is always sent ${request} first, and must answer ${answer}.`
    : `If it is asked for, a new URL is sent ${request} first, and must answer ${answer}.`;
}
