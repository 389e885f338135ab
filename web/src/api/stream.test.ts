import { expect, it } from "vitest";
import { readEvents } from "./stream.ts";

function streamOf(...chunks: (string | Uint8Array<ArrayBuffer>)[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? new TextEncoder().encode(chunk) as Uint8Array<ArrayBuffer> : chunk);
      controller.close();
    },
  });
}

it("reads events however the bytes are cut", async () => {
  const text = ': hello\n\nevent: attempt\nid: att_1\ndata: {"type":"é"}\n\n: still here\n\nevent: lost\ndata: {"count":3}\n\nevent: attempt\ndata: {"cut"';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < 40; size += 7) {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.slice(i, i + size) as Uint8Array<ArrayBuffer>);
    const events: [string, string][] = [];
    await readEvents(streamOf(...chunks), (name, data) => events.push([name, data]));
    expect(events).toEqual([["attempt", '{"type":"é"}'], ["lost", '{"count":3}']]);
  }
});
