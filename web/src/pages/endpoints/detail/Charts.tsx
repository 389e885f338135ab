import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Group, Paper, SimpleGrid, Text, Title } from "@mantine/core";
import { useMemo } from "react";
import type { EndpointStats } from "../../../api/client.ts";
import { alignBuckets } from "../../../lib/buckets.ts";
import { humanDuration, parseDuration } from "../../../lib/time.ts";
import { OutcomeChart, PercentileChart } from "../../../parts/StatsChart.tsx";
import { type Range, ranges } from "./range.ts";

/** Attempts and response times over a range. */
export function Charts({ stats, range }: { stats: EndpointStats; range: Range }) {
  const aligned = useMemo(() => alignBuckets(stats), [stats]);
  const words = i18n._(ranges[range].words);
  const bucket = humanDuration(parseDuration(stats.bucket) ?? 0);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Paper withBorder p="sm">
        <Heading title={t`Attempts`} note={t`per ${bucket}`} />
        <OutcomeChart label={t`Attempts that succeeded and failed in ${words}`} stats={aligned} height={210} />
      </Paper>
      <Paper withBorder p="sm">
        <Heading title={t`Response time`} note={t`of each attempt, failed ones included`} />
        <PercentileChart label={t`Response times in ${words}`} stats={aligned} values={aligned.duration} height={210} />
      </Paper>
    </SimpleGrid>
  );
}

function Heading({ title, note }: { title: string; note: string }) {
  return (
    <Group gap="xs" align="baseline" mb={4}>
      <Title order={3} size="sm">{title}</Title>
      <Text size="xs" c="dimmed">{note}</Text>
    </Group>
  );
}
