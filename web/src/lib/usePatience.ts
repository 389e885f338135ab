import { useEffect, useState } from "react";
import type { ListPage } from "./useCursorList.ts";

interface Search {
  data: { pages: ListPage<unknown>[] } | undefined;
  hasNextPage: boolean;
  isFetching: boolean;
  isError: boolean;
  isPlaceholderData: boolean;
  fetchNextPage(): unknown;
}

/** So many pages with nothing much are gone through by themselves; then somebody is to ask for more. */
const stretch = 30;

/**
 * A search whose pages may be short or empty, since each looks through a bounded number of rows:
 * it goes on by itself until there is enough to see, its patience is over, or it is stopped.
 */
export function usePatience(search: Search, what: string, enough = 50) {
  const [state, setState] = useState({ what, most: stretch, stopped: false });
  const { most, stopped } = state.what === what ? state : { most: stretch, stopped: false };
  const pages = search.isPlaceholderData ? [] : search.data?.pages ?? [];
  const found = pages.reduce((n, p) => n + p.data.length, 0);
  const tired = stopped || pages.length >= most;
  const wanting = search.hasNextPage && !tired && found < enough * Math.max(1, Math.floor(most / stretch));
  const { isFetching, isError, fetchNextPage } = search;
  useEffect(() => {
    if (wanting && !isFetching && !isError) void fetchNextPage();
  }, [wanting, isFetching, isError, fetchNextPage]);
  return {
    found,
    until: pages.at(-1)?.searched_until,
    more: search.hasNextPage || search.isPlaceholderData, // it has not begun yet
    running: (wanting || isFetching) && !stopped && !isError,
    /** Whether scrolling may load more. */
    scrolls: search.hasNextPage && !tired,
    stop: () => setState({ what, most: pages.length, stopped: true }),
    goOn: () => setState({ what, most: pages.length + stretch, stopped: false }),
  };
}
