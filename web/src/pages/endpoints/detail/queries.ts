import { useQuery } from "@tanstack/react-query";
import { api, type Attempt, type EndpointStats, ok } from "../../../api/client.ts";
import { type Range, ranges } from "./range.ts";

const minute = 60_000;

/** Asks what the endpoint is doing and what is pending; its statistics, over a minute, are left alone. */
export function laneQuery(id: string) {
  return {
    queryKey: ["endpoint", id, "lane"],
    queryFn: (): Promise<EndpointStats> => {
      const since = new Date(Date.now() - minute).toISOString();
      return ok(api.GET("/v1/endpoints/{id}/stats", { params: { path: { id }, query: { since } } }));
    },
    staleTime: 1000,
  };
}

/** What the endpoint is doing, asked again every 3 seconds while the page is seen. */
export function useLane(id: string) {
  return useQuery({ ...laneQuery(id), refetchInterval: 3000 });
}

/** How the endpoint did over a range up to now. */
export function useStats(id: string, range: Range) {
  const { ms, every } = ranges[range];
  return useQuery({
    queryKey: ["endpoint", id, "stats", range],
    queryFn: () => ok(api.GET("/v1/endpoints/{id}/stats", { params: { path: { id }, query: { since: new Date(Date.now() - ms).toISOString() } } })),
    refetchInterval: every,
  });
}

/** The newest attempts at the endpoint, kept new. */
export function useRecent(id: string) {
  return useQuery({
    queryKey: ["attempts", "recent", id],
    queryFn: async (): Promise<Attempt[]> => (await ok(api.GET("/v1/attempts", { params: { query: { endpoint: id, limit: 20 } } }))).data,
    refetchInterval: 3000,
  });
}
