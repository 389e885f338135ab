import { Box, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useMemo } from "react";
import type { Schemas, Stats } from "../../api/client.ts";
import { alignBuckets } from "../../lib/buckets.ts";
import { Chart } from "../../parts/Chart.tsx";
import { OutcomeChart, PercentileChart, wholeNumber } from "../../parts/StatsChart.tsx";
import { humanDuration, parseDuration } from "../../lib/time.ts";
import { holdSamples } from "./series.ts";

/** One chart with its heading and a sentence that says what it means. */
function Frame({ title, description, children }: { title: string; description: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md" miw={0} component="section" aria-label={title}>
      <Stack gap="sm">
        <Box>
          <Title order={2} size="h3">{title}</Title>
          <Text size="xs" c="dimmed">{description}</Text>
        </Box>
        {children}
      </Stack>
    </Paper>
  );
}

export function StatsCharts({ stats, label }: { stats: Stats; label: string }) {
  const aligned = useMemo(() => alignBuckets(stats), [stats]);
  return (
    <>
      <Frame title="Attempts" description={`Requests to endpoints, counted every ${humanDuration(parseDuration(stats.bucket) ?? 0)}.`}>
        <OutcomeChart label={`Attempts over the last ${label}`} stats={aligned} />
      </Frame>
      <Frame title="Response time" description="How long receivers took to answer. p95: 95 of 100 requests were at most this slow.">
        <PercentileChart label={`Response time over the last ${label}`} stats={aligned} values={aligned.duration} />
      </Frame>
      <Frame title="Time to delivery" description="From when a delivery was due until it succeeded, waiting and retries included.">
        <PercentileChart label={`Time to delivery over the last ${label}`} stats={aligned} values={aligned.latency} />
      </Frame>
    </>
  );
}

export function BacklogChart({ backlog, label }: { backlog: Schemas["Backlog"]; label: string }) {
  const since = new Date(backlog.since).getTime();
  const until = new Date(backlog.until).getTime();
  const level = useMemo(() => holdSamples(backlog.samples ?? [], since, until), [backlog, since, until]);
  const series = useMemo(() => [{ label: "Unfinished", color: "var(--mantine-color-blue-5)", values: level.values, kind: "area" as const }], [level]);
  const measured = level.values.some((v) => v !== null);
  return (
    <Frame title="Backlog" description="Deliveries that are not finished, of all apps, those that wait for a retry included.">
      {measured || backlog.pending > 0 ? (
        <Chart label={`Backlog over the last ${label}`} times={level.times} from={since / 1000} to={until / 1000} series={series} format={wholeNumber} least={4} />
      ) : (
        <Group h={200} justify="center"><Text c="dimmed" size="sm">Nothing was waiting in this time.</Text></Group>
      )}
    </Frame>
  );
}
