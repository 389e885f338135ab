import { plural, t } from "@lingui/core/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ok } from "../api/client.ts";
import { endpointsChanged } from "../api/queries.ts";
import type { Cause } from "../lib/reasons.ts";
import { done, failed } from "./notify.ts";

/** What is tried: one delivery, or all that wait at an endpoint, perhaps of one cause. */
export type Tried = { delivery: string; event: string; endpoint: string } | ({ endpoint: string } & Cause);

/** Lets what waits go out now. It moves the waiting deliveries: the receiver gets no second copy. */
export function useTryNow() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (what: Tried): Promise<number> => {
      if ("delivery" in what) {
        await ok(api.POST("/v1/deliveries/{id}/try", { params: { path: { id: what.delivery } } }));
        return 1;
      }
      const { endpoint, reason, response_status } = what;
      return (await ok(api.POST("/v1/endpoints/{id}/try", { params: { path: { id: endpoint } }, body: { reason, response_status } }))).moved;
    },
    onSuccess: (moved, what) => {
      if ("delivery" in what) done(t`It is tried now`, t`The attempt appears here as soon as it is made.`);
      else if (moved === 0) done(t`Nothing was waiting`, t`All that waited went out meanwhile.`);
      else done(plural(moved, { one: "# delivery is tried now", other: "# deliveries are tried now" }), t`Oldest first; where the endpoint fails, one goes first, and the others follow once it is taken. The receiver gets no second copy.`);
      endpointsChanged(queries, what.endpoint);
      void queries.invalidateQueries({ queryKey: ["failures"] });
      void queries.invalidateQueries({ queryKey: ["delivery"] });
      void queries.invalidateQueries({ queryKey: ["event"] });
    },
    onError: (error) => failed(t`It could not be tried now`, error),
  });
}
