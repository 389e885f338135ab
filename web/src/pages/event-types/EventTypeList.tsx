import { Anchor, Badge, Button, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconBook2, IconPlus, IconSearch } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { EventType } from "../../api/client.ts";
import { useEventTypes, useSession } from "../../api/queries.ts";
import { plural } from "../../lib/text.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { groupTypes } from "./catalogue.ts";
import classes from "./EventTypeList.module.css";

const atOnce = 300;

/** The catalogue: what can happen, in the operator's words. */
export function EventTypeList() {
  const session = useSession();
  const types = useEventTypes();
  const [{ q = "" }, set] = useFilters<{ q?: string }>();
  const [all, setAll] = useState(false);
  const groups = useMemo(() => groupTypes(types.data ?? [], q), [types.data, q]);
  const found = groups.reduce((n, g) => n + g.types.length, 0);
  const create = session.operator && (
    <Button component={Link} to="/event-types/new" leftSection={<IconPlus size={16} />}>New event type</Button>
  );
  return (
    <Page title="Event types" description="What can happen, and what comes with it. Endpoints choose from these." actions={types.data && types.data.length > 0 ? create : undefined}>
      {!types.data ? <Waiting query={types} lines={8} /> : types.data.length === 0 ? (
        <Empty title="The catalogue is empty" icon={IconBook2} action={create}>
          {session.operator
            ? "Describe your event types here: their names, what they mean, and what their data looks like. Those who set up endpoints choose from them."
            : "No event types are described yet. Endpoints can listen to all events, or to names that you were told."}
        </Empty>
      ) : (
        <>
          <Group gap="sm">
            <TextInput
              aria-label="Search event types"
              placeholder="Search by name or description"
              w={{ base: "100%", xs: 320 }}
              value={q}
              onChange={(e) => set({ q: e.currentTarget.value || undefined }, true)}
              leftSection={<IconSearch size={16} stroke={1.6} />}
            />
            <Text size="sm" c="dimmed" role="status">{q ? `${plural(found, "event type")} found` : plural(found, "event type")}</Text>
          </Group>
          {found === 0
            ? <Empty title="No event type matches" action={<Button variant="light" onClick={() => set({ q: undefined })}>Clear the search</Button>}>Neither a name nor a description has these words.</Empty>
            : bounded(groups, all ? Infinity : atOnce).map((g) => <TypeSection key={g.prefix} prefix={g.prefix} types={g.types} alone={groups.length === 1} />)}
          {!all && found > atOnce && <Button variant="light" onClick={() => setAll(true)}>Show all {plural(found, "event type")}</Button>}
        </>
      )}
    </Page>
  );
}

/** The first so many types, in their groups. */
function bounded<G extends { types: unknown[] }>(groups: G[], most: number): G[] {
  let left = most;
  const kept: G[] = [];
  for (const g of groups) {
    if (left <= 0) break;
    kept.push(g.types.length > left ? { ...g, types: g.types.slice(0, left) } : g);
    left -= g.types.length;
  }
  return kept;
}

function TypeSection({ prefix, types, alone }: { prefix: string; types: EventType[]; alone: boolean }) {
  const title = prefix ? `${prefix}.*` : alone ? "All" : "Others";
  return (
    <Stack component="section" gap={6} aria-label={title}>
      <Title order={2} size="sm" c="dimmed" className="foreign">{title}</Title>
      <Paper withBorder component="ul" className={classes.list}>
        {types.map((t) => (
          <li key={t.name} className={classes.item}>
            <div className={classes.name}>
              <Anchor component={Link} to={`/event-types/${encodeURIComponent(t.name)}`} size="sm" fw={600} className="foreign">{t.name}</Anchor>
              <Marks type={t} />
            </div>
            <Text size="sm" c="dimmed" className="foreign" lineClamp={2}>{t.description || "No description."}</Text>
          </li>
        ))}
      </Paper>
    </Stack>
  );
}

/** What is special about a type. */
export function Marks({ type: t }: { type: EventType }) {
  return (
    <>
      {t.archived && <Badge size="sm" variant="light" color="gray" tt="none" title="Readable, but no longer to be published">Archived</Badge>}
      {t.validate && <Badge size="sm" variant="light" color="teal" tt="none" title="Publishing refuses data that breaks the schema">Data checked</Badge>}
    </>
  );
}
