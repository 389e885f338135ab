import { Anchor, Badge, Button, Code, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Endpoint, ExactEndpoint } from "../../../api/client.ts";
import { useRecipe, useSession } from "../../../api/queries.ts";
import { appNames, type AppTerms } from "../../../lib/apps.ts";
import { pretty } from "../../../lib/json.ts";
import { linkTo } from "../../../lib/links.ts";
import { plural } from "../../../lib/text.ts";
import { humanDuration, parseDuration } from "../../../lib/time.ts";
import { CodeBlock } from "../../../parts/Code.tsx";
import { Copyable } from "../../../parts/Copy.tsx";
import { Time } from "../../../parts/Time.tsx";
import { pauses, retryInWords, retryValues } from "../form/retry.ts";
import { RetryTimeline } from "../form/RetryTimeline.tsx";
import { authLine } from "../form/summaries.ts";
import { valuesOf } from "../form/values.ts";
import classes from "./detail.module.css";

const orders: Record<Endpoint["ordering"], string> = {
  none: "None: every event goes out at once.",
  subject: "By subject: events of one subject go one after the other.",
  endpoint: "Strict: one event at a time, in their order. One that fails holds up the rest until it is delivered or has failed.",
};

/** Everything that is set, readable. */
export function SettingsTab({ endpoint: e, editable }: { endpoint: ExactEndpoint; editable: boolean }) {
  const { mayEdit, portal } = useSession();
  const recipe = useRecipe(e.recipe);
  const own = e.apps.filter((a): a is AppTerms => typeof a !== "string");
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Title order={2}>Settings</Title>
        {editable && (
          <Button component={Link} to={`/endpoints/${e.id}/edit`} variant="default" leftSection={<IconPencil size={16} />}>
            Edit settings
          </Button>
        )}
      </Group>
      <Paper withBorder px="md" py={4}>
        <dl className={classes.settings}>
          <Setting term="Name">{e.name ? <span className="foreign">{e.name}</span> : <None>No name</None>}</Setting>
          {e.description && <Setting term="Description"><span className="foreign" style={{ whiteSpace: "pre-line" }}>{e.description}</span></Setting>}
          <Setting term="URL"><span className="foreign">{e.url}</span></Setting>
          {!portal && <Setting term={e.apps.length === 1 ? "App" : "Apps"}><Chips values={appNames(e)} /></Setting>}
          <Setting term="Events">{e.events.length === 0 ? "All event types, those added later too" : <Chips values={e.events} />}</Setting>
          <Setting term="Subjects">{e.subjects.length === 0 ? "All subjects" : <Chips values={e.subjects} />}</Setting>
          <Setting term="Filter">
            {e.filter === undefined || e.filter === null ? <None>None: the data of an event does not matter</None> : <CodeBlock title="Filter" code={pretty(e.texts.filter ?? "")} maxHeight={260} />}
          </Setting>
          {own.length > 0 && <Setting term={portal ? "In place of these" : "Different by app"}><Own endpoint={e} own={own} named={!portal} /></Setting>}
          {e.recipe && (
            <Setting term="Recipe">
              <span className="foreign">{recipe?.title ?? e.recipe}</span>
              {recipe?.description && <Note><span className="foreign">{recipe.description}</span></Note>}
              {Object.keys(e.recipe_fields ?? {}).length > 0 && <Pairs pairs={e.recipe_fields} none="" />}
            </Setting>
          )}
          {e.transform && (
            <Setting term="Script">
              <CodeBlock title="transform(event)" code={e.transform.code} maxHeight={320} />
              <Note>{e.transform.on_error === "fail" ? "A delivery that it fails on has failed, and is not tried again." : "A delivery that it fails on is held until the script is changed."}</Note>
            </Setting>
          )}
          <Setting term="Dialect">
            <Anchor component={Link} {...linkTo("/dialects", { name: e.dialect })} size="sm" className="foreign">{e.dialect}</Anchor>
            <Note>How events and their signature look in a request.</Note>
            {Object.keys(e.dialect_options ?? {}).length > 0 && <Pairs pairs={e.dialect_options} none="" />}
          </Setting>
          {(e.auth || e.tls) && <Setting term="Authentication"><Authentication endpoint={e} /></Setting>}
          {Object.keys(e.capture ?? {}).length > 0 && <Setting term="Kept of answers"><Pairs pairs={e.capture} none="" /></Setting>}
          <Setting term="Headers"><Headers endpoint={e} mayEdit={mayEdit} /></Setting>
          <Setting term="Retries"><Retries endpoint={e} /></Setting>
          <Setting term="Timeout">{time(e.timeout)}<Note>So long may one request take.</Note></Setting>
          <Setting term="At once">At most {plural(e.concurrency, "request")} at the same time</Setting>
          <Setting term="Rate limit">
            {e.rate_limit ? <>{e.rate_limit.per_second} a second{e.rate_limit.burst ? `, up to ${e.rate_limit.burst} at once after a quiet time` : ""}</> : <None>None</None>}
          </Setting>
          <Setting term="Order">{orders[e.ordering]}</Setting>
          <Setting term="Metadata"><Pairs pairs={e.metadata} none="None" /></Setting>
          <Setting term="Id"><Copyable value={e.id} label="Copy the id" /></Setting>
          <Setting term="Created"><Time at={e.created_at} /></Setting>
          <Setting term="Last changed"><Time at={e.updated_at} /></Setting>
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
            {a.events && (a.events.length === 0 ? <span>All event types</span> : <Chips values={a.events} />)}
            {a.subjects && (a.subjects.length === 0 ? <span>All subjects</span> : <Chips values={a.subjects} />)}
            {filter !== undefined && (pretty(filter) === "{}" ? <span>No filter</span> : <CodeBlock title={`Filter of ${a.app}`} code={pretty(filter)} maxHeight={260} />)}
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
  const facts = [e.auth?.username, e.auth?.name, e.auth?.token_url, e.auth?.client_id].filter((x) => x !== undefined && x !== "");
  return (
    <Stack gap={2}>
      <span>{authLine(valuesOf({ ...e, texts: { byApp: {} } }))}</span>
      {facts.length > 0 && <Text size="sm" c="dimmed" className="foreign">{facts.join(" · ")}</Text>}
      {e.credentials && e.credentials.length > 0 && <Note>{e.credentials.map((c) => credentialNames[c] ?? c).join(", ")}: set, and never shown.</Note>}
    </Stack>
  );
}

const credentialNames: Record<string, string> = {
  "auth.password": "Password", "auth.token": "Token", "auth.value": "Value", "auth.client_secret": "Client secret", "auth.refresh_token": "Refresh token", "tls.key": "Key of the certificate",
};

function Headers({ endpoint, mayEdit }: { endpoint: Endpoint; mayEdit: boolean }) {
  return (
    <>
      <Pairs pairs={endpoint.headers} none="None besides those of the dialect" />
      {!mayEdit && Object.keys(endpoint.headers ?? {}).length > 0 && <Note>Their values are shown to editors only.</Note>}
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
