import { Anchor, Button, Group, Text } from "@mantine/core";
import { IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Endpoint } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { number, plural } from "../../lib/text.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { CursorTable } from "../../parts/CursorTable.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty } from "../../parts/states.tsx";
import { columnsOf } from "./list/columns.tsx";
import { Filters } from "./list/Filters.tsx";
import { Troubles } from "./list/Troubles.tsx";
import { type StatusFilter, useEndpoints, useHealth, useTroubledById } from "./list/queries.ts";
import { found } from "./list/trouble.ts";

/** So many endpoints a search loads by itself; beyond that it asks. */
const searchStep = 1000;

const keyOf = (e: Endpoint) => e.id;

/** The endpoints: where events are sent, and how each is doing. */
export function EndpointList() {
  const [{ status: given, q = "" }, set] = useFilters<{ status?: string; q?: string }>();
  const status = (["active", "paused", "disabled"].includes(given ?? "") ? given : undefined) as StatusFilter;
  const app = useAppFilter();
  const session = useSession();
  const navigate = useNavigate();
  const { query } = useEndpoints(app, status);
  const [most, setMost] = useState(searchStep);
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
  const hasNextPage = query.hasNextPage && !onlyTroubled;
  const more = hasNextPage && (!searching || loaded < most);
  const shown = useMemo(() => {
    if (!listed || !searching) return listed;
    return { ...listed, pages: listed.pages.map((p) => ({ ...p, data: p.data.filter((e) => found(e, q)) })) };
  }, [listed, searching, q]);
  const columns = useMemo(() => columnsOf(health, troubled, session.apps.length !== 1), [health, troubled, session.apps.length]);
  const none = query.data && loaded === 0 && !status && !onlyTroubled && !searching;

  return (
    <Page
      title="Endpoints"
      description="The URLs that events are sent to, and how each is doing."
      actions={session.mayEdit && !none && <NewEndpointButton />}
    >
      {none ? <NoEndpoints mayEdit={session.mayEdit} app={app} /> : (
        <>
          <Filters status={onlyTroubled ? null : status} onStatus={(value) => set({ status: value }, true)} q={q} onSearch={(value) => set({ q: value || undefined }, true)} />
          <Troubles count={troubled.size} only={onlyTroubled} onOnly={(only) => set({ status: only ? "trouble" : undefined })} />
          {searching && query.data && (
            <Group gap="xs" role="status">
              <Text size="sm" c="dimmed">
                {hasNextPage
                  ? more ? `Searching the names and URLs of ${number(loaded)} endpoints, more are being loaded…` : `Searched the newest ${number(loaded)} endpoints only.`
                  : `Searched the names and URLs of ${loaded === 1 ? "the one endpoint" : `all ${plural(loaded, "endpoint")}`}${status || onlyTroubled || app ? " that the filters leave" : ""}.`}
              </Text>
              {hasNextPage && !more && <Button size="compact-xs" variant="light" onClick={() => setMost(loaded + searchStep)}>Search more</Button>}
            </Group>
          )}
          <CursorTable
            label="Endpoints"
            columns={columns}
            // The filtered pages in place of the loaded ones; all else is the query's.
            query={{ ...query, data: shown, hasNextPage: more } as typeof query}
            rowKey={keyOf}
            rowHeight={68}
            denseHeight={30}
            onOpen={(e) => void navigate({ to: "/endpoints/$id", params: { id: e.id } })}
            empty={<NoMatch searching={searching} status={onlyTroubled ? "in trouble" : status} onClear={() => set({ q: undefined, status: undefined }, true)} />}
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

function NoMatch({ searching, status, onClear }: { searching: boolean; status: StatusFilter | "in trouble"; onClear(): void }) {
  const title = searching ? "No endpoint matches" : `No endpoint is ${status}`;
  return (
    <Empty title={title} action={<Button variant="default" onClick={onClear}>Show all</Button>}>
      {searching ? "No name or URL contains this text." : "Other endpoints may be in another state."}
    </Empty>
  );
}
