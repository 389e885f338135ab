import { t } from "@lingui/core/macro";
/** The bytes of base64 text. */
export function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** Bytes as people look at them: place, hex, and what of it is ASCII. */
export function hexDump(bytes: Uint8Array, most = 4096): string {
  const lines: string[] = [];
  for (let i = 0; i < Math.min(bytes.length, most); i += 16) {
    const part = [...bytes.subarray(i, Math.min(i + 16, most))];
    const hex = part.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : ".")).join("");
    lines.push(`${i.toString(16).padStart(8, "0")}  ${hex.padEnd(48)} ${text}`);
  }
  const left = bytes.length - most;
  if (left > 0) lines.push(t`… ${left} more bytes`);
  return lines.join("\n");
}
