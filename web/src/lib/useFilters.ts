import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

type Change<T> = Partial<Record<keyof T, string | undefined>>;

/** The filters of a page, which live in its address, and a way to change some of them. */
export function useFilters<T extends object>(): [T, (change: Change<T>, replace?: boolean) => void] {
  const search: unknown = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    (change: Change<T>, replace = false) => {
      // The router cannot know on which page this stands, and so not what its address may hold.
      void navigate({ to: ".", search: (before: object) => ({ ...before, ...change }), replace, resetScroll: false } as never);
    },
    [navigate],
  );
  return [search as T, set];
}
