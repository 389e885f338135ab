import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { andList } from "../../../lib/text.ts";
import { Alert, Group, Loader, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, ok, Problem, type Schemas } from "../../../api/client.ts";
import { useSession } from "../../../api/queries.ts";
import { Raw, written } from "../../../lib/exact.ts";
import { defaultAddress, isMail, type Recipe, withSamples } from "../../../lib/recipes.ts";
import { requestLine } from "../../../lib/firstLine.ts";
import { CodeBlock } from "../../../parts/Code.tsx";
import { EventSource, type Source, useSourceEvent } from "./EventSource.tsx";
import type { EndpointFormState } from "./form.ts";
import { secretsOf } from "./making.ts";
import { type FormValues, settings, wrongMailServer, wrongURL } from "./values.ts";

const placeholder = "https://example.com/webhooks";

/**
 * The settings that a request's looks depend on, without those at fault: mistakes
 * elsewhere must not hide the preview. What is not given yet is a sample, and said to be.
 */
export function looks(v: FormValues, dev: boolean, recipe?: Recipe): { endpoint: Schemas["EndpointInput"]; samples: string[] } {
  const { apps, events, dialect, dialect_options, headers, auth } = settings(v);
  const samples: string[] = [];
  const common = {
    apps,
    ...(events === null ? {} : { events }),
    ...(headers === null ? {} : { headers }),
    ...(v.secret.trim() === "" ? {} : { secret: v.secret.trim() }),
  };
  if (!recipe) {
    const bad = wrongURL(v.url, dev) !== undefined;
    if (bad && v.url.trim() !== placeholder) samples.push(t`the address`);
    return {
      endpoint: { ...common, ...(dialect === null ? {} : { dialect }), ...(dialect_options === null ? {} : { dialect_options }), url: bad ? placeholder : v.url.trim() },
      samples,
    };
  }
  const { fields, sampled } = withSamples(recipe, v.recipeFields);
  const url = v.url.trim();
  const bad = (isMail(recipe) ? wrongMailServer(url, dev) : wrongURL(url, dev)) !== undefined;
  const usual = defaultAddress(recipe, fields) === undefined ? recipe.address.placeholder ?? placeholder : undefined;
  if (bad && usual !== undefined) samples.push(t`the address`);
  if (sampled) samples.push(t`what is missing of the fields`);
  return {
    endpoint: {
      ...common,
      ...(!bad ? { url } : usual === undefined ? {} : { url: usual }),
      recipe: recipe.name,
      recipe_fields: fields,
      ...(auth ? { auth: { ...auth, ...Object.fromEntries(secretsOf[auth.type].map((s) => [s, v.auth.secrets[s] || "sample"])), ...(auth.type === "basic" ? { username: auth.username || "sample" } : {}), ...(auth.client_id === undefined && auth.type.startsWith("oauth2") ? { client_id: "sample" } : {}) } } : {}),
    },
    samples,
  };
}

/** A preview as it goes over the wire. */
function asText(p: Schemas["Preview"]): string {
  const lines = [requestLine(p.method, p.url), ...(p.headers ?? []).map((h) => `${h.name}: ${h.value}`)];
  return `${lines.join("\n")}\n\n${p.body}`;
}

/** Why there is no preview. */
export function NoPreview({ error }: { error: Error }) {
  return (
    <Alert color="gray" p="xs">
      <Text size="sm"><Trans>There is no preview as long as this is not right:</Trans></Text>
      {error instanceof Problem && error.errors.length > 0
        ? error.errors.map((e) => <Text key={e.field + e.code} size="sm" className="foreign">{e.field} {e.detail}</Text>)
        : <Text size="sm" className="foreign">{error.message}</Text>}
    </Alert>
  );
}

/** The exact request that the endpoint will be sent; nothing is sent for it. */
export function Preview({ form, recipe }: { form: EndpointFormState; recipe?: Recipe }) {
  const { dev } = useSession().features;
  const [source, setSource] = useState<Source>("");
  const event = useSourceEvent(source);
  const { endpoint: wanted, samples } = useMemo(() => looks(form.values, dev, recipe), [form.values, dev, recipe]);
  const sample = recipe && source === "" ? { type: recipe.sample.type, subject: recipe.sample.subject, data: new Raw(recipe.sample.data) } : undefined;
  const sampled = andList(samples);
  const [body] = useDebouncedValue(written({ endpoint: wanted, ...(sample ?? event) }), 400);
  const query = useQuery({
    queryKey: ["preview", body],
    queryFn: ({ signal }) => ok(api.POST("/v1/endpoints/preview", { body: {} as Schemas["PreviewInput"], bodySerializer: () => body, signal })),
    enabled: wanted.apps!.length > 0 && event !== undefined,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    gcTime: 0, // the key holds what is secret in the form
    retry: false,
  });
  return (
    <Stack gap="xs">
      <Group align="flex-end" gap="sm">
        <EventSource
          label={t`Preview of a request for`}
          first={recipe ? sampleOf(recipe.sample.type) : t`The first type that fits`}
          app={form.values.apps[0]}
          events={form.values.allEvents ? [] : form.values.events}
          value={source}
          onChange={setSource}
        />
        {query.isFetching && <Loader size="xs" mb={10} aria-label={t`Renewing the preview`} />}
      </Group>
      {wanted.apps!.length === 0 && <Text size="sm" c="dimmed"><Trans>Choose an app first to see the request.</Trans></Text>}
      {query.error && <NoPreview error={query.error} />}
      {query.data && !query.error && (
        <>
          <CodeBlock title={isMail(recipe) ? t`The mail, as it is sent` : t`The request, as it is sent`} code={asText(query.data)} wrap />
          <Text size="xs" c="dimmed">
            {samples.length > 0 && <>{t`Samples stand for ${sampled} until you give them.`} </>}
            {!recipe && query.data.secret && <><Trans>It is signed with a sample secret.</Trans> </>}
            <Trans>Nothing is sent for this preview.</Trans>
          </Text>
        </>
      )}
    </Stack>
  );
}

const sampleOf = (type: string) => t`A sample: ${type}`;
