import { useSearch } from "@tanstack/react-router";
import { useSession } from "../api/queries.ts";

/** The app that every page is limited to; it is kept in the address as ?app=. */
export function useAppFilter(): string | undefined {
  const search: { app?: string } = useSearch({ strict: false });
  const session = useSession();
  return session.portal ? session.apps[0] : search.app;
}
