import { Alert, Group, Loader, Select, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, ok, Problem, type Schemas } from "../../../api/client.ts";
import { useEventTypes, useSession } from "../../../api/queries.ts";
import { written } from "../../../lib/exact.ts";
import { CodeBlock } from "../../../parts/Code.tsx";
import { testTypes } from "../../../parts/TestSend.tsx";
import type { PartProps } from "./form.ts";
import { type FormValues, settings, wrongURL } from "./values.ts";

const placeholder = "https://example.com/webhooks";

/** The settings that a request's looks depend on: mistakes elsewhere must not hide the preview. */
function looks(v: FormValues, dev: boolean): Schemas["EndpointInput"] {
  const { apps, events, dialect, dialect_options, headers } = settings(v);
  return {
    apps,
    ...(dialect === null ? {} : { dialect }),
    ...(dialect_options === null ? {} : { dialect_options }),
    url: wrongURL(v.url, dev) ? placeholder : v.url.trim(),
    ...(events === null ? {} : { events }),
    ...(headers === null ? {} : { headers }),
    ...(v.secret.trim() === "" ? {} : { secret: v.secret.trim() }),
  };
}

/** A preview as it goes over the wire. */
function asText(p: Schemas["Preview"]): string {
  const lines = [`${p.method} ${p.url}`, ...(p.headers ?? []).map((h) => `${h.name}: ${h.value}`)];
  return `${lines.join("\n")}\n\n${p.body}`;
}

/** The exact request that the endpoint will be sent; nothing is sent for it. */
export function Preview({ form }: PartProps) {
  const { dev } = useSession().features;
  const [type, setType] = useState<string | null>(null);
  const types = useEventTypes();
  const wanted = useMemo(() => looks(form.values, dev), [form.values, dev]);
  const [body] = useDebouncedValue(written({ endpoint: wanted, ...(type ? { type } : {}) }), 400);
  const query = useQuery({
    queryKey: ["preview", body],
    queryFn: ({ signal }) => ok(api.POST("/v1/endpoints/preview", { body: {} as Schemas["PreviewInput"], bodySerializer: () => body, signal })),
    enabled: wanted.apps!.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    gcTime: 0, // the key holds what is secret in the form
    retry: false,
  });
  const events = form.values.allEvents ? [] : form.values.events;
  return (
    <Stack gap="xs">
      <Group align="flex-end" gap="sm">
        <Select
          label="Preview of a request for"
          placeholder="The first type that fits"
          data={testTypes(events, types.data ?? [])}
          value={type}
          onChange={setType}
          searchable
          clearable
          limit={200}
          nothingFoundMessage="No such event type"
          style={{ flex: "1 1 240px", maxWidth: 360 }}
          clearButtonProps={{ "aria-label": "Back to the first type that fits" }}
        />
        {query.isFetching && <Loader size="xs" mb={10} aria-label="Renewing the preview" />}
      </Group>
      {wanted.apps!.length === 0 && <Text size="sm" c="dimmed">Choose an app first to see the request.</Text>}
      {query.error && (
        <Alert color="gray" p="xs">
          <Text size="sm">There is no preview as long as this is not right:</Text>
          {query.error instanceof Problem && query.error.errors.length > 0
            ? query.error.errors.map((e) => <Text key={e.field + e.code} size="sm" className="foreign">{e.field} {e.detail}</Text>)
            : <Text size="sm" className="foreign">{query.error.message}</Text>}
        </Alert>
      )}
      {query.data && !query.error && (
        <>
          <CodeBlock title="The request, as it is sent" code={asText(query.data)} wrap />
          <Text size="xs" c="dimmed">
            {wanted.url === placeholder && form.values.url.trim() !== placeholder && "The address is a placeholder until you give a valid URL. "}
            {query.data.secret && "It is signed with a sample secret. "}Nothing is sent for this preview.
          </Text>
        </>
      )}
    </Stack>
  );
}
