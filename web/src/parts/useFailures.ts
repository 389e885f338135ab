import { useQuery } from "@tanstack/react-query";
import { api, type FailureGroup, ok } from "../api/client.ts";

/** What failed and waits, or failed for good, grouped by cause: at one endpoint, or at all of an app or of all apps. */
export function useFailures(of: { app?: string; endpoint?: string }, since: number) {
  return useQuery({
    queryKey: ["failures", of, since],
    queryFn: async (): Promise<FailureGroup[]> => (await ok(api.GET("/v1/failures", { params: { query: { ...of, since: new Date(Date.now() - since).toISOString() } } }))).data,
    refetchInterval: 10_000,
  });
}
