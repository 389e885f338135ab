import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Key, ok, type Schemas } from "../../api/client.ts";
import { whole } from "../../api/queries.ts";
import type { Kind } from "./kinds.ts";

/** The keys of one kind, newest first. */
export function useKeys(kind: Kind, enabled = true) {
  return useQuery({
    queryKey: ["keys", kind],
    queryFn: () =>
      whole<Key>((cursor) => ok(api.GET("/v1/keys", { params: { query: { kind, limit: 250, cursor } } }))),
    refetchInterval: 30_000,
    enabled,
  });
}

export function useCreateKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["KeyInput"]): Promise<Schemas["NewKey"]> => ok(api.POST("/v1/keys", { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
    gcTime: 0, // its token is forgotten with the page that shows it
  });
}

export function useDeleteKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => ok(api.DELETE("/v1/keys/{id}", { params: { path: { id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
  });
}
