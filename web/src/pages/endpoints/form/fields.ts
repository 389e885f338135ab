import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../../../api/client.ts";
import type { Field } from "./conditions.ts";

/** Which events a filter is about. */
export interface About {
  app: string | undefined;
  /** Patterns of event types; none for all. */
  events: string[];
}

/** The fields that the events have: by their schemas, and by the newest of them. */
export function useFields({ app, events }: About) {
  return useQuery({
    queryKey: ["event-types", "fields", app, events],
    queryFn: async ({ signal }): Promise<Field[]> => (await ok(api.GET("/v1/event-types/fields", { params: { query: { app, events } }, signal }))).data,
    staleTime: 60_000,
  });
}
