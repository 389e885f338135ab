import type { RegisteredRouter } from "@tanstack/react-router";

type Routes = RegisteredRouter["routesByPath"];
type Path = keyof Routes;

/** What the address of a page may hold. */
type SearchOf<P extends Path> = Partial<Routes[P]["types"]["fullSearchSchema"]>;

/**
 * What a link needs that leads to a page with something in its address:
 * <Anchor component={Link} {...linkTo("/logs", { event })}>. Mantine's parts cannot
 * know what the router's Link takes, so it is checked here. The app that pages are
 * limited to is kept without being named (router.tsx).
 */
export interface Target {
  to: string;
  search: never;
}

export function linkTo<P extends Path>(to: P, search: SearchOf<P>): Target {
  return { to, search: search as never };
}

/** The same for a link that changes something in the address of the page it stands on. */
export function linkHere<P extends Path>(_page: P, change: SearchOf<P>): Target {
  return { to: ".", search: ((before: object) => ({ ...before, ...change })) as never };
}
