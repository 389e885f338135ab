import { plural, t } from "@lingui/core/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Endpoint, ok } from "../api/client.ts";
import { endpointQuery, endpointsChanged } from "../api/queries.ts";
import { zonedTime } from "../lib/time.ts";
import { done, failed } from "./notify.ts";

/** Resumes or enables an endpoint, and says what goes out by that and what waits for its retry as before. */
export function useResume(endpoint: Pick<Endpoint, "id" | "status">) {
  const queries = useQueryClient();
  const { id, status } = endpoint;
  return useMutation({
    mutationFn: () => ok(api.POST("/v1/endpoints/{id}/resume", { params: { path: { id } } })),
    onSuccess: ({ due_now, later, next_at, ...resumed }) => {
      queries.setQueryData(endpointQuery(id).queryKey, (old) => old && { ...old, ...resumed }); // the filters stay as they are
      endpointsChanged(queries, id);
      done(status === "disabled" ? t`Enabled` : t`Resumed`, resumedWords(due_now, later, next_at));
    },
    onError: (error) => failed(t`It could not be resumed`, error),
  });
}

/** What a resumption lets go, and what waits for a later time as before. */
export function resumedWords(now: number, later: number, next: string | undefined): string {
  if (now === 0 && later === 0) return t`Nothing was held.`;
  const sent = now > 0 ? plural(now, { one: "# delivery that was held goes out now.", other: "# deliveries that were held go out now, oldest first." }) : t`None goes out now.`;
  if (later === 0) return sent;
  const kept = plural(later, { one: "# waits for a later time: that of its retry, or a set one.", other: "# wait for a later time: that of their retry, or a set one." });
  const at = next && zonedTime(new Date(next));
  const first = at ? ` ${t`The first is tried at ${at}.`}` : "";
  return `${sent} ${kept}${first}`;
}
