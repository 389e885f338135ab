import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ok, type RefusedEntry, type Schemas } from "../../api/client.ts";
import { useCursorList } from "../../lib/useCursorList.ts";

/** What was refused in the outbox, newest first; of one app, or of all. */
export function useRefused(app: string | undefined) {
  return useCursorList<RefusedEntry>(["outbox", "refused", { app }], (cursor, signal) =>
    ok(api.GET("/v1/outbox/refused", { params: { query: { app, cursor, limit: 100 } }, signal })));
}

/** One entry, with its data. */
export function useRefusedEntry(id: number | undefined) {
  return useQuery({
    queryKey: ["outbox", "entry", id],
    queryFn: ({ signal }) => ok(api.GET("/v1/outbox/refused/{id}", { params: { path: { id: String(id) } }, signal })),
    enabled: id !== undefined,
    gcTime: 0, // what was published is not kept for longer than it is looked at
  });
}

function useChange<In, Out>(change: (given: In) => Promise<Out>) {
  const queries = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => queries.invalidateQueries({ queryKey: ["outbox", "refused"] }) });
}

export function useRetryRefused() {
  return useChange((id: number): Promise<Schemas["Receipt"]> => ok(api.POST("/v1/outbox/refused/{id}/retry", { params: { path: { id: String(id) } } })));
}

export function useForgetRefused() {
  return useChange((id: number) => ok(api.DELETE("/v1/outbox/refused/{id}", { params: { path: { id: String(id) } } })));
}

/** Forgets all of an app, or everything. */
export function useClearRefused() {
  return useChange((app: string | undefined): Promise<Schemas["Forgotten"]> => ok(api.DELETE("/v1/outbox/refused", { params: { query: { app } } })));
}
