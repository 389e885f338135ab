// Follows GET /v1/stream. EventSource cannot send the token of a portal link, so
// this reads the stream of a fetch.
import { type Attempt, authorization, credentials, problemOf, unreachable } from "./client.ts";

/** What a stream tells. */
export interface Listener {
  attempt(attempt: Attempt): void;
  /** Attempts were left out because this reader was too slow; they are in the log. */
  lost(count: number): void;
  /** connected: attempts arrive as they happen. waiting: trying again in a moment. */
  state(state: "connected" | "waiting", error?: Error): void;
}

const patience = [1000, 2000, 5000, 10_000];

/** Follows attempts until the signal aborts, connecting again when it breaks. */
export async function followAttempts(query: Record<string, string | undefined>, listener: Listener, signal: AbortSignal): Promise<void> {
  const url = new URL("/v1/stream", location.origin);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  for (let failures = 0; !signal.aborted; failures++) {
    let error: Error | undefined;
    let after = 0; // what the server asks for, where it has too many readers
    try {
      const response = await fetch(url, { headers: authorization(), credentials, signal });
      if (!response.ok || !response.body) {
        error = problemOf(await response.json().catch(() => undefined), response.status);
        after = Number(response.headers.get("Retry-After")) * 1000;
        if (response.status >= 400 && response.status < 500 && response.status !== 429) {
          listener.state("waiting", error);
          return; // asking again would not help
        }
      } else {
        failures = 0;
        listener.state("connected");
        await readEvents(response.body, (name, data) => {
          if (name === "attempt") listener.attempt(JSON.parse(data) as Attempt);
          else if (name === "lost") listener.lost((JSON.parse(data) as { count: number }).count);
        });
      }
    } catch (e) {
      if (signal.aborted) return;
      error = e instanceof Error && e.name === "Problem" ? e : unreachable();
    }
    if (signal.aborted) return;
    listener.state("waiting", error);
    await pause(Math.max(after || 0, patience[Math.min(failures, patience.length - 1)] ?? 10_000), signal);
  }
}

/** Reads server-sent events (HTML Living Standard, 9.2.6) until the stream ends. */
export async function readEvents(body: ReadableStream<Uint8Array>, emit: (name: string, data: string) => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        let name = "message";
        const data: string[] = [];
        for (const line of block.split("\n")) {
          if (line.startsWith("event:")) name = line.slice(6).trim();
          else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
        }
        if (data.length > 0) emit(name, data.join("\n"));
      }
    }
  } finally {
    // Where emit threw, the connection would otherwise stay open, unread.
    reader.cancel().catch(() => undefined);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
