import { describe, expect, it } from "vitest";
import type { Attempt } from "../../api/client.ts";
import { base64Of, captured, emptyDraft, question } from "./captured.ts";

const attempt = { id: "att_1", request_headers: { "webhook-id": ["evt_1"], "X-Two": ["a", "b"] }, request_body: '{"a":1}' } as unknown as Attempt;

describe("the question for the server", () => {
  it("leaves to the server what is as it was sent", () => {
    const draft = { ...emptyDraft, ...captured(attempt) };
    expect(draft.headers).toBe("webhook-id: evt_1\nX-Two: a\nX-Two: b");
    expect(question(draft, attempt)).toEqual({ attempt: "att_1" });
    expect(question({ ...draft, body: "{}" }, attempt)).toEqual({ attempt: "att_1", body: "{}" });
    expect(question({ ...draft, headers: "webhook-id: x" }, attempt)).toEqual({ attempt: "att_1", headers: "webhook-id: x" });
  });
  it("has what was pasted, or a file", () => {
    expect(question({ ...emptyDraft, headers: "a: b", secret: "s", anyTime: true }, undefined)).toEqual({ headers: "a: b", body: "", secret: "s", any_time: true });
    expect(question({ ...emptyDraft, headers: "a: b", body: "x", file: { name: "f", base64: "eA0K" }, endpoint: "ep_1" }, undefined)).toEqual({ headers: "a: b", body_base64: "eA0K", endpoint: "ep_1" });
  });
  it("keeps the bytes of a file", async () => {
    expect(await base64Of(new Blob([new Uint8Array([0, 255, 13, 10])]))).toBe("AP8NCg==");
  });
});
