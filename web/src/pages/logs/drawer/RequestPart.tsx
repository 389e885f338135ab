import { Anchor, Code, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Attempt } from "../../../api/client.ts";
import { useDialects, useEndpoint } from "../../../api/queries.ts";
import { CopyWide } from "../../../parts/Copy.tsx";
import { Json } from "../../../parts/Json.tsx";
import { Waiting } from "../../../parts/states.tsx";
import { useEventText } from "../../events/useEvent.ts";
import { sentBody } from "./body.ts";
import { asCurl } from "./curl.ts";
import { HeaderTable } from "./HeaderTable.tsx";

/** What was sent. The log keeps headers; the body is made again from the event. */
export function RequestPart({ attempt: a }: { attempt: Attempt }) {
  const event = useEventText(a.event);
  const endpoint = useEndpoint(a.endpoint);
  const dialects = useDialects();
  const dialect = endpoint.data?.dialect;
  const data = event.data?.data;
  const template = dialects.data?.find((d) => d.name === dialect)?.body;
  const body = event.data && data !== undefined ? sentBody(template, event.data.event, data) : undefined;
  return (
    <Stack gap="xs" component="section" aria-labelledby="request">
      <Group justify="space-between" gap="xs">
        <Title order={3} id="request">Request</Title>
        {a.url && a.request_headers && <CopyWide value={asCurl(a, body ?? data)} label="Copy as cURL" />}
      </Group>
      <Code block className="foreign">{`POST ${a.url ?? "(the URL is no longer known)"}`}</Code>
      <HeaderTable headers={a.request_headers} label="Request headers" none="No headers are kept of this request." />
      <Text size="sm" fw={600} component="h4" m={0}>Body</Text>
      {!event.data ? <Waiting query={event} lines={3} /> : data === undefined
        ? <Text size="sm" c="dimmed">The event's data was erased.</Text>
        : (
          <>
            <Text size="xs" c="dimmed">
              {body !== undefined
                ? <>Made again from the <Anchor component={Link} to={`/events/${a.event}`} inherit underline="always">event</Anchor> in the endpoint's dialect of today ({dialect}): the log keeps no bodies.</>
                : <>This is the data of the <Anchor component={Link} to={`/events/${a.event}`} inherit underline="always">event</Anchor>. The log keeps no bodies, and the endpoint's dialect{dialect ? ` (${dialect})` : ""} may have put it into another form.</>}
            </Text>
            <Json text={body ?? data} title="Body of the request" />
          </>
        )}
    </Stack>
  );
}
