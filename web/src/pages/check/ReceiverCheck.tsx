import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Anchor, Badge, Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, type Endpoint, ok, type Schemas } from "../../api/client.ts";
import { Failure } from "../../parts/states.tsx";
import { StatusCode } from "../../parts/Status.tsx";
import { humanDuration } from "../../lib/time.ts";
import { kinds, marks, type Result } from "./words.ts";

type Report = Schemas["CheckedReceiver"];

/** Tries an endpoint's receiver with requests good and bad, and says what it does with each. */
export function ReceiverCheck({ endpoint }: { endpoint: Endpoint }) {
  const check = useMutation({ mutationFn: (): Promise<Report> => ok(api.POST("/v1/endpoints/{id}/check", { params: { path: { id: endpoint.id } } })), gcTime: 0 });
  if (endpoint.recipe) return null;
  return (
    <Stack gap="sm" component="section" aria-label={t`Check the receiver`}>
      <Title order={2}><Trans>Check the receiver</Trans></Title>
      <Text size="sm" c="dimmed" maw={720}>
        <Trans>Sends it up to ten requests of type webhook.test now: good ones, and ones that it must refuse. They are no deliveries and count for nothing. What a receiver refused of real events is found out by <Anchor component={Link} to="/check" size="sm">checking a request</Anchor>.</Trans>
      </Text>
      <Group>
        <Button variant="default" leftSection={<IconShieldCheck size={16} />} loading={check.isPending} onClick={() => check.mutate()}><Trans>Check the receiver</Trans></Button>
      </Group>
      <div role="status" aria-live="polite">
        {check.isPending && <Text size="sm" c="dimmed"><Trans>This takes up to a minute…</Trans></Text>}
        {check.error && <Failure error={check.error} />}
        {check.data && !check.isPending && <Outcome report={check.data} />}
      </div>
    </Stack>
  );
}

function Outcome({ report }: { report: Report }) {
  return (
    <Stack gap="xs">
      <Alert variant="light" color={report.ok ? "teal" : "red"} p="xs"><span className="foreign">{report.detail}</span></Alert>
      {report.results.map((r) => <Line key={r.name} result={r} />)}
    </Stack>
  );
}

function Line({ result }: { result: Result }) {
  const mark = marks[result.mark];
  return (
    <Paper withBorder p="sm">
      <Stack gap={4}>
        <Group gap="xs" justify="space-between">
          <Group gap="xs">
            <Text fw={600} size="sm">{i18n._(kinds[result.name])}</Text>
            <Badge variant="light" color={mark.color} tt="none">{i18n._(mark.label)}</Badge>
          </Group>
          {result.status !== undefined && (
            <Group gap="xs">
              <StatusCode attempt={{ response_status: result.status, status: result.mark === "fault" ? "failed" : "succeeded" } as never} />
              <Text size="sm" c="dimmed">{humanDuration(result.duration_ms)}</Text>
            </Group>
          )}
        </Group>
        <Text size="sm" className="foreign">{result.detail}</Text>
        {result.remedy && <Text size="sm" c={result.mark === "pass" ? "dimmed" : undefined} className="foreign">{result.remedy}</Text>}
      </Stack>
    </Paper>
  );
}
