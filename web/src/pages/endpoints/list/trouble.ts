// What a line of the list says about an endpoint's health, in words.
import { i18n } from "@lingui/core";
import type { Endpoint, Schemas, StatsBucket } from "../../../api/client.ts";
import { reasonOf, troubles } from "../../../lib/reasons.ts";
import { plural } from "../../../lib/text.ts";

export type Troubled = Schemas["Troubled"];

export interface Hint {
  tone: "bad" | "warn" | "quiet";
  /** Some words, beside the endpoint's state. */
  text: string;
  /** A sentence, where there is more to say. */
  detail?: string;
}

/** Says what is the matter with an endpoint; undefined if nothing is. */
export function hintOf(endpoint: Endpoint, troubled: Troubled | undefined, total: StatsBucket | undefined): Hint | undefined {
  if (endpoint.status === "disabled" && endpoint.disabled_reason) {
    return { tone: "bad", text: i18n._(troubles.disabled), detail: endpoint.disabled_reason };
  }
  if (endpoint.status === "disabled") return { tone: "quiet", text: "Gets no new events" };
  if (endpoint.status === "paused") return { tone: "quiet", text: "Deliveries are held" };
  if (troubled) {
    const last = troubled.lane.last_failure;
    const why = last && (troubled.reason === "circuit_open" || troubled.reason === "failing") ? `: ${reasonOf(last).short}` : "";
    return { tone: ["backlog", "failing", "held", "certificate"].includes(troubled.reason) ? "warn" : "bad", text: i18n._(troubles[troubled.reason]) + why, detail: troubled.detail };
  }
  if (total && total.failed > 0) return { tone: "quiet", text: `${plural(total.failed, "attempt")} failed in 24 h` };
  return undefined;
}

/** Tells whether an endpoint's name, description or URL contains the text that was typed. */
export function found(endpoint: Pick<Endpoint, "id" | "name" | "description" | "url">, text: string): boolean {
  const wanted = text.trim().toLocaleLowerCase();
  return [endpoint.name ?? "", endpoint.description ?? "", endpoint.url, endpoint.id].some((s) => s.toLocaleLowerCase().includes(wanted));
}
