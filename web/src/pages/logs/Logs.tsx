import { t } from "@lingui/core/macro";
import { Stack } from "@mantine/core";
import { hashKey } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { api, type Attempt, ok } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { useCursorList, useRows } from "../../lib/useCursorList.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { useKeys } from "../../lib/useKeys.ts";
import { usePatience } from "../../lib/usePatience.ts";
import { CursorTable } from "../../parts/CursorTable.tsx";
import { Chips } from "../../parts/filters/Chips.tsx";
import { Page } from "../../parts/Page.tsx";
import { SearchProgress } from "../../parts/SearchProgress.tsx";
import { progress } from "../events/where.ts";
import { logColumns } from "./columns.tsx";
import { AttemptDrawer } from "./drawer/AttemptDrawer.tsx";
import { Filters } from "./Filters.tsx";
import { chipsOf, faultsOf, type LogFilters } from "./logFilters.tsx";
import { LiveBar } from "./LiveBar.tsx";
import { NoAttempts } from "./NoAttempts.tsx";
import { useTail } from "./useTail.ts";

const key = (a: Attempt) => a.id;

/** The log: every request that was made, newest first. */
export function Logs() {
  const [filters, set] = useFilters<LogFilters>();
  const app = useAppFilter();
  const session = useSession();
  const oneApp = session.portal || app !== undefined || session.apps.length === 1;
  const columns = useMemo(() => logColumns(!oneApp), [oneApp]);
  const { status, response_status, reason, type, endpoint, event, channel, tag, since, until, attempt } = filters;
  const [paused, setPaused] = useState(false);
  const live = filters.live === "1";

  const faults = faultsOf(filters);
  const wanted = { app, status, response_status, reason, type, endpoint, event, channel, tag };
  const { query, refresh } = useCursorList<Attempt>(["attempts", { ...wanted, since, until }], (cursor, signal) =>
    ok(api.GET("/v1/attempts", { params: { query: { ...wanted, status: status as Attempt["status"] | undefined, since, until, cursor, limit: 100 } }, signal })), !faults);
  // Labels are in no index: they are searched for step by step.
  const searching = channel !== undefined || tag !== undefined;
  const patience = usePatience(query, hashKey([wanted, since, until]), searching ? 50 : 0);
  // While a line is open, the list beneath it keeps still.
  const following = useTail(live && !faults, paused || Boolean(attempt), wanted, useCallback(() => void refresh(), [refresh]));
  const ahead = following.tail.shown;

  const rows = useRows(query.data, key, ahead);
  const place = attempt ? rows.findIndex((a) => a.id === attempt) : -1;
  const go = (to: number) => {
    const row = rows[to];
    if (row) set({ attempt: row.id }, true);
    if (to >= rows.length - 5 && query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  };
  const next = place >= 0 && place < rows.length - 1 ? () => go(place + 1) : undefined;
  const previous = place > 0 ? () => go(place - 1) : undefined;
  useKeys({ j: next, k: previous });

  const chips = chipsOf(filters, set);
  const clear = () => set({ type: undefined, endpoint: undefined, event: undefined, channel: undefined, tag: undefined, since: undefined, until: undefined, status: undefined, response_status: undefined, reason: undefined });

  return (
    <Page title={t`Logs`} description={t`Every request that was sent to an endpoint, with what came back.`}>
      <Stack gap="sm">
        <Filters filters={filters} faults={faults} app={app} set={set} onRefresh={() => void refresh()} refreshing={query.isRefetching} />
        <Chips chips={chips} clear={clear} />
        {searching && query.data && !faults && (
          <SearchProgress
            {...patience}
            of="attempts"
            share={progress(patience.until, since, until, Date.now())}
            onStop={patience.stop}
            onGoOn={patience.goOn}
          />
        )}
        <LiveBar
          live={following}
          paused={paused}
          onPause={setPaused}
          onReload={() => {
            following.reset();
            void refresh();
          }}
        />
      </Stack>
      {!faults && (
        <CursorTable
          label={t`Attempts`}
          columns={columns}
          query={searching ? ({ ...query, hasNextPage: patience.scrolls } as typeof query) : query}
          ahead={ahead}
          rowKey={key}
          onOpen={(a) => set({ attempt: a.id })}
          selected={attempt}
          empty={<NoAttempts filtered={chips.length > 0 || status !== undefined} status={status} clear={clear} live={live} />}
        />
      )}
      <AttemptDrawer id={attempt} onClose={() => set({ attempt: undefined }, true)} onNext={next} onPrevious={previous} />
    </Page>
  );
}
