import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Button, Group, Text } from "@mantine/core";
import { IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { Endpoint } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { number } from "../../lib/text.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { CursorTable } from "../../parts/CursorTable.tsx";
import { nameOf } from "../../parts/EndpointName.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty } from "../../parts/states.tsx";
import { sortingFrom } from "../../parts/table.tsx";
import { Bulk } from "./list/Bulk.tsx";
import { columnsOf } from "./list/columns.tsx";
import { Filters } from "./list/Filters.tsx";
import { Troubles } from "./list/Troubles.tsx";
import { type HealthFilter, useEndpoints, useHealth, useTroubledById } from "./list/queries.ts";
import { found } from "./list/trouble.ts";

/** So many endpoints a search, and sorting, loads by itself; beyond that it asks. */
const step = 1000;

const keyOf = (e: Endpoint) => e.id;

const healths = ["healthy", "failing", "on_hold", "paused", "disabled", "unknown"];

/** The endpoints: where events are sent, and how each is doing. */
export function EndpointList() {
  const [{ status, health: given = status, q = "", sort }, set] = useFilters<{ status?: string; health?: string; q?: string; sort?: string }>();
  const wanted = (healths.includes(given ?? "") ? given : undefined) as HealthFilter;
  const app = useAppFilter();
  const session = useSession();
  const navigate = useNavigate();
  const { query } = useEndpoints(app, wanted);
  const [most, setMost] = useState(step);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const troubled = useTroubledById(app);
  const onlyTroubled = given === "trouble";
  const listed = useMemo(
    () => (query.data && onlyTroubled ? { pages: [{ data: [...troubled.values()].map((t) => t.endpoint) }], pageParams: [undefined] } : query.data),
    [query.data, troubled, onlyTroubled],
  );
  const pages = useMemo(() => listed?.pages.map((p) => p.data) ?? [], [listed]);
  const health = useHealth(pages);
  const loaded = pages.reduce((n, page) => n + page.length, 0);

  const searching = q.trim() !== "";
  const sorting = sortingFrom(sort);
  const whole = searching || sorting !== undefined; // what needs to see all
  const { hasNextPage: next, isFetching, isError, fetchNextPage } = query;
  const hasNextPage = next && !onlyTroubled;
  const more = hasNextPage && (!whole || loaded < most);
  useEffect(() => {
    if (whole && more && !isFetching && !isError) void fetchNextPage();
  }, [whole, more, isFetching, isError, fetchNextPage]);
  const shown = useMemo(() => {
    if (!listed || !searching) return listed;
    return { ...listed, pages: listed.pages.map((p) => ({ ...p, total: undefined, data: p.data.filter((e) => found(e, q)) })) };
  }, [listed, searching, q]);
  const columns = useMemo(() => columnsOf(health, troubled, session.apps.length !== 1), [health, troubled, session.apps.length]);
  const none = query.data && loaded === 0 && !given && !searching;
  const rows = useMemo(() => shown?.pages.flatMap((p) => p.data) ?? [], [shown]);
  const count = number(loaded);

  return (
    <Page
      title={t`Endpoints`}
      description={t`The URLs that events are sent to, and how each is doing.`}
      actions={session.mayEdit && !none && <NewEndpointButton />}
    >
      {none ? <NoEndpoints mayEdit={session.mayEdit} app={app} /> : (
        <>
          <Filters
            health={wanted}
            onHealth={(value) => set({ health: value, status: undefined }, true)}
            q={q}
            onSearch={(value) => set({ q: value || undefined }, true)}
          />
          <Troubles count={troubled.size} only={onlyTroubled} onOnly={(only) => set({ status: only ? "trouble" : undefined, health: undefined })} />
          {whole && query.data && hasNextPage && (
            <Group gap="xs" role="status">
              <Text size="sm" c="dimmed">
                {more ? t`Looking through ${count} endpoints, more are being loaded…` : t`Only the newest ${count} endpoints were looked through.`}
              </Text>
              {!more && <Button size="compact-xs" variant="light" onClick={() => setMost(loaded + step)}><Trans>Look through more</Trans></Button>}
            </Group>
          )}
          {session.mayEdit && <Bulk endpoints={rows.filter((e) => chosen.has(e.id))} onChosen={setChosen} />}
          <CursorTable
            label={t`Endpoints`}
            columns={columns}
            // The filtered pages in place of the loaded ones; all else is the query's.
            query={{ ...query, data: shown, hasNextPage: more } as typeof query}
            rowKey={keyOf}
            rowHeight={68}
            denseHeight={30}
            sorting={sorting}
            onSort={(value) => set({ sort: value }, true)}
            selection={session.mayEdit ? { chosen, set: setChosen, label: (e) => nameOf(e) } : undefined}
            onOpen={(e) => void navigate({ to: "/endpoints/$id", params: { id: e.id } })}
            empty={<NoMatch searching={searching} onClear={() => set({ q: undefined, status: undefined, health: undefined }, true)} />}
          />
        </>
      )}
    </Page>
  );
}

function NewEndpointButton() {
  return <Button component={Link} to="/endpoints/new" leftSection={<IconPlus size={16} />}>New endpoint</Button>;
}

function NoEndpoints({ mayEdit, app }: { mayEdit: boolean; app: string | undefined }) {
  return (
    <Empty title={app ? "This app has no endpoint yet" : "No endpoint yet"} icon={IconPlugConnected} action={mayEdit && <NewEndpointButton />}>
      An endpoint is a URL of yours that gets a signed request (a webhook) whenever something happens.{" "}
      You say which events it wants; they are sent at once, tried again when that fails, and every attempt is kept in a log.{" "}
      {mayEdit
        ? <>Look at the <Anchor component={Link} to="/event-types" size="sm" underline="always">event types</Anchor> to see what can be sent.</>
        : "Somebody who may edit can add one."}
    </Empty>
  );
}

function NoMatch({ searching, onClear }: { searching: boolean; onClear(): void }) {
  return (
    <Empty title={searching ? t`No endpoint matches` : t`No endpoint is in this state`} action={<Button variant="default" onClick={onClear}><Trans>Show all</Trans></Button>}>
      {searching ? t`No name, description or URL contains this text.` : t`Other endpoints may be in another one.`}
    </Empty>
  );
}
