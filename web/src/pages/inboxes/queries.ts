import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Endpoint, type Inbox, ok, type Schemas } from "../../api/client.ts";
import { whole } from "../../api/queries.ts";

const often = 1500;

export function useInboxes(app: string | undefined, enabled = true) {
  return useQuery({
    queryKey: ["inboxes", app],
    queryFn: async (): Promise<Inbox[]> => (await ok(api.GET("/v1/inboxes", { params: { query: { app } } }))).data ?? [],
    refetchInterval: 5000,
    enabled,
  });
}

/** One inbox with its requests, asked for again and again while the page is looked at. */
export function useInbox(token: string | undefined) {
  return useQuery({
    queryKey: ["inbox", token],
    queryFn: () => ok(api.GET("/v1/inboxes/{token}", { params: { path: { token: token! } } })),
    refetchInterval: (query) => (query.state.error ? false : often),
    staleTime: 0,
    enabled: token !== undefined,
  });
}

/** The endpoints whose requests arrive at a URL. */
export function useEndpointsAt(url: string | undefined, app: string | undefined) {
  return useQuery({
    queryKey: ["endpoints", "at", url, app],
    queryFn: async () => {
      const all = await whole<Endpoint>((cursor) => ok(api.GET("/v1/endpoints", { params: { query: { app, limit: 250, cursor } } })), 1000);
      return all.filter((e) => e.url === url);
    },
    enabled: url !== undefined,
  });
}

export function useCreateInbox() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { app: string; expires_in?: string }): Promise<Inbox> => ok(api.POST("/v1/inboxes", { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["inboxes"] }),
  });
}

export function useDeleteInbox() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (token: string) => ok(api.DELETE("/v1/inboxes/{token}", { params: { path: { token } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["inboxes"] }),
  });
}

/** Changes how an inbox answers. */
export function useChangeAnswer(token: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["InboxPatch"]) => ok(api.PATCH("/v1/inboxes/{token}", { params: { path: { token } }, body })),
    onSuccess: () =>
      Promise.all([queries.invalidateQueries({ queryKey: ["inbox", token] }), queries.invalidateQueries({ queryKey: ["inboxes"] })]),
  });
}
