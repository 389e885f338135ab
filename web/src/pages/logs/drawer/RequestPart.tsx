import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Anchor, Code, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Attempt } from "../../../api/client.ts";
import { requestLine } from "../../../lib/firstLine.ts";
import { Body } from "../../../parts/Body.tsx";
import { CopyWide } from "../../../parts/Copy.tsx";
import { asCurl } from "./curl.ts";
import { HeaderTable } from "./HeaderTable.tsx";

/** What was sent, and how it is known that the body which is shown is it. */
export function RequestPart({ attempt: a }: { attempt: Attempt }) {
  const known = a.request_body !== undefined || a.request_body_base64 !== undefined;
  const empty = a.request_body_proof === undefined; // a request without a body
  const repeatable = a.url && a.request_headers && a.method !== "MAIL" && !a.request_truncated && !a.request_body_concealed && (known || empty);
  const curl = repeatable ? asCurl(a) : undefined;
  return (
    <Stack gap="xs" component="section" aria-labelledby="request">
      <Group justify="space-between" gap="xs">
        <Title order={3} id="request"><Trans>Request</Trans></Title>
        {curl && <CopyWide value={curl.command} label={t`Copy as cURL`} />}
      </Group>
      {curl && <AboutCurl attempt={a} variables={curl.variables} />}
      <Code block className="foreign">{requestLine(a.method ?? "POST", a.url ?? t`(the URL is no longer known)`)}</Code>
      <HeaderTable headers={a.request_headers} label={t`Request headers`} none={t`No headers are kept of this request.`} />
      <Text size="sm" fw={600} component="h4" m={0}><Trans>Body</Trans></Text>
      <Proof attempt={a} known={known} />
      {known && <Body text={a.request_body} base64={a.request_body_base64} title={t`Body of the request`} none={t`The request had no body.`} />}
    </Stack>
  );
}

/** What the command repeats, and what it does not. */
function AboutCurl({ attempt: a, variables }: { attempt: Attempt; variables: string[] }) {
  const proof = a.request_body_proof;
  const names = variables.map((v) => `$${v}`).join(", ");
  const exact = proof !== "differs" && proof !== "unknown";
  return (
    <>
      {exact && <Text size="xs" c="dimmed"><Trans>The command makes this very request again, with its signature. Receivers that look at the time refuse it once it is some minutes old.</Trans></Text>}
      {(!exact || variables.length > 0) && (
        <Alert variant="light" color="yellow" p="xs">
          {!exact && <Text size="sm"><Trans>The command may send another body than the one that was sent, so its signature may not verify.</Trans></Text>}
          {variables.length > 0 && <Text size="sm"><Trans>The log does not show credentials: set <Code className="foreign">{names}</Code> before you run the command.</Trans></Text>}
        </Alert>
      )}
    </>
  );
}

/** How the body is known. */
function Proof({ attempt: a, known }: { attempt: Attempt; known: boolean }) {
  if (a.request_body_concealed) return <Text size="sm" c="dimmed"><Trans>The body is shown to those alone who may change the endpoint: its recipe or script made it.</Trans></Text>;
  const event = <Anchor component={Link} to={`/events/${a.event}`} inherit underline="always"><Trans>event</Trans></Anchor>;
  const hash = a.request_body_sha256;
  switch (a.request_body_proof) {
    case "kept":
      return <Text size="xs" c="dimmed">{a.request_truncated ? t`As it was sent; only its beginning is kept.` : t`As it was sent, byte for byte.`}</Text>;
    case "same":
      return (
        <Text size="xs" c="dimmed">
          <Trans>As it was sent, byte for byte: made again from the {event}, and proven by the hash that is kept of what was sent.</Trans>{" "}
          {hash && <Code fz={11} className="foreign" title={hash}>SHA-256 {hash.slice(0, 12)}…</Code>}
        </Text>
      );
    case "differs":
      return <Alert variant="light" color="yellow" p="xs"><Text size="sm"><Trans>This is not what was sent: it was made again from the {event}, but the dialect or its options were changed since.</Trans></Text></Alert>;
    case "unknown":
      return known
        ? <Text size="xs" c="dimmed"><Trans>Made again from the {event} by the settings of now. Whether it is what was sent is not known: no hash is kept of it.</Trans></Text>
        : <Text size="sm" c="dimmed"><Trans>What was sent is not known any more: the event was erased, or its dialect is gone.</Trans></Text>;
  }
  return known ? null : <Text size="sm" c="dimmed"><Trans>The request had no body.</Trans></Text>;
}
