import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type EventType, ok, okText } from "../../api/client.ts";
import { memberTexts } from "../../lib/members.ts";

/** An event type, and the texts of its schemas and example byte for byte. */
export interface KnownType {
  type: EventType;
  schema: string | undefined;
  example: string | undefined;
  earlierSchemas: string | undefined;
}

/** One type of the catalogue. */
export function useEventType(name: string, enabled: boolean) {
  return useQuery({
    queryKey: ["event-type", name],
    queryFn: async (): Promise<KnownType> => {
      const text = await okText(api.GET("/v1/event-types/{name}", { params: { path: { name } }, parseAs: "text" }));
      const texts = memberTexts(text);
      return { type: JSON.parse(text) as EventType, schema: texts.schema, example: texts.example, earlierSchemas: texts.earlier_schemas };
    },
    enabled,
    staleTime: 30_000,
    refetchOnWindowFocus: false,
  });
}

/** Saves a type; text is the request's body. */
export function useSaveType() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, text }: { name: string; text: string }): Promise<EventType> =>
      ok(api.PUT("/v1/event-types/{name}", { params: { path: { name } }, body: {}, bodySerializer: () => text })),
    onSuccess: (saved) => Promise.all([
      queries.invalidateQueries({ queryKey: ["event-types"] }),
      queries.invalidateQueries({ queryKey: ["event-type", saved.name] }),
    ]),
  });
}

export function useDeleteType() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => ok(api.DELETE("/v1/event-types/{name}", { params: { path: { name } } })),
    onSuccess: (_, name) => {
      queries.removeQueries({ queryKey: ["event-type", name] });
      return queries.invalidateQueries({ queryKey: ["event-types"] });
    },
  });
}
