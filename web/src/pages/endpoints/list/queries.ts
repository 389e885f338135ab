import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type Endpoint, ok, type Schemas } from "../../../api/client.ts";
import { useTroubled } from "../../../api/queries.ts";
import { useCursorList } from "../../../lib/useCursorList.ts";
import type { Troubled } from "./trouble.ts";

/** As many as the statistics of a page can be asked for at once. */
const pageSize = 100;

export type HealthFilter = "healthy" | "failing" | "on_hold" | "paused" | "disabled" | "unknown" | undefined;

/** The endpoints, page after page. */
export function useEndpoints(app: string | undefined, health: HealthFilter) {
  return useCursorList<Endpoint>(["endpoints", "list", { app, health }], (cursor, signal) =>
    ok(api.GET("/v1/endpoints", { params: { query: { limit: pageSize, cursor, app, health } }, signal })));
}

export interface Health {
  series: Schemas["EndpointSeries"];
  since: string;
  until: string;
  bucket: string;
}

/** The last 24 hours of each loaded endpoint, asked for page by page. */
export function useHealth(pages: Endpoint[][]): Map<string, Health> {
  const answers = useQueries({
    queries: pages.filter((page) => page.length > 0).map((page) => {
      const endpoints = page.map((e) => e.id).join(",");
      return {
        queryKey: ["endpoints", "stats", endpoints],
        queryFn: ({ signal }: { signal: AbortSignal }) => ok(api.GET("/v1/stats/endpoints", { params: { query: { endpoints, bucket: "1h" } }, signal })),
        staleTime: 30_000,
        refetchInterval: 60_000,
      };
    }),
    combine: (results) => results.map((r) => r.data),
  });
  return useMemo(() => {
    const byId = new Map<string, Health>();
    for (const answer of answers) {
      for (const series of answer?.data ?? []) byId.set(series.endpoint, { series, since: answer!.since, until: answer!.until, bucket: answer!.bucket });
    }
    return byId;
  }, [answers]);
}

/** The endpoints in trouble, by id. */
export function useTroubledById(app: string | undefined): Map<string, Troubled> {
  const troubled = useTroubled(app);
  return useMemo(() => new Map(troubled.data?.map((t) => [t.endpoint.id, t])), [troubled.data]);
}
