import { Paper, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconAlertTriangle, IconBolt, IconCircleCheck, IconHourglass, IconPlayerPause } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type ComponentType, useEffect } from "react";
import type { Endpoint } from "../../../api/client.ts";
import { madeRequest } from "../../../lib/reasons.ts";
import { useNow } from "../../../lib/useNow.ts";
import { Waiting } from "../../../parts/states.tsx";
import classes from "./detail.module.css";
import { type LaneWords, laneWords } from "./laneWords.ts";
import { useLane, useRecent } from "./queries.ts";

const looks: Record<LaneWords["tone"], { color: string; icon: ComponentType<{ size?: number; stroke?: number }> }> = {
  good: { color: "teal", icon: IconCircleCheck },
  idle: { color: "gray", icon: IconHourglass },
  wait: { color: "yellow", icon: IconPlayerPause },
  warn: { color: "orange", icon: IconAlertTriangle },
  bad: { color: "red", icon: IconBolt },
};

/** How the endpoint is doing at this moment, in plain words. */
export function HealthPanel({ endpoint }: { endpoint: Endpoint }) {
  const lane = useLane(endpoint.id);
  const recent = useRecent(endpoint.id);
  const now = useNow(1000);
  const queries = useQueryClient();
  useEffect(() => {
    // Somebody else, or the server itself, changed the endpoint since it was loaded.
    const held = lane.data?.lane.held;
    const status = held === "paused" || held === "disabled" ? held : "active";
    if (lane.data && status !== endpoint.status) void queries.invalidateQueries({ queryKey: ["endpoint", endpoint.id], exact: true });
  }, [lane.data, endpoint.status, endpoint.id, queries]);
  if (!lane.data) return <Paper withBorder p="md"><Waiting query={lane} lines={2} /></Paper>;
  const latest = recent.data ? recent.data.find(madeRequest) ?? null : undefined;
  // What is held for its own sake is said apart, unless the endpoint holds everything.
  const pending = lane.data.pending - (endpoint.status === "active" ? lane.data.held : 0);
  const words = laneWords(lane.data.lane, endpoint, pending, now, latest);
  const { color, icon: Icon } = looks[words.tone];
  return (
    <Paper withBorder p="md" className={classes.health} data-tone={words.tone} component="section" aria-label="Health">
      <ThemeIcon variant="light" color={color} size={40} radius="xl" aria-hidden><Icon size={22} stroke={1.7} /></ThemeIcon>
      <Stack gap={2} miw={0}>
        {/* Only the state is announced: a countdown read out every second helps nobody. */}
        <Text fw={650} role="status">{words.title}</Text>
        <Text size="sm" className="foreign">{words.detail}</Text>
        {lane.error && <Text size="sm" c="dimmed">This may be out of date: the server could not be asked just now.</Text>}
      </Stack>
    </Paper>
  );
}
