import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Badge, Group, Stack, Text, Title } from "@mantine/core";
import type { Attempt } from "../../../api/client.ts";
import { Body } from "../../../parts/Body.tsx";
import { StatusCode } from "../../../parts/Status.tsx";
import { HeaderTable } from "./HeaderTable.tsx";

/** What came back, always as text. */
export function ResponsePart({ attempt: a }: { attempt: Attempt }) {
  return (
    <Stack gap="xs" component="section" aria-labelledby="response">
      <Group gap="xs">
        <Title order={3} id="response"><Trans>Response</Trans></Title>
        {a.response_status !== undefined && <StatusCode attempt={a} />}
        {a.response_truncated && <Badge variant="light" color="yellow" tt="none" size="sm"><Trans>Only its beginning is kept</Trans></Badge>}
      </Group>
      {a.response_status === undefined
        ? <Text size="sm" c="dimmed"><Trans>No answer came.</Trans></Text>
        : (
          <>
            <HeaderTable headers={a.response_headers} label={t`Response headers`} none={t`No headers are kept of this answer.`} />
            <Text size="sm" fw={600} component="h4" m={0}><Trans>Body</Trans></Text>
            <Body text={a.response_body} base64={a.response_body_base64} title={t`Body of the response`} none={t`The answer had no body, or none is kept.`} />
          </>
        )}
    </Stack>
  );
}
