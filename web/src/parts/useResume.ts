import { plural, t } from "@lingui/core/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Delivery, type Endpoint, ok } from "../api/client.ts";
import { endpointQuery, endpointsChanged } from "../api/queries.ts";
import { done, failed } from "./notify.ts";

/** So many deliveries are looked at to tell how many of them wait for a later try. */
const looked = 250;

/** Resumes or enables an endpoint, and says what goes out by that and what waits for its retry as before. */
export function useResume(endpoint: Pick<Endpoint, "id" | "status">) {
  const queries = useQueryClient();
  const { id, status } = endpoint;
  return useMutation({
    mutationFn: async () => {
      const { pending } = await ok(api.GET("/v1/endpoints/{id}/stats", { params: { path: { id }, query: { since: new Date(Date.now() - 60_000).toISOString() } } }));
      const resumed = await ok(api.POST("/v1/endpoints/{id}/resume", { params: { path: { id } } }));
      // Only now it is told when each is due: while they are held, they have no time.
      const waiting = pending === 0 ? [] : (await ok(api.GET("/v1/deliveries", { params: { query: { endpoint: id, status: "pending", limit: looked } } }))).data;
      return { pending, waiting, resumed };
    },
    onSuccess: ({ pending, waiting, resumed }) => {
      queries.setQueryData(endpointQuery(id).queryKey, (old) => old && { ...old, ...resumed }); // the filters stay as they are
      endpointsChanged(queries, id);
      done(status === "disabled" ? t`Enabled` : t`Resumed`, resumedWords(pending, waiting, Date.now()));
    },
    onError: (error) => failed(t`It could not be resumed`, error),
  });
}

/** What a resumption lets go: of so many unfinished deliveries, those that are not due later. waiting is the beginning of their list. */
export function resumedWords(pending: number, waiting: Pick<Delivery, "due" | "attempts">[], now: number): string {
  if (pending === 0) return t`Nothing was held.`;
  const later = waiting.filter((d) => d.due !== undefined && new Date(d.due).getTime() > now + 1000).length;
  const go = Math.max(pending - later, 0);
  if (waiting.length >= looked) {
    const all = plural(pending, { one: "# delivery is unfinished.", other: "# deliveries are unfinished." });
    return `${all} ${plural(later, { one: "Those that are due go out now, oldest first; at least # waits for a later time.", other: "Those that are due go out now, oldest first; at least # wait for a later time." })}`;
  }
  const sent = go > 0 ? plural(go, { one: "# delivery that was held goes out now.", other: "# deliveries that were held go out now, oldest first." }) : t`None goes out now.`;
  return later > 0 ? `${sent} ${plural(later, { one: "# waits for a later time: that of its retry, or a set one.", other: "# wait for a later time: that of their retry, or a set one." })}` : sent;
}
