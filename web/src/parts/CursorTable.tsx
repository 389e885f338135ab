import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Box, Button, Center, Loader, Text } from "@mantine/core";
import { type InfiniteData, type UseInfiniteQueryResult } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useCallback, useEffect, useMemo, useRef } from "react";
import { useChoices } from "../lib/choices.ts";
import { number } from "../lib/text.ts";
import { type ListPage, useRows } from "../lib/useCursorList.ts";
import { useFill } from "../lib/useFill.ts";
import { Failure, Waiting } from "./states.tsx";
import { Cells, type Column, Head, opens, type Selection, sorted, type Sorting, tracks, withSelection } from "./table.tsx";
import classes from "./table.module.css";

export type { Column } from "./table.tsx";

interface CursorTableProps<T> {
  label: string;
  columns: Column<T>[];
  query: UseInfiniteQueryResult<InfiniteData<ListPage<T>>>;
  rowKey(row: T): string;
  /** Opens a row, by mouse or by Enter. */
  onOpen?(row: T): void;
  selected?: string;
  /** Shown in place of the table when there is nothing. */
  empty: ReactNode;
  /** In px; where lines are dense it is 26 unless another is given. */
  rowHeight?: number;
  denseHeight?: number;
  /** Rows that stand before those of the query: what arrived live. */
  ahead?: T[];
  /** How what is loaded is sorted; onSort is told "name", "-name" or undefined. */
  sorting?: Sorting;
  onSort?(sorting: string | undefined): void;
  selection?: Selection<T>;
  /** Says in place of the usual words how far the list goes. */
  foot?: ReactNode;
}

/**
 * A list of any length: pages come from the server by cursor as they are scrolled
 * to, and only the rows in view are in the document.
 */
export function CursorTable<T>({ label, columns: given, query, rowKey, onOpen, selected, empty, rowHeight: roomy = 44, denseHeight = 26, ahead, sorting, onSort, selection, foot }: CursorTableProps<T>) {
  const frame = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { rows: density } = useChoices();
  const rowHeight = density === "dense" ? denseHeight : roomy;
  const height = useFill(frame);
  const unsorted = useRows(query.data, rowKey, ahead);
  const rows = useMemo(() => sorted(unsorted, given, sorting), [unsorted, given, sorting?.by, sorting?.descending]);
  const columns = useMemo(() => withSelection(given, rowKey, rows, selection), [given, rowKey, rows, selection]);
  // One function for all renders, so that rows are drawn anew only when they change.
  const opener = useRef(onOpen);
  useEffect(() => {
    opener.current = onOpen;
  });
  const openable = onOpen !== undefined;
  const open = useMemo(() => (openable ? (row: T) => opener.current?.(row) : undefined), [openable]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    // The same function as long as the rows are the same: with another one, all are measured anew.
    getItemKey: useCallback((i: number) => rowKey(rows[i]!), [rows, rowKey]),
  });
  useEffect(() => virtual.measure(), [virtual, rowHeight]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError } = query;
  useEffect(() => {
    if (last >= rows.length - 20 && hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);

  // What was loaded before stays, also when asking anew failed; the answer to other filters is on its way.
  const failure = query.error && !isFetchNextPageError && <Failure error={query.error} action={<Button size="xs" onClick={() => void query.refetch()}><Trans>Try again</Trans></Button>} />;
  // The frame is there from the start, so that its place is known.
  if (!query.data) return <div ref={frame}><Waiting query={query} lines={8} /></div>;
  if (rows.length === 0) return <div ref={frame}>{failure || empty}</div>;
  return (
    <div ref={frame}>
      {failure}
      <Box className={`${classes.frame} ${density === "dense" ? classes.dense : ""}`} style={tracks(columns)} aria-busy={query.isPlaceholderData} opacity={query.isPlaceholderData ? 0.6 : 1}>
        <div ref={scroller} className={classes.scroller} style={{ maxHeight: height }} tabIndex={0} role="region" aria-label={label}>
          <div role="table" aria-label={label} aria-rowcount={hasNextPage ? -1 : rows.length + 1} className={classes.table}>
            <Head columns={columns} sorting={sorting} onSort={onSort} />
            <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
              {items.map((item) => {
                const row = rows[item.index]!;
                const key = rowKey(row);
                return (
                  <Row
                    key={key} row={row} columns={columns} index={item.index} start={item.start} height={rowHeight} onOpen={open}
                    current={selected === key} chosen={selection?.chosen.has(key)}
                  />
                );
              })}
            </div>
          </div>
          {isFetchingNextPage && (
            <Center p="xs">
              <Loader size="sm" aria-label={t`Loading more`} />
            </Center>
          )}
          {isFetchNextPageError && <Failure error={query.error} action={<Button size="xs" onClick={() => void fetchNextPage()}><Trans>Try again</Trans></Button>} />}
        </div>
        <Text size="xs" c="dimmed" className={classes.foot} role="status">
          {foot ?? footOf(rows.length, hasNextPage, query.data.pages[0]?.total)}
        </Text>
      </Box>
    </div>
  );
}

function footOf(loaded: number, more: boolean, total: number | undefined): string {
  if (!more) return plural(loaded, { one: "# line", other: "# lines, that is all" });
  const [shown, all] = [number(loaded), number(total ?? 0)];
  return total === undefined ? t`${shown} loaded, more as you scroll` : t`${shown} of ${all} loaded, more as you scroll`;
}

interface RowProps<T> {
  row: T;
  columns: Column<T>[];
  index: number;
  start: number;
  height: number;
  current: boolean;
  chosen: boolean | undefined;
  onOpen: ((row: T) => void) | undefined;
}

function PlainRow<T>({ row, columns, index, start, height, current, chosen, onOpen }: RowProps<T>) {
  const click = onOpen && opens(() => onOpen(row));
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-current={current || undefined}
      aria-selected={chosen}
      data-openable={onOpen ? true : undefined}
      className={classes.row}
      style={{ position: "absolute", insetInline: 0, height, transform: `translateY(${start}px)` }}
      onClick={click}
      onAuxClick={click}
    >
      <Cells row={row} columns={columns} />
    </div>
  );
}

const Row = memo(PlainRow) as typeof PlainRow;
