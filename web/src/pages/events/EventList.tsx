import { Button, Group, Stack } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { api, type Event, ok } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { isUUID } from "../../lib/ids.ts";
import { useCursorList } from "../../lib/useCursorList.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { CursorTable } from "../../parts/CursorTable.tsx";
import { type Chip, Chips } from "../../parts/filters/Chips.tsx";
import { rangeLabel } from "../../parts/filters/range.ts";
import { Refresh } from "../../parts/filters/Refresh.tsx";
import { TextFilter } from "../../parts/filters/TextFilter.tsx";
import { TimeRange } from "../../parts/filters/TimeRange.tsx";
import { TypeFilter } from "../../parts/filters/TypeFilter.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty } from "../../parts/states.tsx";
import { eventColumns } from "./columns.tsx";
import { NoEvents } from "./NoEvents.tsx";
import { SearchBox } from "./SearchBox.tsx";

interface Filters {
  app?: string;
  q?: string;
  type?: string;
  subject?: string;
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
  const { q, type, subject, since, until } = filters;
  const { query, refresh } = useCursorList<Event>(["events", { app, q, type, subject, since, until }], async (cursor, signal) => {
    const ask = (by: { external_id?: string; uuid?: string }) =>
      ok(api.GET("/v1/events", { params: { query: { app, ...by, type, subject, since, until, cursor, limit: 100 } }, signal }));
    const own = await ask({ external_id: q });
    // Publishers have UUIDs of their own, too: those go first.
    return q !== undefined && isUUID(q) && own.data.length === 0 ? ask({ uuid: q }) : own;
  });
  const oneApp = session.portal || app !== undefined || session.apps.length === 1;
  const columns = useMemo(() => eventColumns(!oneApp), [oneApp]);

  const clear = () => set({ q: undefined, type: undefined, subject: undefined, since: undefined, until: undefined });
  const chips: Chip[] = [];
  if (q) chips.push({ label: isUUID(q) ? "UUID or your id" : "Your id", value: q, remove: () => set({ q: undefined }) });
  if (type) chips.push({ label: "Type", value: type, remove: () => set({ type: undefined }) });
  if (subject) chips.push({ label: "Subject", value: subject, remove: () => set({ subject: undefined }) });
  if (since || until) chips.push({ label: "Time", value: rangeLabel({ since, until }), remove: () => set({ since: undefined, until: undefined }) });

  const empty = chips.length > 0
    ? (
      <Empty title="No event matches" action={<Button variant="light" onClick={clear}>{chips.length > 1 ? "Clear all filters" : "Clear the filter"}</Button>}>
        {q
          ? <>No event has <b className="foreign">{q}</b> as its {isUUID(q) ? "UUID or own id" : "own id"}{chips.length > 1 ? " and fits the other filters" : ""}. Own ids are compared letter for letter.</>
          : "Nothing was published that fits these filters. Subjects and types are compared letter for letter; end one with * to search by its beginning."}
      </Empty>
    )
    : <NoEvents app={app} />;

  return (
    <Page title="Events" description="Everything that was published, newest first. Each event goes to every endpoint of its app that listens to it.">
      <Stack gap="sm">
        <SearchBox value={q} onSearch={(text) => set({ q: text })} />
        <Group gap="xs">
          <TypeFilter value={type} onChange={(value) => set({ type: value })} />
          <TextFilter label="Subject" placeholder="Subject, or invoice:*" value={subject} onChange={(value) => set({ subject: value })} />
          <TimeRange value={{ since, until }} onChange={(range) => set({ since: range.since, until: range.until })} />
          <Refresh busy={query.isRefetching} onRefresh={() => void refresh()} />
        </Group>
        <Chips chips={chips} clear={clear} />
      </Stack>
      <CursorTable
        label="Events"
        columns={columns}
        query={query}
        rowKey={key}
        onOpen={(e) => void navigate({ to: "/events/$id", params: { id: e.id } })}
        empty={empty}
      />
    </Page>
  );
}
