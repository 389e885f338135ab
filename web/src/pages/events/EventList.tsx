import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Stack } from "@mantine/core";
import { hashKey } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Event, ok, Problem } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { isUUID } from "../../lib/ids.ts";
import { useCursorList } from "../../lib/useCursorList.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { outcomeWords } from "../../lib/words.ts";
import { usePatience } from "../../lib/usePatience.ts";
import { CursorTable } from "../../parts/CursorTable.tsx";
import { type Chip, Chips } from "../../parts/filters/Chips.tsx";
import { Export } from "../../parts/filters/Export.tsx";
import { MoreFilters } from "../../parts/filters/MoreFilters.tsx";
import { checkRange, rangeLabel } from "../../parts/filters/range.ts";
import { Refresh } from "../../parts/filters/Refresh.tsx";
import { TimeRange } from "../../parts/filters/TimeRange.tsx";
import { TypeFilter } from "../../parts/filters/TypeFilter.tsx";
import { Page } from "../../parts/Page.tsx";
import { SearchProgress } from "../../parts/SearchProgress.tsx";
import { Empty } from "../../parts/states.tsx";
import { eventColumns } from "./columns.tsx";
import { OutcomeFilter, outcomeFrom } from "./OutcomeFilter.tsx";
import { NoEvents } from "./NoEvents.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { conditionsFrom, progress, withCondition, withoutCondition } from "./where.ts";
import { WhereBox } from "./WhereBox.tsx";

interface Filters {
  app?: string;
  q?: string;
  type?: string;
  subject?: string;
  channel?: string;
  tag?: string;
  outcome?: string;
  /** Conditions on the data: see where.ts. */
  where?: string;
  since?: string;
  until?: string;
}

const key = (e: Event) => e.id;

/** The events, newest first, and ways to find one. */
export function EventList() {
  const [filters, set] = useFilters<Filters>();
  const session = useSession();
  const app = useAppFilter();
  const navigate = useNavigate();
  const { q, type, subject, channel, tag, since, until } = filters;
  const outcome = outcomeFrom(filters.outcome);
  const where = conditionsFrom(filters.where);
  const wrongRange = checkRange({ since, until }) !== undefined; // the filter says so
  const wanted = { app, type, subject, channel, tag, outcome, where, since, until };
  const { query, refresh } = useCursorList<Event>(["events", { ...wanted, q }], async (cursor, signal) => {
    const ask = (by: { external_id?: string; uuid?: string }) =>
      ok(api.GET("/v1/events", { params: { query: { ...wanted, ...by, cursor, limit: 100 } }, signal }));
    const own = await ask({ external_id: q });
    // Publishers have UUIDs of their own, too: those go first.
    return q !== undefined && isUUID(q) && own.data.length === 0 ? ask({ uuid: q }) : own;
  }, !wrongRange);
  const oneApp = session.portal || app !== undefined || session.apps.length === 1;
  const columns = useMemo(() => eventColumns(!oneApp), [oneApp]);
  // What no index has is searched for step by step.
  const searching = outcome !== undefined || channel !== undefined || tag !== undefined || where.length > 0;
  const patience = usePatience(query, hashKey([wanted, q]), searching ? 50 : 0);
  const fault = query.error instanceof Problem && query.error.errors.find((e) => e.field.startsWith("where"))?.detail;

  const pattern = "invoice:*";
  const none = { q: undefined, type: undefined, subject: undefined, channel: undefined, tag: undefined, outcome: undefined, where: undefined, since: undefined, until: undefined };
  const clear = () => set(none);
  const chips: Chip[] = [];
  if (q) chips.push({ label: isUUID(q) ? t`UUID or your id` : t`Your id`, value: q, remove: () => set({ q: undefined }) });
  for (const c of where) chips.push({ label: t`Data`, value: c, remove: () => set({ where: withoutCondition(filters.where, c) }) });
  if (type) chips.push({ label: t`Type`, value: type, remove: () => set({ type: undefined }) });
  if (subject) chips.push({ label: t`Subject`, value: subject, remove: () => set({ subject: undefined }) });
  if (channel) chips.push({ label: t`Channel`, value: channel, remove: () => set({ channel: undefined }) });
  if (tag) chips.push({ label: t`Tag`, value: tag, remove: () => set({ tag: undefined }) });
  if (outcome) chips.push({ label: t`Outcome`, value: i18n._(outcomeWords[outcome]), remove: () => set({ outcome: undefined }) });
  if (since || until) chips.push({ label: t`Time`, value: rangeLabel({ since, until }), remove: () => set({ since: undefined, until: undefined }) });

  const kind = q && isUUID(q) ? t`UUID or own id` : t`own id`;
  const empty = chips.length > 0
    ? (
      <Empty title={patience.more ? t`Nothing found so far` : t`No event matches`} action={<Button variant="light" onClick={clear}>{chips.length > 1 ? t`Clear all filters` : t`Clear the filter`}</Button>}>
        {q
          ? <Trans>No event that fits has <b className="foreign">{q}</b> as its {kind}. Own ids are compared letter for letter.</Trans>
          : <Trans>Nothing was published that fits these filters. Subjects and types are compared letter for letter; end one with * to search by its beginning.</Trans>}
      </Empty>
    )
    : <NoEvents app={app} />;

  return (
    <Page title={t`Events`} description={t`Everything that was published, newest first. Each event goes to every endpoint of its app that listens to it.`}>
      <Stack gap="sm">
        <Group gap="xs" align="flex-start">
          <SearchBox value={q} onSearch={(text) => set({ q: text })} />
          <WhereBox
            faulty={fault ? { condition: where.at(-1) ?? "", why: fault } : undefined}
            // One that could not be searched by gives way to the next.
            onAdd={(c) => set({ where: withCondition(fault ? withoutCondition(filters.where, where.at(-1) ?? "") : filters.where, c) })}
          />
        </Group>
        <Group gap="xs">
          <TypeFilter value={type} onChange={(value) => set({ type: value })} />
          <OutcomeFilter value={outcome} onChange={(value) => set({ outcome: value })} />
          <TimeRange value={{ since, until }} onChange={(range) => set({ since: range.since, until: range.until })} />
          <MoreFilters
            fields={[
              { name: "subject", label: t`Subject`, placeholder: t`Subject, or ${pattern}`, value: subject },
              { name: "channel", label: t`Channel`, value: channel },
              { name: "tag", label: t`Tag`, value: tag },
            ]}
            onChange={set}
          />
          <Refresh busy={query.isRefetching} onRefresh={() => void refresh()} />
          {!wrongRange && <Export path="/v1/events/export" query={{ ...wanted, ...(q !== undefined && isUUID(q) && query.data?.pages[0]?.data[0]?.uuid === q.toLowerCase() ? { uuid: q } : { external_id: q }) }} />}
        </Group>
        <Chips chips={chips} clear={clear} />
        {searching && query.data && !fault && !wrongRange && (
          <SearchProgress
            {...patience}
            of="events"
            share={progress(patience.until, since, until, Date.now())}
            onStop={patience.stop}
            onGoOn={patience.goOn}
          />
        )}
      </Stack>
      {fault || wrongRange ? null : <CursorTable
        label={t`Events`}
        columns={columns}
        query={searching ? ({ ...query, hasNextPage: patience.scrolls } as typeof query) : query}
        rowKey={key}
        onOpen={(e) => void navigate({ to: "/events/$id", params: { id: e.id } })}
        empty={empty}
      />}
    </Page>
  );
}
