import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Group, SegmentedControl, Stack, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { Endpoint, FailureGroup } from "../../../api/client.ts";
import { useFilters } from "../../../lib/useFilters.ts";
import { healthOf } from "../../../parts/Status.tsx";
import { Waiting } from "../../../parts/states.tsx";
import { Charts } from "./Charts.tsx";
import { Facts } from "./Facts.tsx";
import { Failures } from "./Failures.tsx";
import { useLane, useStats } from "./queries.ts";
import { RecentAttempts } from "./RecentAttempts.tsx";
import { rangeOf, ranges } from "./range.ts";

/** How the endpoint did: numbers, charts and the newest attempts. */
export function OverviewTab({ endpoint, onReplay }: { endpoint: Endpoint; onReplay(group: FailureGroup): void }) {
  const [filters, set] = useFilters<{ range?: string }>();
  const range = rangeOf(filters.range);
  const stats = useStats(endpoint.id, range);
  const lane = useLane(endpoint.id);
  // What fails and the numbers are asked for seldom; they must not stand beside a panel that says otherwise.
  const queries = useQueryClient();
  const standing = lane.data && `${healthOf(endpoint).state} ${lane.data.pending > 0}`;
  const before = useRef(standing);
  useEffect(() => {
    if (before.current !== undefined && before.current !== standing) {
      void queries.invalidateQueries({ queryKey: ["failures"] });
      void queries.invalidateQueries({ queryKey: ["endpoint", endpoint.id, "stats"] });
    }
    before.current = standing;
  }, [queries, endpoint.id, standing]);
  const choose = (value: string) => set({ range: value === "24h" ? undefined : value }, true);
  return (
    <Stack gap="xl">
      <Failures endpoint={endpoint} onReplay={onReplay} />
      <Stack gap="sm" component="section" aria-label={t`Statistics`}>
        <Group justify="space-between">
          <Title order={2}><Trans>How it did</Trans></Title>
          <SegmentedControl aria-label={t`Range`} size="xs" value={range} onChange={choose} data={Object.entries(ranges).map(([value, r]) => ({ value, label: r.label }))} />
        </Group>
        {stats.data ? (
          <>
            <Facts stats={stats.data} pending={lane.data} status={endpoint.status} range={range} />
            <Charts stats={stats.data} range={range} />
          </>
        ) : <Waiting query={stats} lines={6} />}
      </Stack>
      <RecentAttempts endpoint={endpoint} />
    </Stack>
  );
}
