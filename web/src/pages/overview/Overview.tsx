import { Button, SegmentedControl, SimpleGrid } from "@mantine/core";
import { IconApps } from "@tabler/icons-react";
import { Link, Navigate } from "@tanstack/react-router";
import { useApps, useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { useFilters } from "../../lib/useFilters.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { BacklogChart, StatsCharts } from "./Charts.tsx";
import { OldestPending } from "./OldestPending.tsx";
import { useBacklog, useLiveStats, usePreviousStats, useRangeStats } from "./queries.ts";
import { rangeOf, ranges } from "./range.ts";
import { Tiles } from "./Tiles.tsx";
import { Trouble } from "./Trouble.tsx";

/** How the installation, or one app of it, is doing. */
export function Overview() {
  const session = useSession();
  const apps = useApps();
  if (apps.data?.length === 0) {
    // Nothing to oversee yet: the first-run page makes the first app.
    if (session.operator) return <Navigate to="/start" replace />;
    return (
      <Page title="Overview">
        <Empty title="There are no apps yet" icon={IconApps}>An operator makes the first one: somebody with an admin key that is not limited to apps.</Empty>
      </Page>
    );
  }
  return <Dashboard />;
}

function Dashboard() {
  const { operator } = useSession();
  const app = useAppFilter();
  const [filters, set] = useFilters<{ range?: string }>();
  const range = rangeOf(filters.range);
  const now = useRangeStats(range, app);
  const before = usePreviousStats(range, app);
  const live = useLiveStats(app);
  const backlog = useBacklog(range);
  return (
    <Page
      title="Overview"
      actions={
        <>
          <SegmentedControl
            aria-label="Range of time"
            size="xs"
            value={range.value}
            data={ranges.map((r) => ({ value: r.value, label: r.label }))}
            onChange={(value) => set({ range: value }, true)}
          />
          {operator && <Button component={Link} to="/start" variant="default" size="xs">First steps</Button>}
        </>
      }
    >
      <Trouble app={app} total={now.data?.total} />
      <Tiles range={range} now={now.data} before={before.data} live={live.data} backlog={backlog.data} withBacklog={operator} app={app} />
      {backlog.data && <OldestPending backlog={backlog.data} />}
      {now.data ? (
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
          <StatsCharts stats={now.data} label={range.label} />
          {operator && (backlog.data ? <BacklogChart backlog={backlog.data} label={range.label} /> : <Waiting query={backlog} />)}
        </SimpleGrid>
      ) : (
        <Waiting query={now} lines={6} />
      )}
    </Page>
  );
}
