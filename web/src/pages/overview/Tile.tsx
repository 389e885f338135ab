import { Group, Paper, Skeleton, Stack, Text } from "@mantine/core";
import { IconArrowDownRight, IconArrowUpRight, IconEqual } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Trend } from "./trend.ts";

interface TileProps {
  label: string;
  /** undefined while it is not known yet. */
  value: ReactNode | undefined;
  note?: ReactNode;
  trend?: Trend;
  /** What the trend compares with: "the 24 hours before". */
  before?: string;
  /** Whether more of this is good; without it, a change is neither. */
  better?: "up" | "down";
  children?: ReactNode;
}

/** One number, what it means, and how it moved. */
export function Tile({ label, value, note, trend, before, better, children }: TileProps) {
  return (
    <Paper withBorder p="md" role="group" aria-label={label}>
      <Stack gap={4} h="100%">
        <Text size="sm" c="dimmed" fw={500}>{label}</Text>
        <Group justify="space-between" align="flex-end" gap="xs" wrap="nowrap">
          {value === undefined ? <Skeleton h={34} w={90} aria-label="Loading" /> : <Text fz={26} fw={650} lh={1.3} component="div">{value}</Text>}
          {children}
        </Group>
        {note && <Text size="xs" c="dimmed" component="div">{note}</Text>}
        {trend && <TrendLine trend={trend} before={before} better={better} />}
      </Stack>
    </Paper>
  );
}

function TrendLine({ trend, before, better }: { trend: Trend; before?: string; better?: "up" | "down" }) {
  const Arrow = trend.direction === "up" ? IconArrowUpRight : trend.direction === "down" ? IconArrowDownRight : IconEqual;
  const good = better && trend.direction !== "same" ? trend.direction === better : undefined;
  const color = good === undefined ? "dimmed" : good ? "light-dark(var(--mantine-color-teal-9), var(--mantine-color-teal-4))" : "light-dark(var(--mantine-color-red-8), var(--mantine-color-red-4))";
  return (
    <Group gap={4} wrap="nowrap" align="flex-start" mt="auto">
      <Text c={color} lh={1} component="span" aria-hidden mt={1}><Arrow size={14} /></Text>
      <Text size="xs" c="dimmed">
        <Text span inherit c={color} fw={600}>{trend.words}</Text>
        {before && ` ${trend.direction === "same" ? "as in" : "than in"} ${before}`}
      </Text>
    </Group>
  );
}
