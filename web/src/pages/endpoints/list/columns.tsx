import { t } from "@lingui/core/macro";
import { Anchor, Badge, Box, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Endpoint } from "../../../api/client.ts";
import { allEvents, appNames } from "../../../lib/apps.ts";
import { percent, plural, shortNumber } from "../../../lib/text.ts";
import { parseDuration } from "../../../lib/time.ts";
import { useAppNames } from "../../../parts/AppName.tsx";
import type { Column } from "../../../parts/CursorTable.tsx";
import { nameOf } from "../../../parts/EndpointName.tsx";
import { Sparkline } from "../../../parts/Sparkline.tsx";
import { HealthBadge, LockedBadge } from "../../../parts/Status.tsx";
import classes from "../../../parts/table.module.css";
import type { Health } from "./queries.ts";
import { type Hint, hintOf, type Troubled } from "./trouble.ts";

/** By how soon somebody should look. */
const gravity = ["failing", "on_hold", "disabled", "paused", "unknown", "healthy"];

/** The columns of the list; apps only where there can be more than one. */
export function columnsOf(health: Map<string, Health>, troubled: Map<string, Troubled>, apps: boolean): Column<Endpoint>[] {
  const columns: Column<Endpoint>[] = [
    { key: "name", title: t`Endpoint`, width: "minmax(110px, 1.5fr)", sort: nameOf, cell: (e) => <Name endpoint={e} /> },
    {
      key: "status", title: t`Health`, width: "minmax(124px, 1.2fr)", sort: (e) => gravity.indexOf(e.health?.state ?? "unknown"),
      cell: (e) => <State endpoint={e} health={health.get(e.id)} hint={hintOf(e, troubled.get(e.id), health.get(e.id)?.series.total)} />,
    },
    { key: "health", title: t`Last 24 hours`, width: "128px", wide: true, sort: (e) => -(health.get(e.id)?.series.total.failed ?? 0), cell: (e) => <Day health={health.get(e.id)} /> },
    { key: "events", title: t`Events`, width: "minmax(110px, 1fr)", wide: true, cell: (e) => <Chips values={allEvents(e)} all="All events" what="event types" /> },
  ];
  if (apps) columns.push({ key: "apps", title: t`App`, width: "minmax(70px, 0.5fr)", wide: true, sort: (e) => appNames(e)[0] ?? "", cell: (e) => <Apps endpoint={e} /> });
  return columns;
}

function Name({ endpoint }: { endpoint: Endpoint }) {
  return (
    <Stack gap={0} miw={0}>
      <Anchor component={Link} to={`/endpoints/${endpoint.id}`} size="sm" fw={600} className="foreign" truncate title={endpoint.description || endpoint.name}>
        {nameOf(endpoint)}
      </Anchor>
      {endpoint.name && <Text size="xs" c="dimmed" className={`foreign ${classes.second}`} truncate title={endpoint.url}>{endpoint.url}</Text>}
    </Stack>
  );
}

function State({ endpoint, health, hint }: { endpoint: Endpoint; health: Health | undefined; hint: Hint | undefined }) {
  return (
    <Stack gap={2} miw={0} align="flex-start">
      <Group gap={4} wrap="nowrap"><HealthBadge endpoint={endpoint} />{endpoint.locked && <LockedBadge />}</Group>
      {hint && (
        <Group className={classes.second} gap={4} wrap="nowrap" miw={0} maw="100%" c={hint.tone === "quiet" ? "dimmed" : "var(--mantine-color-text)"} title={hint.detail}>
          {hint.tone !== "quiet" && <IconAlertTriangle size={13} aria-hidden color={`var(--mantine-color-${hint.tone === "bad" ? "red" : "orange"}-6)`} style={{ flexShrink: 0 }} />}
          <Text size="xs" truncate className="foreign">{hint.text}</Text>
        </Group>
      )}
      {/* A phone has no room for a column of its own. */}
      {health && <Box hiddenFrom="sm" className={classes.second}><Line health={health} height={14} /></Box>}
    </Stack>
  );
}

function Line({ health, height }: { health: Health; height?: number }) {
  return <Sparkline buckets={health.series.buckets} since={health.since} until={health.until} bucketMs={parseDuration(health.bucket) || 3_600_000} height={height} />;
}

function Day({ health }: { health: Health | undefined }) {
  if (!health) return <Skeleton h={24} w={120} />;
  const { series } = health;
  const attempts = series.total.succeeded + series.total.failed;
  return (
    <Stack gap={2}>
      <Line health={health} />
      <Text size="xs" c="dimmed" className={classes.second} title={attempts === 0 ? undefined : `${percent(series.total.succeeded, attempts)} of ${plural(attempts, "attempt")} succeeded`}>
        {attempts === 0 ? "No attempts" : `${percent(series.total.succeeded, attempts)} of ${shortNumber(attempts)}`}
      </Text>
    </Stack>
  );
}

function Apps({ endpoint }: { endpoint: Endpoint }) {
  const name = useAppNames();
  return <Chips values={appNames(endpoint).map(name)} all="–" what="apps" />;
}

/** Some names as chips, the rest counted. */
function Chips({ values, all, what }: { values: string[]; all: string; what: string }) {
  if (values.length === 0) return <Text size="xs" c="dimmed">{all}</Text>;
  return (
    <Group gap={4} wrap="nowrap" title={values.join("\n")} miw={0}>
      <Badge variant="default" size="sm" tt="none" fw={500} className="foreign" style={{ minWidth: 0 }}>{values[0]}</Badge>
      {values.length > 1 && (
        <Text size="xs" c="dimmed" style={{ flexShrink: 0 }} aria-label={`and ${values.length - 1} more ${what}`}>+{values.length - 1}</Text>
      )}
    </Group>
  );
}
