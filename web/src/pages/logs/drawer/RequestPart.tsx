import { Anchor, Code, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Attempt } from "../../../api/client.ts";
import { useDialects, useEndpoint } from "../../../api/queries.ts";
import { Body } from "../../../parts/Body.tsx";
import { requestLine } from "../../../lib/firstLine.ts";
import { CopyWide } from "../../../parts/Copy.tsx";
import { Json } from "../../../parts/Json.tsx";
import { Waiting } from "../../../parts/states.tsx";
import { useEventText } from "../../events/useEvent.ts";
import { sentBody } from "./body.ts";
import { asCurl } from "./curl.ts";
import { HeaderTable } from "./HeaderTable.tsx";

/** What was sent. The log keeps headers; the body, too, where a recipe or a script made it. */
export function RequestPart({ attempt: a }: { attempt: Attempt }) {
  const kept = a.request_body !== undefined || a.request_body_base64 !== undefined;
  return (
    <Stack gap="xs" component="section" aria-labelledby="request">
      {kept ? <Kept attempt={a} /> : <Rebuilt attempt={a} />}
    </Stack>
  );
}

function Head({ attempt: a, body }: { attempt: Attempt; body: string | undefined }) {
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Title order={3} id="request">Request</Title>
        {a.url && a.request_headers && !a.url.startsWith("smtp") && <CopyWide value={asCurl(a, body)} label="Copy as cURL" />}
      </Group>
      <Code block className="foreign">{requestLine(a.method ?? "POST", a.url ?? "(the URL is no longer known)")}</Code>
      <HeaderTable headers={a.request_headers} label="Request headers" none="No headers are kept of this request." />
      <Text size="sm" fw={600} component="h4" m={0}>Body</Text>
    </>
  );
}

/** The very bytes that were sent. */
function Kept({ attempt: a }: { attempt: Attempt }) {
  return (
    <>
      <Head attempt={a} body={a.request_body} />
      <Text size="xs" c="dimmed">{a.request_truncated ? "As it was sent; only its beginning is kept." : "As it was sent."}</Text>
      <Body text={a.request_body} base64={a.request_body_base64} title="Body of the request" none="The request had no body." />
    </>
  );
}

/** The body, made again from the event. */
function Rebuilt({ attempt: a }: { attempt: Attempt }) {
  const event = useEventText(a.event);
  const endpoint = useEndpoint(a.endpoint);
  const dialects = useDialects();
  const dialect = endpoint.data?.dialect;
  const own = endpoint.data?.recipe !== undefined || endpoint.data?.transform !== undefined;
  const data = event.data?.data;
  const template = own ? undefined : dialects.data?.find((d) => d.name === dialect)?.body;
  const body = event.data && data !== undefined ? sentBody(template, event.data.event, data) : undefined;
  return (
    <>
      <Head attempt={a} body={body ?? data} />
      {!event.data ? <Waiting query={event} lines={3} /> : data === undefined
        ? <Text size="sm" c="dimmed">The event's data was erased.</Text>
        : (
          <>
            <Text size="xs" c="dimmed">
              {body !== undefined
                ? <>Made again from the <Anchor component={Link} to={`/events/${a.event}`} inherit underline="always">event</Anchor> in the endpoint's dialect of today ({dialect}): the log keeps no bodies of dialects.</>
                : <>This is the data of the <Anchor component={Link} to={`/events/${a.event}`} inherit underline="always">event</Anchor>. The endpoint's {own ? "recipe or script" : `dialect${dialect ? ` (${dialect})` : ""}`} may have put it into another form.</>}
            </Text>
            <Json text={body ?? data} title="Body of the request" />
          </>
        )}
    </>
  );
}
