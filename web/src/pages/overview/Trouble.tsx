import { Anchor, Badge, Button, Group, Paper, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "../../api/client.ts";
import { useTroubled } from "../../api/queries.ts";
import { nameOf } from "../../parts/EndpointName.tsx";
import { Sentence } from "../../parts/Sentence.tsx";
import { Waiting } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { appNames } from "../../lib/apps.ts";
import { troubles } from "../../lib/reasons.ts";
import { plural } from "../../lib/text.ts";
import classes from "./Trouble.module.css";

type Troubled = Schemas["Troubled"];

const colors: Record<Troubled["reason"], string> = { disabled: "red", misconfigured: "red", circuit_open: "red", held: "orange", failing: "orange", backlog: "yellow", certificate: "yellow" };

const first = 5;

/** Endpoints that somebody should look at, first on the page. */
export function Trouble({ app }: { app: string | undefined }) {
  const troubled = useTroubled(app);
  const [whole, setWhole] = useState(false);
  if (!troubled.data) return <Waiting query={troubled} lines={2} />;
  const all = troubled.data;
  const shown = whole ? all : all.slice(0, first);
  if (all.length === 0) {
    return (
      <Paper withBorder p="md" component="section" aria-label="Endpoints in trouble">
        <Group gap="sm" wrap="nowrap" role="status">
          <ThemeIcon variant="light" color="teal" size="lg" radius="xl"><IconCircleCheck size={20} /></ThemeIcon>
          <div>
            <Title order={2} size="h3">All is well</Title>
            <Text size="sm" c="dimmed">No endpoint fails, is held back or has fallen behind.</Text>
          </div>
        </Group>
      </Paper>
    );
  }
  return (
    <Paper withBorder component="section" aria-labelledby="trouble" className={classes.box}>
      <Group gap="sm" p="md" pb="xs" wrap="nowrap" role="status">
        <ThemeIcon variant="light" color="orange" size="lg" radius="xl"><IconAlertTriangle size={20} /></ThemeIcon>
        <Title order={2} size="h3" id="trouble">
          {all.length >= 100 ? "100 or more endpoints" : plural(all.length, "endpoint")} in trouble
        </Title>
      </Group>
      <Stack component="ul" gap={0} className={classes.list}>
        {shown.map((t) => <Line key={t.endpoint.id} troubled={t} />)}
      </Stack>
      {all.length > first && (
        <Button variant="subtle" fullWidth radius={0} onClick={() => setWhole(!whole)} aria-expanded={whole}>
          {whole ? "Show the gravest only" : `Show all ${all.length}`}
        </Button>
      )}
    </Paper>
  );
}

function Line({ troubled: t }: { troubled: Troubled }) {
  return (
    <li className={classes.line}>
      <Badge variant="light" color={colors[t.reason] ?? "gray"} tt="none" fw={600} className={classes.reason}>{troubles[t.reason] ?? t.reason}</Badge>
      <Stack gap={2} miw={0} className={classes.what}>
        <Group gap="xs">
          <Anchor component={Link} to={`/endpoints/${t.endpoint.id}`} fw={600} size="sm" className="foreign">{nameOf(t.endpoint)}</Anchor>
          <Text size="xs" c="dimmed" className="foreign">{appNames(t.endpoint).join(", ")}</Text>
        </Group>
        <Text size="sm"><Sentence text={t.detail} /></Text>
      </Stack>
      <Stack gap={2} className={classes.since}>
        <Text size="xs" c="dimmed">{t.since ? <>since <Time at={t.since} /></> : "since an unknown time"}</Text>
        <Text size="xs" c="dimmed">{plural(t.pending, "delivery waits", "deliveries wait")}</Text>
        {t.reason === "circuit_open" && t.lane.next_probe && (
          <Text size="xs" c="dimmed">{new Date(t.lane.next_probe) > new Date() ? <>next try <Time at={t.lane.next_probe} relative /></> : "next try is due"}</Text>
        )}
      </Stack>
    </li>
  );
}
