import { Paper, Text } from "@mantine/core";
import type { Endpoint } from "../../../api/client.ts";
import { endpointFinding } from "../../../lib/finding.ts";
import { madeRequest } from "../../../lib/reasons.ts";
import { useNow } from "../../../lib/useNow.ts";
import { FailurePanel } from "../../../parts/FailurePanel.tsx";
import { Remedies } from "../../../parts/Remedies.tsx";
import { Waiting } from "../../../parts/states.tsx";
import { healthOf } from "../../../parts/Status.tsx";
import { useLane, useRecent } from "./queries.ts";

/** How the endpoint is doing at this moment, in plain words, and what can be done about it. */
export function HealthPanel({ endpoint, onTest }: { endpoint: Endpoint; onTest(): void }) {
  const lane = useLane(endpoint.id);
  const recent = useRecent(endpoint.id);
  const now = useNow(1000);
  const health = healthOf(endpoint);
  if (!lane.data) return <Paper withBorder p="md"><Waiting query={lane} lines={2} /></Paper>;
  const { pending, held } = lane.data;
  if (health.state === "on_hold" && health.reason === "held" && held > 0) return null; // HeldPanel says it
  const latest = recent.data ? recent.data.find((a) => madeRequest(a) && a.trigger !== "test") ?? null : undefined;
  // What is held for its own sake is said apart, unless the endpoint holds everything.
  const finding = endpointFinding({ health, endpoint, lane: lane.data.lane, pending, held: endpoint.status === "active" ? held : 0, latest }, now);
  const waits = pending - held;
  // What somebody chose is undone by the button above.
  const ways = finding.tone === "wait" ? finding.ways.filter((w) => w !== "resume") : finding.ways;
  return (
    <FailurePanel
      finding={finding}
      label="Health"
      live
      more={lane.error && <Text size="sm" c="dimmed">This may be out of date: the server could not be asked just now.</Text>}
    >
      {ways.length > 0 && (
        <Remedies ways={ways} endpoint={endpoint.id} known={endpoint} attempt={health.last_failure} tried={{ endpoint: endpoint.id }} waiting={waits} onTest={onTest} />
      )}
    </FailurePanel>
  );
}
