import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { api, type Attempt, type Delivery, eventWithText, type Explanation, ok, Problem } from "../../api/client.ts";
import { useSession, whole } from "../../api/queries.ts";
import { lanesOf, pollEvery } from "./lanes.ts";

/** An event with its data as text. */
export function useEventText(id: string | undefined) {
  return useQuery({ queryKey: ["event", id], queryFn: () => eventWithText(id!), staleTime: 60_000, enabled: id !== undefined });
}

export const mostAttempts = 500;
const mostDeliveries = 2000;

/** So many endpoints are explained at first, and more on demand: an app may have very many. */
const explainStep = 500;

/** A list up to a bound, and whether it goes on. */
async function pages<T>(page: (cursor: string | undefined) => Promise<{ data: T[]; next_cursor?: string }>, most: number): Promise<{ list: T[]; more: boolean }> {
  let more = false;
  const list = await whole<T>(async (cursor) => {
    const answer = await page(cursor);
    more = Boolean(answer.next_cursor);
    return answer;
  }, most);
  return { list, more };
}

/** An event's deliveries, asked for again as long as something can still happen to one. */
export function useDeliveries(id: string | undefined) {
  return useQuery({
    queryKey: ["event", id, "deliveries"],
    queryFn: () => whole<Delivery>((cursor) => ok(api.GET("/v1/events/{id}/deliveries", { params: { path: { id: id! }, query: { limit: 250, cursor } } })), mostDeliveries),
    enabled: id !== undefined,
    refetchInterval: (query) => pollEvery(query.state.data ?? [], Date.now()),
  });
}

/** What became of an event; it is asked again as long as something can still happen. */
export function useFate(id: string) {
  const session = useSession();
  const [most, setMost] = useState(explainStep);
  const deliveries = useDeliveries(id);
  const every = pollEvery(deliveries.data ?? [], Date.now());
  const attempts = useQuery({
    queryKey: ["event", id, "attempts"],
    queryFn: () => whole<Attempt>((cursor) => ok(api.GET("/v1/attempts", { params: { query: { event: id, limit: 250, cursor } } })), mostAttempts),
    refetchInterval: every,
  });
  // What was asked beside the deliveries may be older than the last that they say: once
  // nothing can happen any more, it is asked for once more.
  const queries = useQueryClient();
  const wasLive = useRef(false);
  useEffect(() => {
    if (wasLive.current && every === false) {
      void queries.invalidateQueries({ queryKey: ["event", id, "attempts"] });
      void queries.invalidateQueries({ queryKey: ["event", id, "explain"] });
    }
    wasLive.current = every !== false;
  }, [queries, id, every]);
  // Publishers may not ask this: they are not told of endpoints.
  const explanations = useQuery({
    queryKey: ["event", id, "explain", most],
    queryFn: () => pages<Explanation>((cursor) => ok(api.GET("/v1/events/{id}/explain", { params: { path: { id }, query: { limit: 250, cursor } } })), most),
    enabled: session.role !== "publisher",
    placeholderData: keepPreviousData, // while more are asked for
    refetchInterval: every,
  });
  const hidden = session.role === "publisher" || (explanations.error instanceof Problem && explanations.error.status === 403);
  const lanes = useMemo(
    () => lanesOf(deliveries.data ?? [], attempts.data ?? [], explanations.data?.list),
    [deliveries.data, attempts.data, explanations.data],
  );
  return {
    deliveries, attempts, explanations, lanes,
    /** Asks for more explanations than there are now, if there are more. */
    explainMore: explanations.data?.more ? () => setMost(most + explainStep) : undefined,
    /** Whether the viewer may be told why endpoints did not get it. */
    explained: !hidden,
    /** Whether news are expected, and the page asks for them. */
    live: every !== false,
  };
}

export type Fate = ReturnType<typeof useFate>;
