import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Anchor, Group, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { api, okText, type Schemas } from "../../../api/client.ts";
import { written } from "../../../lib/exact.ts";
import { pretty } from "../../../lib/json.ts";
import { memberTexts } from "../../../lib/members.ts";
import { number } from "../../../lib/text.ts";
import { CodeBlock } from "../../../parts/Code.tsx";
import type { EndpointFormState } from "./form.ts";
import { type FormValues, settings, wrong } from "./values.ts";

/** Only what decides which events are sent: mistakes elsewhere must not hide the answer. */
function wants(v: FormValues): object | undefined {
  const { apps, events, subjects, filter } = settings(v);
  const bad = Object.keys(wrong({ ...v, url: "https://example.com" }, { dev: false })).some((f) => /^(apps|events|subjects|filter|own)/.test(f));
  return bad ? undefined : { apps, ...(events === null ? {} : { events }), ...(subjects === null ? {} : { subjects }), ...(filter === null ? {} : { filter }) };
}

/** One of the events that were looked at, with its data as it was published. */
interface Sample {
  event: Schemas["RecentEvent"];
  data: string | undefined;
}

interface Matched {
  lookedAt: number;
  fit: number;
  fitting?: Sample;
  other?: Sample;
  why?: string;
}

function sampleOf(text: string | undefined): Sample | undefined {
  return text === undefined ? undefined : { event: JSON.parse(text) as Schemas["RecentEvent"], data: memberTexts(text).data };
}

function matchedFrom(text: string): Matched {
  const { looked_at, fit, other_why } = JSON.parse(text) as Schemas["Matches"];
  const { fitting, other } = memberTexts(text);
  return { lookedAt: looked_at, fit, fitting: sampleOf(fitting), other: sampleOf(other), why: other_why };
}

/** How many of the newest events would be sent by what is chosen now, with one that would and one that would not. */
export function Matches({ form }: { form: EndpointFormState }) {
  const wanted = useMemo(() => wants(form.values), [form.values]);
  const [body] = useDebouncedValue(wanted && written(wanted), 600);
  const query = useQuery({
    queryKey: ["endpoint-matches", body],
    queryFn: async ({ signal }) => matchedFrom(await okText(api.POST("/v1/endpoints/matches", { body: {} as Schemas["MatchesInput"], bodySerializer: () => body!, signal, parseAs: "text" }))),
    enabled: body !== undefined,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
  const m = query.error || !wanted ? undefined : query.data;
  return (
    <Stack gap="xs">
      <div role="status">{m && <Words {...m} />}</div>
      {m && m.lookedAt > 0 && (
        <>
          {m.fitting && <Example title={<Trans>One that would be sent</Trans>} sample={m.fitting} />}
          {m.other && <Example title={<Trans>One that would not</Trans>} sample={m.other} why={m.why} open={m.fit === 0} />}
        </>
      )}
    </Stack>
  );
}

function Words({ lookedAt, fit }: Matched) {
  if (lookedAt === 0) return <Text size="sm" c="dimmed"><Trans>No event of these types was published of late, so nothing can be said about which would be sent.</Trans></Text>;
  if (fit === 0) {
    return (
      <Alert
        color="yellow"
        variant="light"
        p="xs"
        title={plural(lookedAt, { one: "The one event that there is does not match", other: "None of the # newest events matches" })}
      >
        <Text size="sm"><Trans>Nothing of late would have been sent here: check the event types, subjects and filter, unless it is meant for events to come.</Trans></Text>
      </Alert>
    );
  }
  const [all, of] = [fit === lookedAt ? t`all` : number(fit), plural(lookedAt, { one: "# newest event", other: "# newest events of these types" })];
  return <Text size="sm" c="dimmed">{t`Of the ${of}, ${all} would have been sent here.`}</Text>;
}

function Example({ title, sample: { event, data }, why, open }: { title: ReactNode; sample: Sample; why?: string; open?: boolean }) {
  return (
    <details open={open}>
      <summary>
        <Text span size="sm">{title}: <span className="foreign">{event.type}</span></Text>
      </summary>
      <Stack gap="xs" mt="xs">
        {why && <Text size="sm" className="foreign">{why}</Text>}
        <Group gap="xs">
          <Anchor component={Link} to={`/events/${event.id}`} target="_blank" size="sm" ff="monospace">{event.id}</Anchor>
          {event.subject && <Text size="xs" c="dimmed" className="foreign">{event.subject}</Text>}
        </Group>
        {data !== undefined && <CodeBlock title={t`Its data`} code={shortened(pretty(data))} />}
      </Stack>
    </details>
  );
}

/** The beginning of a text; a megabyte of data would bury the form. */
function shortened(text: string): string {
  const most = 4000;
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
