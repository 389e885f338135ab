// The queries that more than one page asks. What one page alone needs is beside it.
//
// Keys are named alike, so that a change can say what it outdates: a list begins with
// the plural (["endpoints", …]), one thing with the singular and its id, followed by
// what is asked of it (["endpoint", id, "stats", …]).
import { type QueryClient, useQuery } from "@tanstack/react-query";
import { api, type App, type Dialect, type EventType, exactEndpoint, type ExactEndpoint, ok, okText, type Schemas, type Session } from "./client.ts";
import type { Recipe } from "../lib/recipes.ts";

export const sessionKey = ["session"] as const;

const sessionQuery = { queryKey: sessionKey, queryFn: () => ok(api.GET("/v1/session")), staleTime: 60_000 };

/** Who is signed in. An error of status 401 means nobody. */
export function useSessionQuery() {
  return useQuery(sessionQuery);
}

/** The operator's name, colour and logo. */
export function useBranding(enabled = true) {
  return useQuery({ queryKey: ["branding"], queryFn: () => ok(api.GET("/v1/branding")), staleTime: Infinity, enabled });
}

/** Who is signed in, and what they may do. Only within the session gate. */
export function useSession(): Session & { mayEdit: boolean; operator: boolean } {
  const session = useQuery({ ...sessionQuery, refetchOnMount: false }).data; // the gate asks again
  if (!session) throw new Error("useSession outside of a session");
  return {
    ...session,
    mayEdit: session.role === "admin" || session.role === "editor",
    operator: session.role === "admin" && session.apps.length === 0,
  };
}

/** Reads a whole list, page after page, up to a bound. */
export async function whole<T>(page: (cursor: string | undefined) => Promise<{ data: T[]; next_cursor?: string }>, most = 5000): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const answer = await page(cursor);
    all.push(...answer.data);
    cursor = answer.next_cursor || undefined;
  } while (cursor && all.length < most);
  return all;
}

export function useApps() {
  return useQuery({
    queryKey: ["apps"],
    queryFn: () => whole<App>((cursor) => ok(api.GET("/v1/apps", { params: { query: { limit: 250, cursor } } }))),
    staleTime: 30_000,
  });
}

export function useEventTypes() {
  return useQuery({
    queryKey: ["event-types"],
    queryFn: () => whole<EventType>((cursor) => ok(api.GET("/v1/event-types", { params: { query: { limit: 250, cursor } } }))),
    staleTime: 30_000,
  });
}

export function useDialects() {
  return useQuery({
    queryKey: ["dialects"],
    queryFn: async (): Promise<Dialect[]> => (await ok(api.GET("/v1/dialects"))).data,
    staleTime: Infinity,
  });
}

export function useRecipes() {
  return useQuery({
    queryKey: ["recipes"],
    queryFn: async (): Promise<Recipe[]> => (await ok(api.GET("/v1/recipes"))).data,
    staleTime: Infinity,
  });
}

/** A recipe by its name; undefined for none, and while they are not loaded. */
export function useRecipe(name: string | undefined): Recipe | undefined {
  const recipes = useRecipes().data;
  return name ? recipes?.find((r) => r.name === name) : undefined;
}

export function endpointQuery(id: string) {
  return {
    queryKey: ["endpoint", id],
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<ExactEndpoint> =>
      exactEndpoint(await okText(api.GET("/v1/endpoints/{id}", { params: { path: { id } }, signal, parseAs: "text" }))),
    staleTime: 30_000,
  };
}

export function useEndpoint(id: string) {
  return useQuery(endpointQuery(id));
}

/** After endpoints were made, changed, deleted or sent something: what is shown of them, and of what they were sent, is asked anew. */
export function endpointsChanged(queries: QueryClient, id?: string): void {
  const outdated = [["endpoints"], ["attempts"]];
  if (id !== undefined) outdated.push(["endpoint", id]);
  for (const queryKey of outdated) void queries.invalidateQueries({ queryKey });
}

/** The endpoints in trouble, the gravest first. */
export function useTroubled(app: string | undefined) {
  return useQuery({
    queryKey: ["endpoints", "troubled", app],
    queryFn: async (): Promise<Schemas["Troubled"][]> => (await ok(api.GET("/v1/endpoints/troubled", { params: { query: { app } } }))).data ?? [],
    refetchInterval: 10_000,
  });
}

/** Whether the sending to all endpoints is held. */
export function useHold() {
  return useQuery({ queryKey: ["hold"], queryFn: () => ok(api.GET("/v1/hold")), refetchInterval: 15_000 });
}

/** The settings of the server; only its operators may see them. */
export function useSettings(enabled = true) {
  return useQuery({
    queryKey: ["settings"],
    queryFn: async (): Promise<Schemas["Setting"][]> => (await ok(api.GET("/v1/settings"))).data ?? [],
    staleTime: 60_000,
    enabled,
  });
}
