import { hashKey, type InfiniteData, keepPreviousData, type QueryClient, type QueryKey, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";

/** One page of a list of the API. */
export interface ListPage<T> {
  data: T[];
  next_cursor?: string;
  /** How many there are in all, where the API counts them. */
  total?: number;
  /** The time back to which a search has looked; the page may be short, and go on. */
  searched_until?: string;
}

/**
 * Asks for a list page after page. What was shown stays until the answer to other
 * filters is there. A list is brought up to date from its first page on: asking
 * again for the fifty pages that somebody scrolled through would take long.
 */
export function useCursorList<T>(key: QueryKey, page: (cursor: string | undefined, signal: AbortSignal) => Promise<ListPage<T>>, enabled = true) {
  const client = useQueryClient();
  const hash = hashKey(key);
  useMemo(() => keepFirstPage(client, key), [client, hash]);
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => page(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: ListPage<T>) => last.next_cursor || undefined,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
    enabled,
  });
  const { refetch } = query;
  const refresh = useCallback(async () => {
    keepFirstPage(client, key);
    await refetch();
  }, [client, hash, refetch]);
  return { query, refresh };
}

const none: never[] = [];

/**
 * The rows of all loaded pages, after those that arrived live and are on none of them.
 * What is loaded is gone through when a page comes, not whenever something arrives:
 * it may be a hundred thousand rows.
 */
export function useRows<T>(loaded: InfiniteData<ListPage<T>> | undefined, rowKey: (row: T) => string, ahead: T[] = none): T[] {
  const rows = useMemo(() => loaded?.pages.flatMap((p) => p.data) ?? [], [loaded]);
  const live = ahead.length > 0;
  const known = useMemo(() => new Set(live ? rows.map(rowKey) : none), [rows, rowKey, live]);
  return useMemo(() => (live ? ahead.filter((row) => !known.has(rowKey(row))).concat(rows) : rows), [ahead, live, known, rowKey, rows]);
}

function keepFirstPage(client: QueryClient, key: QueryKey): void {
  const before = client.getQueryData<InfiniteData<unknown>>(key);
  if (before && before.pages.length > 1) {
    client.setQueryData(key, { pages: before.pages.slice(0, 1), pageParams: before.pageParams.slice(0, 1) });
  }
}
