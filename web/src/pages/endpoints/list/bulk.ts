// Doing one thing with many endpoints: each by itself, so that one that refuses is told
// of and holds up no other.
import type { Endpoint } from "../../../api/client.ts";

export type Act = "pause" | "resume" | "try" | "delete";

/** What came of it at one endpoint. skipped: there was nothing to do. undone: it was stopped before. */
export type Result = { state: "waiting" | "running" | "done" | "skipped" | "undone" } | { state: "failed"; error: unknown };

/** Whether there is nothing to do. */
export function needless(act: Act, e: Pick<Endpoint, "status">): boolean {
  return (act === "pause" && e.status !== "active") || (act === "resume" && e.status === "active") || (act === "try" && e.status !== "active");
}

const atOnce = 4;

/** Does it with each, some at once, and tells of each how it went. What had not begun when the signal aborts is left as it is. */
export async function each<T extends { id: string }>(list: T[], run: (item: T) => Promise<"done" | "skipped">, tell: (id: string, result: Result) => void, signal: AbortSignal): Promise<void> {
  const left = [...list];
  async function work() {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      if (signal.aborted) {
        tell(item.id, { state: "undone" });
        continue;
      }
      tell(item.id, { state: "running" });
      try {
        tell(item.id, { state: await run(item) });
      } catch (error) {
        tell(item.id, { state: "failed", error });
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, list.length) }, work));
}
