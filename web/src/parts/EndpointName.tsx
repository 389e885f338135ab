import { Anchor } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Endpoint } from "../api/client.ts";
import { endpointQuery, useSession } from "../api/queries.ts";

/** What an endpoint is called: its name or, without one, the host and path of its URL. */
export function nameOf(e: Pick<Endpoint, "name" | "url">): string {
  return e.name || e.url.replace(/^https?:\/\//, "");
}

/**
 * An endpoint, from the list that filters choose from if it is there: a log of a
 * thousand endpoints must not ask for each. One that is gone is asked for once.
 */
function useKnownEndpoint(id: string) {
  const queries = useQueryClient();
  const publisher = useSession().role === "publisher"; // who may not see endpoints
  const known = () => queries.getQueriesData<Endpoint[]>({ queryKey: ["endpoints", "choices"] }).find(([, list]) => list?.some((e) => e.id === id));
  return useQuery({
    ...endpointQuery(id),
    enabled: !publisher,
    retryOnMount: false,
    initialData: () => known()?.[1]?.find((e) => e.id === id),
    initialDataUpdatedAt: () => queries.getQueryState(known()?.[0] ?? [])?.dataUpdatedAt,
  });
}

/** An endpoint by its name, as a link; by its id where it is gone. */
export function EndpointName({ id, link = true }: { id: string; link?: boolean }) {
  const endpoint = useKnownEndpoint(id);
  const text = endpoint.data ? nameOf(endpoint.data) : id;
  if (!link) return <span className="foreign" title={endpoint.data?.url}>{text}</span>;
  return (
    <Anchor component={Link} to={`/endpoints/${id}`} size="sm" className="foreign" title={endpoint.data?.url ?? id}>
      {text}
    </Anchor>
  );
}
