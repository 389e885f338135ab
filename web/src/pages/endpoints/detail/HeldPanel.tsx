import { Anchor, Button, Group, Paper, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconHandStop, IconPencil, IconRepeat } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, type Endpoint, type EndpointStats, ok } from "../../../api/client.ts";
import { endpointsChanged } from "../../../api/queries.ts";
import { linkTo } from "../../../lib/links.ts";
import { reasonOf } from "../../../lib/reasons.ts";
import { plural } from "../../../lib/text.ts";
import { done, failed } from "../../../parts/notify.ts";
import { Sentence } from "../../../parts/Sentence.tsx";
import { Time } from "../../../parts/Time.tsx";
import classes from "./detail.module.css";
import { useLane } from "./queries.ts";

/** Deliveries of which no request could be made: how many, why, and what lets them go. */
export function HeldPanel({ endpoint, editable }: { endpoint: Endpoint; editable: boolean }) {
  const lane = useLane(endpoint.id);
  const stats = lane.data;
  if (!stats || stats.held === 0) return null;
  return (
    <Paper withBorder p="md" className={classes.health} data-tone="warn" component="section" aria-label="Held deliveries">
      <ThemeIcon variant="light" color="orange" size={40} radius="xl" aria-hidden><IconHandStop size={22} stroke={1.7} /></ThemeIcon>
      <Stack gap={6} miw={0}>
        <Text fw={650} role="status">{plural(stats.held, "delivery is held", "deliveries are held")}: {why(endpoint, stats)}</Text>
        {stats.held_detail && <Text size="sm"><Sentence text={stats.held_detail} />{stats.held_at && <Text span size="sm" c="dimmed"> (<Time at={stats.held_at} relative />)</Text>}</Text>}
        <Text size="sm">Nothing is lost: {stats.held === 1 ? "it goes out by itself" : "they go out by themselves"} once this is corrected.</Text>
        {editable && <Remedies endpoint={endpoint} held={stats.held} />}
      </Stack>
    </Paper>
  );
}

function why(endpoint: Endpoint, stats: EndpointStats): string {
  const reason = stats.held_reason ?? "";
  if (reason.startsWith("transform") || (endpoint.transform && reason === "")) {
    const line = /\b(?:line )?(\d+):\d+: /.exec(stats.held_detail ?? "")?.[1];
    return line ? `the script fails at line ${line}` : "the script fails";
  }
  if (reason === "recipe") return "the recipe misses something";
  if (reason === "auth") return "no access token can be had";
  return reasonOf(reason).short;
}

function Remedies({ endpoint, held }: { endpoint: Endpoint; held: number }) {
  const queries = useQueryClient();
  const again = useMutation({
    mutationFn: () => ok(api.POST("/v1/endpoints/{id}/resume", { params: { path: { id: endpoint.id } } })),
    onSuccess: () => {
      endpointsChanged(queries, endpoint.id);
      done("They are tried again", `${plural(held, "delivery", "deliveries")} that ${held === 1 ? "was" : "were"} held, by the settings of now.`);
    },
    onError: (error) => failed("They could not be tried again", error),
  });
  const edit = { to: `/endpoints/${endpoint.id}/edit`, search: (endpoint.transform ? { part: "look" } : {}) as never };
  return (
    <Group gap="xs" mt={4}>
      <Button component={Link} {...edit} size="xs" leftSection={<IconPencil size={15} />}>
        {endpoint.transform ? "Correct the script" : "Correct the settings"}
      </Button>
      {endpoint.status === "active" && (
        <Button size="xs" variant="default" leftSection={<IconRepeat size={15} />} loading={again.isPending} onClick={() => again.mutate()}>Try again as it is</Button>
      )}
      <Anchor component={Link} {...linkTo("/logs", { endpoint: endpoint.id, status: "failed" })} size="sm">Their attempts in the log</Anchor>
    </Group>
  );
}
