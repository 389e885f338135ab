import { t } from "@lingui/core/macro";
import type { Endpoint, EndpointStats } from "../../../api/client.ts";
import { heldFinding } from "../../../lib/finding.ts";
import { reasonOf } from "../../../lib/reasons.ts";
import { FailurePanel } from "../../../parts/FailurePanel.tsx";
import { Remedies } from "../../../parts/Remedies.tsx";
import { useLane } from "./queries.ts";

/** Deliveries of which no request could be made: how many, why, and what lets them go. */
export function HeldPanel({ endpoint }: { endpoint: Endpoint }) {
  const stats = useLane(endpoint.id).data;
  if (!stats || stats.held === 0) return null;
  const finding = heldFinding(stats.held, why(endpoint, stats), stats);
  const ways = finding.ways.filter((w) => w !== "resume" || endpoint.status === "active");
  return (
    <FailurePanel finding={finding} label={t`Held deliveries`} live>
      <Remedies ways={[...ways.filter((w) => w !== "log"), "log"]} endpoint={endpoint.id} known={endpoint} />
    </FailurePanel>
  );
}

function why(endpoint: Endpoint, stats: EndpointStats): string {
  const reason = stats.held_reason ?? "";
  if (reason.startsWith("transform") || (endpoint.transform && reason === "")) {
    const line = /\b(?:line )?(\d+):\d+: /.exec(stats.held_detail ?? "")?.[1];
    return line ? t`the script fails at line ${line}` : t`the script fails`;
  }
  if (reason === "recipe") return t`the recipe misses something`;
  if (reason === "auth") return t`no access token can be had`;
  return reasonOf(reason).short;
}
