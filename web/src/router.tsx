// Every page, its address and the search parameters that it keeps there.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect, retainSearchParams } from "@tanstack/react-router";
import { unreachable } from "./api/client.ts";
import { reachable } from "./api/reach.ts";
import { Shell } from "./layout/Shell.tsx";
import { NotFound, PageError } from "./parts/states.tsx";
import { basePath, inPortal } from "./session/portal.ts";

type Search<K extends string> = { [P in K | "app"]?: string };

/** Keeps those of the given search parameters that are not empty, and ?app=. */
function keeps<K extends string>(...names: K[]) {
  return (given: Record<string, unknown>): Search<K> => {
    const kept: Record<string, string> = {};
    for (const name of ["app", ...names]) {
      const value = given[name];
      if (typeof value === "string" && value !== "") kept[name] = value;
    }
    return kept as Search<K>;
  };
}

/**
 * A page that is loaded when it is opened. If its script is missing, the router loads
 * the whole page anew, since there may be a new version; without a server that would
 * end in the browser's own error page, so then it is told as what it is.
 */
const page: typeof lazyRouteComponent = (load, name) =>
  lazyRouteComponent(async () => {
    try {
      return await load();
    } catch (error) {
      throw (await reachable()) ? error : unreachable();
    }
  }, name);

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: PageError,
  validateSearch: keeps(),
  // The app that pages are limited to goes along to every page that does not name another.
  search: { middlewares: [retainSearchParams(["app"])] },
});

const routes = [
  createRoute({
    getParentRoute: () => root,
    path: "/",
    validateSearch: keeps("range"),
    beforeLoad: () => {
      if (inPortal) throw redirect({ to: "/endpoints" });
    },
    component: page(() => import("./pages/overview/Overview.tsx"), "Overview"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/start",
    validateSearch: keeps(),
    component: page(() => import("./pages/start/Start.tsx"), "Start"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/endpoints",
    validateSearch: keeps("status", "health", "q", "sort"),
    component: page(() => import("./pages/endpoints/EndpointList.tsx"), "EndpointList"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/endpoints/new",
    validateSearch: keeps("url"),
    component: page(() => import("./pages/endpoints/NewEndpoint.tsx"), "NewEndpoint"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/endpoints/$id",
    validateSearch: keeps("tab", "range", "dialog"),
    component: page(() => import("./pages/endpoints/EndpointDetail.tsx"), "EndpointDetail"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/endpoints/$id/edit",
    validateSearch: keeps("part"),
    component: page(() => import("./pages/endpoints/EditEndpoint.tsx"), "EditEndpoint"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/events",
    validateSearch: keeps("q", "type", "subject", "channel", "tag", "outcome", "where", "since", "until"),
    component: page(() => import("./pages/events/EventList.tsx"), "EventList"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/events/$id",
    validateSearch: keeps(),
    component: page(() => import("./pages/events/EventDetail.tsx"), "EventDetail"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/logs",
    validateSearch: keeps("status", "response_status", "reason", "type", "endpoint", "event", "since", "until", "attempt", "live"),
    component: page(() => import("./pages/logs/Logs.tsx"), "Logs"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/check",
    validateSearch: keeps("attempt"),
    component: page(() => import("./pages/check/Check.tsx"), "Check"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/event-types",
    validateSearch: keeps("q"),
    component: page(() => import("./pages/event-types/EventTypeList.tsx"), "EventTypeList"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/event-types/$name",
    validateSearch: keeps("edit"),
    component: page(() => import("./pages/event-types/EventTypeDetail.tsx"), "EventTypeDetail"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/apps",
    validateSearch: keeps("q", "sort"),
    component: page(() => import("./pages/apps/Apps.tsx"), "Apps"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/keys",
    validateSearch: keeps("kind", "sort"),
    component: page(() => import("./pages/keys/Keys.tsx"), "Keys"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/audit",
    validateSearch: keeps("actor", "action", "object"),
    component: page(() => import("./pages/audit/Audit.tsx"), "Audit"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/dialects",
    validateSearch: keeps("name"),
    component: page(() => import("./pages/dialects/Dialects.tsx"), "Dialects"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/inboxes",
    validateSearch: keeps(),
    component: page(() => import("./pages/inboxes/InboxList.tsx"), "InboxList"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/inboxes/$token",
    validateSearch: keeps(),
    component: page(() => import("./pages/inboxes/InboxDetail.tsx"), "InboxDetail"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/notices",
    validateSearch: keeps(),
    component: page(() => import("./pages/notices/Notices.tsx"), "Notices"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/nodes",
    validateSearch: keeps(),
    component: page(() => import("./pages/nodes/Nodes.tsx"), "Nodes"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/outbox",
    validateSearch: keeps(),
    component: page(() => import("./pages/outbox/Outbox.tsx"), "Outbox"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/settings",
    validateSearch: keeps(),
    component: page(() => import("./pages/settings/Settings.tsx"), "Settings"),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([...routes]),
  basepath: basePath,
  defaultErrorComponent: PageError, // of the page that broke; the root's own would take the navigation's place
  // Search parameters are plain text, as people write them into links.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const kept = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
    return kept.length > 0 ? `?${new URLSearchParams(kept as [string, string][])}` : "";
  },
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
