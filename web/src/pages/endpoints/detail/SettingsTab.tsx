import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Badge, Button, Code, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Endpoint, ExactEndpoint } from "../../../api/client.ts";
import { useRecipe, useSession } from "../../../api/queries.ts";
import { appNames, type AppTerms } from "../../../lib/apps.ts";
import { pretty } from "../../../lib/json.ts";
import { linkTo } from "../../../lib/links.ts";
import { humanDuration, parseDuration } from "../../../lib/time.ts";
import { useAppNames } from "../../../parts/AppName.tsx";
import { CodeBlock } from "../../../parts/Code.tsx";
import { Copyable } from "../../../parts/Copy.tsx";
import { Time } from "../../../parts/Time.tsx";
import { pauses, retryInWords, retryValues } from "../form/retry.ts";
import { RetryTimeline } from "../form/RetryTimeline.tsx";
import { authLine } from "../form/summaries.ts";
import { valuesOf } from "../form/values.ts";
import classes from "./detail.module.css";

const orders = (): Record<Endpoint["ordering"], string> => ({
  none: t`None: every event goes out at once.`,
  subject: t`By subject: events of one subject go one after the other.`,
  endpoint: t`Strict: one event at a time, in their order. One that fails holds up the rest until it is delivered or has failed.`,
});

/** Everything that is set, readable. */
export function SettingsTab({ endpoint: e, editable }: { endpoint: ExactEndpoint; editable: boolean }) {
  const { mayEdit, portal } = useSession();
  const recipe = useRecipe(e.recipe);
  const named = useAppNames();
  const own = e.apps.filter((a): a is AppTerms => typeof a !== "string");
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Title order={2}><Trans>Settings</Trans></Title>
        {editable && (
          <Button component={Link} to={`/endpoints/${e.id}/edit`} variant="default" leftSection={<IconPencil size={16} />}>
            <Trans>Edit settings</Trans>
          </Button>
        )}
      </Group>
      <Paper withBorder px="md" py={4}>
        <dl className={classes.settings}>
          <Setting term={t`Name`}>{e.name ? <span className="foreign">{e.name}</span> : <None><Trans>No name</Trans></None>}</Setting>
          {e.description && <Setting term={t`Description`}><span className="foreign" style={{ whiteSpace: "pre-line" }}>{e.description}</span></Setting>}
          <Setting term="URL"><span className="foreign">{e.url}</span></Setting>
          {!portal && <Setting term={e.apps.length === 1 ? t`App` : t`Apps`}><Chips values={appNames(e).map(named)} /></Setting>}
          <Setting term={t`Events`}>{e.events.length === 0 ? t`All event types, those added later too` : <Chips values={e.events} />}</Setting>
          <Setting term={t`Subjects`}>{e.subjects.length === 0 ? t`All subjects` : <Chips values={e.subjects} />}</Setting>
          {e.channels && e.channels.length > 0 && <Setting term={t`Channels`}><Chips values={e.channels} /></Setting>}
          <Setting term={t`Filter`}>
            {e.filter === undefined || e.filter === null ? <None><Trans>None: the data of an event does not matter</Trans></None> : <CodeBlock title={t`Filter`} code={pretty(e.texts.filter ?? "")} maxHeight={260} />}
          </Setting>
          {own.length > 0 && <Setting term={portal ? t`In place of these` : t`Different by app`}><Own endpoint={e} own={own} named={!portal} /></Setting>}
          {e.recipe && (
            <Setting term={t`Recipe`}>
              <span className="foreign">{recipe?.title ?? e.recipe}</span>
              {recipe?.description && <Note><span className="foreign">{recipe.description}</span></Note>}
              {Object.keys(e.recipe_fields ?? {}).length > 0 && <Pairs pairs={e.recipe_fields} none="" />}
            </Setting>
          )}
          {e.transform && (
            <Setting term={t`Script`}>
              <CodeBlock title={e.transform.function === "handler" ? "handler(webhook)" : "transform(event)"} code={e.transform.code} maxHeight={320} />
              {e.transform.disabled && <Note><Trans>It is switched off: requests are made without it.</Trans></Note>}
              <Note>{e.transform.on_error === "fail" ? t`A delivery that it fails on has failed, and is not tried again.` : t`A delivery that it fails on is held until the script is changed.`}</Note>
            </Setting>
          )}
          <Setting term={t`Dialect`}>
            <Anchor component={Link} {...linkTo("/dialects", { name: e.dialect })} size="sm" className="foreign">{e.dialect}</Anchor>
            <Note><Trans>How events and their signature look in a request.</Trans></Note>
            {Object.keys(e.dialect_options ?? {}).length > 0 && <Pairs pairs={e.dialect_options} none="" />}
          </Setting>
          {(e.auth || e.tls) && <Setting term={t`Authentication`}><Authentication endpoint={e} /></Setting>}
          {Object.keys(e.capture ?? {}).length > 0 && <Setting term={t`Kept of answers`}><Pairs pairs={e.capture} none="" /></Setting>}
          <Setting term={t`Headers`}><Headers endpoint={e} mayEdit={mayEdit} /></Setting>
          <Setting term={t`Retries`}><Retries endpoint={e} /></Setting>
          <Setting term={t`Timeout`}>{time(e.timeout)}<Note><Trans>So long may one request take.</Trans></Note></Setting>
          <Setting term={t`At once`}>{e.concurrency ? plural(e.concurrency, { one: "At most # request at the same time", other: "At most # requests at the same time" }) : <Trans>As many as the receiver bears</Trans>}</Setting>
          <Setting term={t`Rate limit`}>
            {e.rate_limit ? rateWords(e.rate_limit) : <None><Trans>None</Trans></None>}
          </Setting>
          <Setting term={t`Order`}>{orders()[e.ordering]}</Setting>
          <Setting term={t`Metadata`}><Pairs pairs={e.metadata} none={t`None`} /></Setting>
          <Setting term={t`Id`}><Copyable value={e.id} label={t`Copy the id`} /></Setting>
          {e.uid && <Setting term={t`Your own id`}><Copyable value={e.uid} label={t`Copy your own id`} /></Setting>}
          {e.former_id && <Setting term={t`Former id`}><Copyable value={e.former_id} label={t`Copy the former id`} /><Note><Trans>The id that it had where it was imported from.</Trans></Note></Setting>}
          <Setting term={t`Created`}><Time at={e.created_at} /></Setting>
          <Setting term={t`Last changed`}><Time at={e.updated_at} /></Setting>
        </dl>
      </Paper>
    </Stack>
  );
}

