import { t } from "@lingui/core/macro";
import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, type Endpoint, ok } from "../../api/client.ts";
import { useSession, whole } from "../../api/queries.ts";
import { nameOf } from "../EndpointName.tsx";

interface EndpointFilterProps {
  app: string | undefined;
  value: string | undefined;
  /** What is wrong with the value. */
  error?: string;
  onChange(id: string | undefined): void;
}

/** The endpoints to choose from; a thousand are enough for a list that is searched. */
export function useEndpointChoices(app: string | undefined, enabled = true) {
  return useQuery({
    queryKey: ["endpoints", "choices", app],
    queryFn: () => whole<Endpoint>((cursor) => ok(api.GET("/v1/endpoints", { params: { query: { app, limit: 250, cursor } } })), 1000),
    staleTime: 30_000,
    enabled,
  });
}

/** One endpoint, found by its name or URL. */
export function EndpointFilter({ app, value, error, onChange }: EndpointFilterProps) {
  const publisher = useSession().role === "publisher"; // who may not see endpoints
  const endpoints = useEndpointChoices(app, !publisher);
  if (publisher) return null;
  const data = endpoints.data?.map((e) => ({ value: e.id, label: nameOf(e) })) ?? [];
  if (value && !data.some((d) => d.value === value)) data.push({ value, label: value });
  return (
    <Select
      aria-label={t`Endpoint`}
      placeholder={t`Endpoint`}
      w={{ base: "100%", xs: 220 }}
      searchable
      clearable
      limit={100}
      value={value ?? null}
      error={error}
      errorProps={{ role: "alert" }}
      data={data}
      onChange={(id) => onChange(id ?? undefined)}
      nothingFoundMessage={endpoints.isError ? t`The endpoints could not be loaded` : endpoints.isPending ? t`Loading…` : t`No such endpoint`}
    />
  );
}
