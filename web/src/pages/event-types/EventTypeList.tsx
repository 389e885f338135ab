import { plural, t } from "@lingui/core/macro";
import { Plural, Trans } from "@lingui/react/macro";
import { Anchor, Badge, Button, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconBook2, IconPlus, IconSearch } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { EventType } from "../../api/client.ts";
import { useEventTypes, useSession } from "../../api/queries.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { groupTypes, type TypeGroup } from "./catalogue.ts";
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
    <Button component={Link} to="/event-types/new" leftSection={<IconPlus size={16} />}><Trans>New event type</Trans></Button>
  );
  return (
    <Page title={t`Event types`} description={t`What can happen, and what comes with it. Endpoints choose from these.`} actions={types.data && types.data.length > 0 ? create : undefined}>
      {!types.data ? <Waiting query={types} lines={8} /> : types.data.length === 0 ? (
        <Empty title={t`The catalogue is empty`} icon={IconBook2} action={create}>
          {session.operator
            ? t`Describe your event types here: their names, what they mean, and what their data looks like. Those who set up endpoints choose from them.`
            : t`No event types are described yet. Endpoints can listen to all events, or to names that you were told.`}
        </Empty>
      ) : (
        <>
          <Group gap="sm">
            <TextInput
              aria-label={t`Search event types`}
              placeholder={t`Search by name or description`}
              w={{ base: "100%", xs: 320 }}
              value={q}
              onChange={(e) => set({ q: e.currentTarget.value || undefined }, true)}
              leftSection={<IconSearch size={16} stroke={1.6} />}
            />
            <Text size="sm" c="dimmed" role="status">{q ? plural(found, { one: "# event type found", other: "# event types found" }) : plural(found, { one: "# event type", other: "# event types" })}</Text>
          </Group>
          {found === 0
            ? <Empty title={t`No event type matches`} action={<Button variant="light" onClick={() => set({ q: undefined })}><Trans>Clear the search</Trans></Button>}><Trans>Neither a name nor a description has these words.</Trans></Empty>
            : bounded(groups, all ? Infinity : atOnce).map((g) => <TypeSection key={`${g.named} ${g.prefix}`} group={g} alone={groups.length === 1} />)}
          {!all && found > atOnce && <Button variant="light" onClick={() => setAll(true)}><Trans>Show all <Plural value={found} one="# event type" other="# event types" /></Trans></Button>}
        </>
      )}
    </Page>
  );
}

/** The first so many types, in their groups. */
function bounded<G extends { types: EventType[] }>(groups: G[], most: number): G[] {
  let left = most;
  const kept: G[] = [];
  for (const g of groups) {
    if (left <= 0) break;
    kept.push(g.types.length > left ? { ...g, types: g.types.slice(0, left) } : g);
    left -= g.types.length;
  }
  return kept;
}

function TypeSection({ group: { prefix, named, types }, alone }: { group: TypeGroup; alone: boolean }) {
  const title = named ? prefix : prefix ? `${prefix}.*` : alone ? t`All` : t`Others`;
  return (
    <Stack component="section" gap={6} aria-label={title}>
      <Title order={2} size="sm" c="dimmed" className="foreign">{title}</Title>
      <Paper withBorder component="ul" className={classes.list}>
        {types.map((type) => (
          <li key={type.name} className={classes.item}>
            <div className={classes.name}>
              <Anchor component={Link} to={`/event-types/${encodeURIComponent(type.name)}`} size="sm" fw={600} className="foreign">{type.name}</Anchor>
              <Marks type={type} />
            </div>
            <Text size="sm" c="dimmed" className="foreign" lineClamp={2}>{type.description || t`No description.`}</Text>
          </li>
        ))}
      </Paper>
    </Stack>
  );
}

/** What is special about a type. */
export function Marks({ type }: { type: EventType }) {
  return (
    <>
      {type.archived && <Badge size="sm" variant="light" color="gray" tt="none" title={t`Readable, but no longer to be published`}><Trans>Archived</Trans></Badge>}
      {type.deprecated && <Badge size="sm" variant="light" color="orange" tt="none" title={t`It is still sent; choose another one for what is new`}><Trans>Deprecated</Trans></Badge>}
      {type.feature_flags && type.feature_flags.length > 0 && <Badge size="sm" variant="light" color="grape" tt="none" title={t`Portal links see it only with one of: ${type.feature_flags.join(", ")}`}><Trans>Behind a flag</Trans></Badge>}
      {type.validate && <Badge size="sm" variant="light" color="teal" tt="none" title={t`Publishing refuses data that breaks the schema`}><Trans>Data checked</Trans></Badge>}
    </>
  );
}
