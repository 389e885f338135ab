import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { Event } from "../../../api/client.ts";
import { sentBody } from "./body.ts";
import { shellQuote } from "../../../lib/shell.ts";
import { asCurl } from "./curl.ts";

const event: Event = { id: "evt_1", app: "acme", type: "a.b", deliveries: 1, uuid: "2ce56e14-7f13-56e6-94b4-a5655b2079e7", created_at: "2026-11-22T00:07:19.02Z", outcome: { state: "none", delivered: 0, waiting: 0, held: 0, failed: 0, canceled: 0 } };

describe("sentBody", () => {
  it("puts the data in byte for byte", () => {
    const data = '{"n":12345678901234567890, "s":"$& $1 ${time}"}';
    expect(sentBody("${data}", event, data)).toBe(data);
    expect(sentBody('{"type":${type|json},"timestamp":"${time}","data":${data}}', event, data))
      .toBe(`{"type":"a.b","timestamp":"2026-11-22T00:07:19.020Z","data":${data}}`);
  });
  it("does not guess", () => {
    expect(sentBody('{"uuid":"${uuid}","data":${data}}', event, "{}")).toBeUndefined();
    expect(sentBody("${?subject}x${/}", event, "{}")).toBeUndefined();
    expect(sentBody("${data.id ?? id | json}", event, "{}")).toBeUndefined();
    expect(sentBody(undefined, event, "{}")).toBeUndefined();
  });
});

describe("asCurl", () => {
  it("survives a shell, whatever is in it", () => {
    const nasty = `'; echo pwned > /tmp/x; ' "$HOME" \`id\` $(id) \\ !! \n@file "`;
    expect(execFileSync("sh", ["-c", `printf %s ${shellQuote(nasty)}`]).toString()).toBe(nasty);
  });
  it("gives each argument as it is", () => {
    const command = asCurl({
      url: "https://example.com/a[1]?x={y}&z='",
      request_headers: { "webhook-id": ["evt_1"], "X-Two": ["a", "b'c"], "X-Empty": [""], "Content-Length": ["12"], Bad: ["a\r\nInjected: 1"], None: null },
    }, "@data with 'quotes'");
    const script = `curl() { for a in "$@"; do printf '%s\\0' "$a"; done; }\n${command}`;
    expect(execFileSync("sh", ["-c", script]).toString().split("\0").slice(0, -1)).toEqual([
      "--globoff", "--include", "--request", "POST", "--url", "https://example.com/a[1]?x={y}&z='",
      "--header", "webhook-id: evt_1", "--header", "X-Two: a", "--header", "X-Two: b'c", "--header", "X-Empty;", "--header", "Bad: a Injected: 1",
      "--data-raw", "@data with 'quotes'",
    ]);
  });
  it("leaves out what is not known", () => {
    expect(asCurl({ url: "http://x" }, undefined)).toBe("curl --globoff --include --request POST \\\n  --url 'http://x'");
  });
});
