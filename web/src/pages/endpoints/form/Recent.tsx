import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ok, type Schemas } from "../../../api/client.ts";
import { written } from "../../../lib/exact.ts";
import { number } from "../../../lib/text.ts";
import type { EndpointFormState } from "./form.ts";
import { type FormValues, settings, wrong } from "./values.ts";

/** Only what decides which events are sent: mistakes elsewhere must not hide the answer. */
function wants(v: FormValues): object | undefined {
  const { apps, events, subjects, filter } = settings(v);
  const bad = Object.keys(wrong({ ...v, url: "https://example.com" }, { dev: false })).some((f) => /^(apps|events|subjects|filter|own)/.test(f));
  return bad ? undefined : { apps, events, subjects, filter };
}

/** How many of the newest events would be sent, by what is chosen now. */
export function Recent({ form }: { form: EndpointFormState }) {
  const endpoint = useMemo(() => wants(form.values), [form.values]);
  const [body] = useDebouncedValue(endpoint && written({ endpoint }), 600);
  const query = useQuery({
    queryKey: ["endpoint-recent", body],
    queryFn: async ({ signal }) => (await ok(api.POST("/v1/endpoints/preview", { body: {} as Schemas["PreviewInput"], bodySerializer: () => body!, signal }))).recent ?? null,
    enabled: body !== undefined,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
  return <div role="status">{query.data && !query.error && endpoint && <RecentWords {...query.data} would />}</div>;
}

/** The same in words; "would" before it is saved. */
export function RecentWords({ events, matched, would = false }: Schemas["Recent"] & { would?: boolean }) {
  if (events === 0) return null;
  if (matched === 0) {
    return (
      <Alert
        color="yellow"
        variant="light"
        p="xs"
        title={plural(events, { one: "The one event that there is does not match", other: "None of the # newest events matches" })}
      >
        <Text size="sm">
          {would
            ? <Trans>Nothing of late would have been sent here: check the event types, subjects and filter, unless it is meant for events to come.</Trans>
            : <Trans>Nothing of late would have come here: check the event types, subjects and filter, unless it is meant for events to come.</Trans>}
        </Text>
      </Alert>
    );
  }
  const [fit, of] = [matched === events ? t`all` : number(matched), plural(events, { one: "# newest event", other: "# newest events" })];
  return <Text size="sm" c="dimmed">{would ? t`Of the ${of}, ${fit} would have been sent here.` : t`Of the ${of}, ${fit} would have come here.`}</Text>;
}
