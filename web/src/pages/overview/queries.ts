import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, ok, type Stats } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { formatDuration } from "../../lib/time.ts";
import type { Range } from "./range.ts";

// A page that is not looked at asks nothing: refetchInterval pauses with it.

function stats(app: string | undefined, since: number, until: number, bucket: number): Promise<Stats> {
  const query = { app, since: new Date(since).toISOString(), until: new Date(until).toISOString(), bucket: formatDuration(bucket) };
  return ok(api.GET("/v1/stats", { params: { query } }));
}

/** The range that ends now. */
export function useRangeStats(range: Range, app: string | undefined) {
  return useQuery({
    queryKey: ["stats", "range", app, range.value],
    queryFn: () => stats(app, Date.now() - range.length, Date.now(), range.bucket),
    refetchInterval: range.refresh,
    placeholderData: keepPreviousData,
  });
}

/** The equally long range before that one, to compare with. */
export function usePreviousStats(range: Range, app: string | undefined) {
  return useQuery({
    queryKey: ["stats", "before", app, range.value],
    queryFn: () => stats(app, Date.now() - 2 * range.length, Date.now() - range.length, range.length),
    refetchInterval: range.refresh * 4,
  });
}

export const liveSeconds = 60;
export const liveBucket = 2000;

/** The last minute in small buckets. */
export function useLiveStats(app: string | undefined) {
  return useQuery({
    queryKey: ["stats", "live", app],
    queryFn: () => stats(app, Date.now() - liveSeconds * 1000, Date.now(), liveBucket),
    refetchInterval: 5000,
    staleTime: 0,
  });
}

/** Unfinished deliveries of the whole installation; only its operators may know. */
export function useBacklog(range: Range) {
  const { operator } = useSession();
  return useQuery({
    queryKey: ["stats", "backlog", range.value],
    queryFn: () => ok(api.GET("/v1/stats/backlog", { params: { query: { since: new Date(Date.now() - range.length).toISOString() } } })),
    refetchInterval: Math.min(range.refresh, 15_000),
    placeholderData: keepPreviousData,
    enabled: operator,
  });
}
