import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { shellQuote } from "../../../lib/shell.ts";
import { asCurl } from "./curl.ts";

/** The arguments and the input that a shell gives to curl. */
function run(command: string, env: Record<string, string> = {}): { args: string[]; input: string } {
  const script = `curl() { for a in "$@"; do printf '%s\\0' "$a"; done; printf '\\1'; case "$*" in *@-) cat;; esac; }\n${command}`;
  const out = execFileSync("sh", ["-s"], { input: script, env: { ...process.env, ...env }, encoding: "latin1", maxBuffer: 10_000_000 });
  const [args, input] = [out.slice(0, out.indexOf("\x01")), out.slice(out.indexOf("\x01") + 1)];
  return { args: Buffer.from(args, "latin1").toString().split("\0").slice(0, -1), input };
}

describe("asCurl", () => {
  it("survives a shell, whatever is in it", () => {
    const nasty = `'; echo pwned > /tmp/x; ' "$HOME" \`id\` $(id) \\ !! \n@file "`;
    expect(execFileSync("sh", ["-c", `printf %s ${shellQuote(nasty)}`]).toString()).toBe(nasty);
  });
  it("gives each argument as it is, and takes away what curl would add", () => {
    const { command, variables } = asCurl({
      url: "https://example.com/a[1]/%2F%zz?x={y}&z='é",
      request_headers: { "webhook-id": ["evt_1"], "X-Two": ["a", "b'c"], "X-Empty": [""], "Content-Length": ["12"], Bad: ["a\r\nInjected: 1"], None: null },
      request_body: "@data with 'quotes'\n",
    });
    expect(run(command).args).toEqual([
      "--globoff", "--path-as-is", "--include", "--request", "POST", "--url", "https://example.com/a%5B1%5D/%2F%25zz?x=%7By%7D&z='%C3%A9",
      "--header", "Bad: a Injected: 1", "--header", "X-Empty;", "--header", "X-Two: a", "--header", "X-Two: b'c", "--header", "webhook-id: evt_1",
      "--header", "User-Agent: Bellhop", "--header", "Accept:", "--header", "Expect:", "--header", "Content-Type:",
      "--data-raw", "@data with 'quotes'\n",
    ]);
    expect(variables).toEqual([]);
  });
  it("names what the log hides", () => {
    const { command, variables } = asCurl({ url: "https://x/?key=(hidden)", request_headers: { Authorization: ["Bearer (hidden)"], "3-Key": ["(hidden)"] }, request_body: "{}" });
    expect(variables).toEqual(["QUERY", "_3_KEY", "AUTHORIZATION"]);
    expect(run(command, { QUERY: "k", _3_KEY: "it's", AUTHORIZATION: "$(id)" }).args).toEqual(expect.arrayContaining(["https://x/?key=k", "3-Key: it's", "Authorization: Bearer $(id)"]));
  });
  it.each([
    ["bytes that are no text", { request_body_base64: Buffer.from([0, 1, 0xff, 10]).toString("base64") }, "\0\x01\xff\n"],
    ["characters that no terminal copies", { request_body: "a\0\u2028b" }, Buffer.from("a\0\u2028b").toString("latin1")],
    ["more than an argument holds", { request_body: "é".repeat(200_000) }, Buffer.from("é".repeat(200_000)).toString("latin1")],
  ])("gives %s by its input", (_, body, wanted) => {
    const { args, input } = run(asCurl({ url: "https://x/", request_headers: {}, ...body }).command);
    expect(args.slice(-2)).toEqual(["--data-binary", "@-"]);
    expect(input === wanted).toBe(true);
  });
  it("has the endpoint's own User-Agent where there is one", () => {
    const { args } = run(asCurl({ url: "http://x/", request_headers: { "User-Agent": ["mine/1"] }, request_body: "{}" }).command);
    expect(args.filter((a) => a.startsWith("User-Agent"))).toEqual(["User-Agent: mine/1"]);
  });
  it("sends no body with a GET", () => {
    expect(run(asCurl({ url: "http://x/", method: "GET", request_headers: {} }).command).args).not.toContain("--data-raw");
  });
});
