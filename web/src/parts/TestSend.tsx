import { Trans } from "@lingui/react/macro";
import { t } from "@lingui/core/macro";
import { Box, Button, Group, Paper, Select, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconSend } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Attempt, type Endpoint, ok, type Schemas } from "../api/client.ts";
import { endpointsChanged, useEventTypes, useRecipe } from "../api/queries.ts";
import { allEvents } from "../lib/apps.ts";
import { exactly, Raw } from "../lib/exact.ts";
import { attemptFinding } from "../lib/finding.ts";
import { fits } from "../lib/text.ts";
import { humanDuration } from "../lib/time.ts";
import { CodeBlock } from "./Code.tsx";
import { FailurePanel } from "./FailurePanel.tsx";
import { Remedies } from "./Remedies.tsx";
import { Failure } from "./states.tsx";
import { AttemptStatus, StatusCode } from "./Status.tsx";

const plain = "webhook.test";
/** The event that comes with a recipe. */
const sample = " sample";

/** The types that a test may have: the endpoint's own first, then the rest of the catalogue. */
export function testTypes(patterns: string[], catalogue: { name: string; archived: boolean }[]) {
  const names = catalogue.filter((c) => !c.archived).map((c) => c.name);
  const wanted = patterns.length === 0 ? names : names.filter((n) => patterns.some((p) => fits(p, n)));
  const exact = patterns.filter((p) => !p.endsWith("*") && !names.includes(p));
  const others = names.filter((n) => !wanted.includes(n) && n !== plain);
  const groups = [{ group: t`A plain test`, items: [plain] }];
  const own = [...exact, ...wanted].filter((n) => n !== plain);
  if (own.length > 0) groups.push({ group: t`What this endpoint listens to`, items: own });
  if (others.length > 0) groups.push({ group: t`Other event types`, items: others });
  return groups;
}

interface TestSendProps {
  endpoint: Endpoint;
  /** Is told each result. */
  onResult?(attempt: Attempt): void;
}

/** Sends a test event now, and shows at once what the receiver answered. */
export function TestSend({ endpoint, onResult }: TestSendProps) {
  const recipe = useRecipe(endpoint.recipe);
  const [chosen, setType] = useState<string>();
  const type = chosen ?? (recipe ? sample : plain);
  const types = useEventTypes();
  const queries = useQueryClient();
  const send = useMutation({
    mutationFn: (): Promise<Attempt> => ok(api.POST("/v1/endpoints/{id}/test", {
      params: { path: { id: endpoint.id } },
      ...exactly((type === plain ? {} : type === sample && recipe ? { type: recipe.sample.type, data: new Raw(recipe.sample.data) } : { type }) as Schemas["TestInput"]),
    })),
    onSuccess: (attempt) => {
      onResult?.(attempt);
      endpointsChanged(queries, endpoint.id);
    },
  });
  return (
    <Stack gap="sm">
      <Group align="flex-end" gap="sm">
        <Select
          label={t`Event type`}
          data={[...(recipe ? [{ group: recipe.title, items: [{ value: sample, label: sampleOf(recipe.sample.type) }] }] : []), ...testTypes(allEvents(endpoint), types.data ?? [])]}
          value={type}
          onChange={(value) => setType(value ?? plain)}
          searchable
          limit={200}
          allowDeselect={false}
          nothingFoundMessage={t`No such event type`}
          style={{ flex: "1 1 220px", maxWidth: 360 }}
        />
        <Button leftSection={<IconSend size={16} />} loading={send.isPending} onClick={() => send.mutate()}>
          <Trans>Send a test event</Trans>
        </Button>
      </Group>
      <div role="status" aria-live="polite">
        {send.isPending && <Text size="sm" c="dimmed"><Trans>Waiting for the answer…</Trans></Text>}
        {send.error && <Failure error={send.error} />}
        {send.data && !send.isPending && <TestResult attempt={send.data} endpoint={endpoint} />}
      </div>
    </Stack>
  );
}

/** What came back for a test event. */
function TestResult({ attempt, endpoint }: { attempt: Attempt; endpoint: Endpoint }) {
  const good = attempt.status === "succeeded";
  const body = attempt.response_body ?? (attempt.response_body_base64 ? notText(attempt.response_body_base64) : "");
  const answer = (
    <>
      {body !== "" && <CodeBlock title={t`Response body`} code={body} maxHeight={220} wrap />}
      {body === "" && attempt.response_status && <Text size="sm" c="dimmed"><Trans>The answer had no body.</Trans></Text>}
      {attempt.response_truncated && <Text size="sm" c="dimmed"><Trans>The answer went on; this is its beginning.</Trans></Text>}
    </>
  );
  const facts = (
    <Group gap="xs">
      <AttemptStatus value={attempt.status} />
      <StatusCode attempt={attempt} />
      <Text size="sm">{humanDuration(attempt.duration_ms)}</Text>
    </Group>
  );
  if (!good) {
    const finding = attemptFinding(attempt, undefined);
    return (
      <Stack gap="xs">
        <FailurePanel finding={finding} label={t`Result of the test`} more={<Box mt="xs">{facts}</Box>}>
          <Remedies ways={finding.ways.filter((w) => w !== "test")} endpoint={endpoint.id} known={endpoint} attempt={attempt.id} />
        </FailurePanel>
        {answer}
      </Stack>
    );
  }
  return (
    <Paper withBorder p="sm" style={{ borderColor: "var(--mantine-color-teal-filled)", borderInlineStartWidth: 4 }}>
      <Stack gap="xs">
        <Group gap="xs" wrap="nowrap">
          <ThemeIcon variant="light" color="teal" size="sm" radius="xl"><IconCheck size={14} /></ThemeIcon>
          <Text fw={600} size="sm"><Trans>The receiver accepted it</Trans></Text>
        </Group>
        {facts}
        <Text size="sm" className="foreign">{attempt.detail ?? t`An answer with a status from 200 to 299 counts as success.`}</Text>
        {answer}
      </Stack>
    </Paper>
  );
}

const sampleOf = (type: string) => t`A sample: ${type}`;

const notText = (base64: string) => t`${base64} (Base64: the answer is not text)`;
