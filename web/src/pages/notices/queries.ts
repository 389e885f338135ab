import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ok, type Schemas } from "../../api/client.ts";
import { noticesInput, type NoticeValues } from "./values.ts";

/** Whom to tell: the people of an app or, without one, the operators. */
export function useNotices(app: string | undefined, enabled = true) {
  return useQuery({
    queryKey: ["notices", app ?? "*"],
    queryFn: () => (app === undefined ? ok(api.GET("/v1/notices")) : ok(api.GET("/v1/apps/{id}/notices", { params: { path: { id: app } } }))),
    enabled,
  });
}

export function useSaveNotices(app: string | undefined) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (v: NoticeValues) => {
      const body = noticesInput(v, app === undefined);
      return app === undefined ? ok(api.PUT("/v1/notices", { body })) : ok(api.PUT("/v1/apps/{id}/notices", { params: { path: { id: app } }, body }));
    },
    onSuccess: (saved) => queries.setQueryData(["notices", app ?? "*"], saved),
  });
}

/** Sends a test to all who are told, or of the operators to one address. */
export function useTestNotices(app: string | undefined) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (email?: string): Promise<Schemas["NoticeTested"][]> => {
      const answer = app === undefined
        ? await ok(api.POST("/v1/notices/test", { body: email ? { email } : {} }))
        : await ok(api.POST("/v1/apps/{id}/notices/test", { params: { path: { id: app } } }));
      return answer.data;
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["notices", app ?? "*"] }),
  });
}
