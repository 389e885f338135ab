import { i18n } from "@lingui/core";
import { Anchor, Button, Group, Paper, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconHelpCircle } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas, Stats } from "../../api/client.ts";
import { useTroubled } from "../../api/queries.ts";
import { appNames } from "../../lib/apps.ts";
import { endpointFinding } from "../../lib/finding.ts";
import { troubles } from "../../lib/reasons.ts";
import { plural } from "../../lib/text.ts";
import { useNow } from "../../lib/useNow.ts";
import { useAppNames } from "../../parts/AppName.tsx";
import { nameOf } from "../../parts/EndpointName.tsx";
import { Answers } from "../../parts/FailurePanel.tsx";
import { Remedies } from "../../parts/Remedies.tsx";
import { Waiting } from "../../parts/states.tsx";
import { HealthBadge, healthOf } from "../../parts/Status.tsx";
import classes from "./Trouble.module.css";

type Troubled = Schemas["Troubled"];

const first = 5;

interface TroubleProps {
  app: string | undefined;
  /** The attempts of the range that the page shows; undefined while they are not known. */
  total: Stats["total"] | undefined;
}

/** Endpoints that somebody should look at, first on the page. */
export function Trouble({ app, total }: TroubleProps) {
  const troubled = useTroubled(app);
  const [whole, setWhole] = useState(false);
  if (!troubled.data) return <Waiting query={troubled} lines={2} />;
  const all = troubled.data;
  const shown = whole ? all : all.slice(0, first);
  if (all.length === 0) return <NoTrouble total={total} />;
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

/** No endpoint is in trouble: whether that is known to be well is another thing. */
function NoTrouble({ total }: { total: Stats["total"] | undefined }) {
  const said = calm(total);
  const Icon = said.good ? IconCircleCheck : IconHelpCircle;
  return (
    <Paper withBorder p="md" component="section" aria-label="Endpoints in trouble">
      <Group gap="sm" wrap="nowrap" role="status">
        <ThemeIcon variant="light" color={said.good ? "teal" : "gray"} size="lg" radius="xl"><Icon size={20} /></ThemeIcon>
        <div>
          <Title order={2} size="h3">{said.title}</Title>
          <Text size="sm" c="dimmed">{said.words}</Text>
        </div>
      </Group>
    </Paper>
  );
}

/** What can be said where no endpoint is in trouble, by the attempts of the range. */
export function calm(total: Pick<Stats["total"], "succeeded" | "failed"> | undefined): { good: boolean; title: string; words: string } {
  if (!total) return { good: false, title: "No endpoint is in trouble", words: "How attempts went is not known yet." };
  const { succeeded, failed } = total;
  if (succeeded + failed === 0) return { good: false, title: "Nothing was sent", words: "No endpoint is in trouble, but nothing was sent in this range: whether all works is not known." };
  if (succeeded === 0) return { good: false, title: "Nothing succeeded", words: `No endpoint is in trouble now, but all ${plural(failed, "attempt")} of this range failed: the endpoints were changed, paused or deleted since then, or failed too seldom to be judged.` };
  return { good: true, title: "All is well", words: "No endpoint fails, is on hold or has fallen behind." };
}

function Line({ troubled: t }: { troubled: Troubled }) {
  const now = useNow(1000);
  const name = nameOf(t.endpoint);
  const named = useAppNames();
  const finding = endpointFinding({ health: healthOf(t.endpoint), endpoint: t.endpoint, lane: t.lane, pending: t.pending, held: t.held, heldDetail: t.detail }, now);
  // Of an endpoint that works, the reason is another than its health.
  const other = finding.tone === "good" || finding.tone === "warn" || finding.tone === "idle" ? { ...finding, what: i18n._(troubles[t.reason]), why: t.detail } : finding;
  const waits = t.pending - t.held;
  return (
    <li className={classes.line}>
      <Group gap="xs">
        <HealthBadge endpoint={t.endpoint} />
        <Anchor component={Link} to={`/endpoints/${t.endpoint.id}`} fw={600} size="sm" className="foreign">{name}</Anchor>
        <Text size="xs" c="dimmed" className="foreign">{appNames(t.endpoint).map(named).join(", ")}</Text>
      </Group>
      <Text size="sm" fw={600} mt={4}>{other.what}</Text>
      <Answers finding={other}>
        <Remedies
          ways={t.reason === "certificate" ? ["edit"] : other.ways.slice(0, 3)}
          endpoint={t.endpoint.id}
          known={t.endpoint}
          attempt={healthOf(t.endpoint).last_failure}
          tried={{ endpoint: t.endpoint.id }}
          waiting={waits}
          about={name}
          size="compact-sm"
        />
      </Answers>
    </li>
  );
}
