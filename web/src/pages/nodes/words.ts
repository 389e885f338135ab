import { plural, t } from "@lingui/core/macro";
import type { Node } from "../../api/client.ts";
import { formatDuration, parseDuration } from "../../lib/time.ts";

/** What a node does, and the colour of the word. One whose lease is over has gone silent, whatever it said last. */
export function stateOf(node: Pick<Node, "doing" | "lease_until">, now: number): { words: string; color: string } {
  if (new Date(node.lease_until).getTime() < now) return { words: t`silent`, color: "red" };
  switch (node.doing) {
    case "starting": return { words: t`starting`, color: "gray" };
    case "held": return { words: t`sending is held`, color: "yellow" };
    case "handing_over": return { words: t`handing over`, color: "blue" };
    case "draining": return { words: t`ending`, color: "gray" };
    default: return { words: t`delivering`, color: "teal" };
  }
}

/** Clocks that differ by less are alike: a heartbeat takes a moment, too. */
const alike = 1_000;

/** How a node's clock differs from the database's, which counts. */
export function clockWords(ahead: string): string {
  const behind = ahead.startsWith("-");
  const ms = parseDuration(behind ? ahead.slice(1) : ahead) ?? 0;
  if (ms < alike) return t`right`;
  const by = formatDuration(ms);
  return behind ? t`${by} behind` : t`${by} ahead`;
}

export const countWords = (n: number) => plural(n, { one: "# node", other: "# nodes" });
