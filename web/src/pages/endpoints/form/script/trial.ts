import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ok, type Schemas } from "../../../../api/client.ts";
import { useSession } from "../../../../api/queries.ts";
import { written } from "../../../../lib/exact.ts";
import type { Source } from "../EventSource.tsx";
import { looks } from "../Preview.tsx";
import type { FormValues } from "../values.ts";

export type Trial = Schemas["TransformTested"];

/** What the API is told of a source. */
function eventOf(source: Source): Pick<Schemas["TransformTest"], "event" | "event_id"> {
  if (source === "") return {};
  return source.startsWith("event ") ? { event_id: source.slice(6) } : { event: { type: source.slice(5) } };
}

/** Tries the script as it is typed, with an event. Nothing is sent. */
export function useTrial(v: FormValues, source: Source) {
  const { dev } = useSession().features;
  const endpoint = useMemo(() => looks(v, dev).endpoint, [v, dev]);
  const [asked] = useDebouncedValue(written({ code: v.code, function: v.scriptFunction, app: v.apps[0], endpoint, ...eventOf(source) }), 400);
  return useQuery({
    queryKey: ["transformation", asked],
    queryFn: ({ signal }) => ok(api.POST("/v1/transformations/test", { body: {} as Schemas["TransformTest"], bodySerializer: () => asked, signal })),
    enabled: v.apps.length > 0 && v.code.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 0, // the key holds what is secret in the form
    retry: false,
  });
}
