import { Box, Button, Center, Loader, Text } from "@mantine/core";
import { type InfiniteData, type UseInfiniteQueryResult } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useCallback, useEffect, useMemo, useRef } from "react";
import { useRows } from "../lib/useCursorList.ts";
import classes from "./CursorTable.module.css";
import { Failure, Waiting } from "./states.tsx";

/** One column: what stands in it, and how wide it is (CSS grid track). */
export interface Column<T> {
  key: string;
  title: string;
  width: string;
  /** Left out on narrow screens. */
  wide?: boolean;
  align?: "end";
  cell(row: T): ReactNode;
}

interface CursorTableProps<T> {
  label: string;
  columns: Column<T>[];
  query: UseInfiniteQueryResult<InfiniteData<{ data: T[]; next_cursor?: string }>>;
  rowKey(row: T): string;
  /** Opens a row, by mouse or by Enter. */
  onOpen?(row: T): void;
  selected?: string;
  /** Shown in place of the table when there is nothing. */
  empty: ReactNode;
  rowHeight?: number;
  height?: string;
  /** Rows that stand before those of the query: what arrived live. */
  ahead?: T[];
}

/**
 * A list of any length: pages come from the server by cursor as they are scrolled
 * to, and only the rows in view are in the document.
 */
export function CursorTable<T>({ label, columns, query, rowKey, onOpen, selected, empty, rowHeight = 44, height = "calc(100vh - 260px)", ahead }: CursorTableProps<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useRows(query.data, rowKey, ahead);
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
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError } = query;
  useEffect(() => {
    if (last >= rows.length - 20 && hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);

  if (!query.data) return <Waiting query={query} lines={8} />;
  // What was loaded before stays, also when asking anew failed; the answer to other filters is on its way.
  const failure = query.error && !isFetchNextPageError && <Failure error={query.error} action={<Button size="xs" onClick={() => void query.refetch()}>Try again</Button>} />;
  if (rows.length === 0) return failure || empty;
  const vars = {
    "--columns": columns.map((c) => c.width).join(" "),
    "--narrow-columns": columns.filter((c) => !c.wide).map((c) => c.width).join(" "),
  } as React.CSSProperties;
  return (
    <>
      {failure}
      <Box className={classes.frame} style={vars} aria-busy={query.isPlaceholderData} opacity={query.isPlaceholderData ? 0.6 : 1}>
        <div ref={scroller} className={classes.scroller} style={{ maxHeight: height }} tabIndex={0} role="region" aria-label={label}>
          <div role="table" aria-label={label} aria-rowcount={hasNextPage ? -1 : rows.length + 1} className={classes.table}>
            <div role="rowgroup" className={classes.head}>
              <div role="row" className={classes.row}>
                {columns.map((c) => (
                  <div key={c.key} role="columnheader" className={classes.cell} data-wide={c.wide || undefined} data-align={c.align}>
                    {c.title}
                  </div>
                ))}
              </div>
            </div>
            <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
              {items.map((item) => {
                const row = rows[item.index]!;
                const key = rowKey(row);
                return <Row key={key} row={row} columns={columns} index={item.index} start={item.start} height={rowHeight} selected={selected === key} onOpen={open} />;
              })}
            </div>
          </div>
          {isFetchingNextPage && (
            <Center p="xs">
              <Loader size="sm" aria-label="Loading more" />
            </Center>
          )}
          {isFetchNextPageError && <Failure error={query.error} action={<Button size="xs" onClick={() => void fetchNextPage()}>Try again</Button>} />}
        </div>
        <Text size="xs" c="dimmed" className={classes.foot} role="status">
          {rows.length.toLocaleString()} {hasNextPage ? "loaded, more as you scroll" : rows.length === 1 ? "line" : "lines, that is all"}
        </Text>
      </Box>
    </>
  );
}

interface RowProps<T> {
  row: T;
  columns: Column<T>[];
  index: number;
  start: number;
  height: number;
  selected: boolean;
  onOpen: ((row: T) => void) | undefined;
}

function PlainRow<T>({ row, columns, index, start, height, selected, onOpen }: RowProps<T>) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-current={selected || undefined}
      data-openable={onOpen ? true : undefined}
      className={classes.row}
      style={{ position: "absolute", insetInline: 0, height, transform: `translateY(${start}px)` }}
      onClick={onOpen && ((e) => {
        // Links and buttons inside of a row do what they say.
        if (!(e.target as Element).closest("a,button")) onOpen(row);
      })}
    >
      {columns.map((c) => (
        <div key={c.key} role="cell" className={classes.cell} data-wide={c.wide || undefined} data-align={c.align}>
          {c.cell(row)}
        </div>
      ))}
    </div>
  );
}

const Row = memo(PlainRow) as typeof PlainRow;