function Setting({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function rateWords({ per_second: perSecond, burst }: { per_second: number; burst?: number }): string {
  return burst ? t`${perSecond} a second, up to ${burst} at once after a quiet time` : t`${perSecond} a second`;
}

const filterOf = (app: string) => t`Filter of ${app}`;
const time = (text: string) => humanDuration(parseDuration(text) ?? 0);
const None = ({ children }: { children: ReactNode }) => <Text span size="sm" c="dimmed">{children}</Text>;
const Note = ({ children }: { children: ReactNode }) => <Text size="xs" c="dimmed">{children}</Text>;

function Chips({ values }: { values: string[] }) {
  return (
    <Group gap={6}>
      {values.map((v) => (
        <Badge key={v} variant="default" tt="none" fw={500} className="foreign" maw="100%" h="auto" styles={{ label: { whiteSpace: "normal" } }}>{v}</Badge>
      ))}
    </Group>
  );
}

/** What is wanted of single apps, in place of what holds for all. */
function Own({ endpoint, own, named }: { endpoint: ExactEndpoint; own: AppTerms[]; named: boolean }) {
  return (
    <Stack gap="sm">
      {own.map((a) => {
        const filter = endpoint.texts.byApp[a.app];
        return (
          <Stack key={a.app} gap={4}>
            {named && <Text size="sm" fw={600} className="foreign">{a.app}</Text>}
            {a.events && (a.events.length === 0 ? <span><Trans>All event types</Trans></span> : <Chips values={a.events} />)}
            {a.subjects && (a.subjects.length === 0 ? <span><Trans>All subjects</Trans></span> : <Chips values={a.subjects} />)}
            {filter !== undefined && (pretty(filter) === "{}" ? <span><Trans>No filter</Trans></span> : <CodeBlock title={filterOf(a.app)} code={pretty(filter)} maxHeight={260} />)}
          </Stack>
        );
      })}
    </Stack>
  );
}

function Retries({ endpoint }: { endpoint: Endpoint }) {
  const values = retryValues(endpoint.retry);
  return (
    <Stack gap="xs">
      <span>{retryInWords(values)}</span>
      <RetryTimeline delays={pauses(values)} />
    </Stack>
  );
}

/** How requests authenticate; of secrets only that they are set. */
function Authentication({ endpoint: e }: { endpoint: Endpoint }) {
  const credentials = (e.credentials ?? []).map((c) => credentialNames()[c] ?? c).join(", ");
  const facts = [e.auth?.username, e.auth?.name, e.auth?.token_url, e.auth?.client_id].filter((x) => x !== undefined && x !== "");
  return (
    <Stack gap={2}>
      <span>{authLine(valuesOf({ ...e, texts: { byApp: {} } }))}</span>
      {facts.length > 0 && <Text size="sm" c="dimmed" className="foreign">{facts.join(" · ")}</Text>}
      {e.credentials && e.credentials.length > 0 && <Note><Trans>{credentials}: set, and never shown.</Trans></Note>}
    </Stack>
  );
}

const credentialNames = (): Record<string, string> => ({
  "auth.password": t`Password`, "auth.token": t`Token`, "auth.value": t`Value`, "auth.client_secret": t`Client secret`, "auth.refresh_token": t`Refresh token`, "tls.key": t`Key of the certificate`,
});

function Headers({ endpoint, mayEdit }: { endpoint: Endpoint; mayEdit: boolean }) {
  return (
    <>
      <Pairs pairs={endpoint.headers} none={t`None besides those of the dialect`} />
      {!mayEdit && Object.keys(endpoint.headers ?? {}).length > 0 && <Note><Trans>Their values are shown to editors only.</Trans></Note>}
    </>
  );
}

function Pairs({ pairs, none }: { pairs: Record<string, string> | undefined; none: string }) {
  const all = Object.entries(pairs ?? {});
  if (all.length === 0) return <None>{none}</None>;
  return (
    <Stack gap={4}>
      {all.map(([name, value]) => (
        <div key={name} dir="ltr">
          <Code className="foreign">{name}{value !== "" && `: ${value}`}</Code>
        </div>
      ))}
    </Stack>
  );
}
