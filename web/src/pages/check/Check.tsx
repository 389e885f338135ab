import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Badge, Button, Checkbox, CloseButton, FileButton, Group, Paper, PasswordInput, Select, SimpleGrid, Stack, Text, Textarea, ThemeIcon } from "@mantine/core";
import { IconCheck, IconFileUpload, IconShieldCheck, IconX } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { api, type Attempt, faultOf, ok, type Schemas } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { EndpointName, nameOf } from "../../parts/EndpointName.tsx";
import { useEndpointChoices } from "../../parts/filters/EndpointFilter.tsx";
import { Page } from "../../parts/Page.tsx";
import { Failure, Waiting } from "../../parts/states.tsx";
import { base64Of, captured, type Draft, emptyDraft, question } from "./captured.ts";
import { confidences, findings } from "./words.ts";

type Verdict = Schemas["CheckedRequest"];

/** What happened to a request that a receiver refused. */
export function Check() {
  const { attempt: id } = useSearch({ strict: false }) as { attempt?: string };
  const attempt = useQuery({
    queryKey: ["attempt", id],
    queryFn: () => ok(api.GET("/v1/attempts/{id}", { params: { path: { id: id! } } })),
    enabled: id !== undefined,
  });
  return (
    <Page
      title={t`Check a request`}
      description={<Trans>Paste a request as it arrived at the receiver, to find out whether it was signed as it should be and, if not, what happened to it. Nothing is kept.</Trans>}
    >
      {id && !attempt.data ? <Waiting query={attempt} /> : <Form key={id} attempt={attempt.data} />}
    </Page>
  );
}

function Form({ attempt }: { attempt: Attempt | undefined }) {
  const session = useSession();
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>(() => (attempt ? { ...emptyDraft, ...captured(attempt) } : emptyDraft));
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const check = useMutation({ mutationFn: (d: Draft): Promise<Verdict> => ok(api.POST("/v1/requests/check", { body: question(d, attempt) })), gcTime: 0 });
  const { mutate } = check;
  const begun = attempt !== undefined && session.mayEdit;
  // What Bellhop sent is looked at right away: it is the first thing that one wants to know.
  useEffect(() => {
    if (begun) mutate(draft);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [begun, mutate]);
  const fault = (field: string) => faultOf(check.error, field);
  const placed = ["headers", "body", "secret"].some(fault);
  const mono = { input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: "var(--mantine-font-size-sm)" } };

  function submit(e: FormEvent) {
    e.preventDefault();
    check.mutate(draft);
  }
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xl">
      <Stack component="form" onSubmit={submit} gap="md" aria-label={t`The request`}>
        {attempt && (
          <Paper withBorder p="sm">
            <Group justify="space-between" wrap="nowrap" align="flex-start">
              <Text size="sm">
                <Trans>Filled in with what Bellhop sent in attempt <Anchor component={Link} {...linkTo("/logs", { attempt: attempt.id })}>{attempt.id}</Anchor>. Replace the headers or the body with what arrived, and they are compared.</Trans>
              </Text>
              <CloseButton aria-label={t`Without this attempt`} onClick={() => void navigate({ to: "/check", search: {} as never })} />
            </Group>
          </Paper>
        )}
        <Textarea
          label={t`Headers`}
          description={t`One a line, as they arrived; or as a JSON object.`}
          placeholder={"webhook-id: evt_…\nwebhook-timestamp: 1795984075\nwebhook-signature: v1,…"}
          value={draft.headers}
          onChange={(e) => set({ headers: e.currentTarget.value })}
          error={fault("headers")}
          autosize minRows={5} maxRows={14} spellCheck={false} styles={mono}
        />
        <Textarea
          label={t`Body`}
          description={t`Exactly as it arrived, before anything parsed it. A browser changes line breaks: where there are some, take it from a file.`}
          placeholder={'{"type":"invoice.purchase",…}'}
          value={draft.file ? t`From the file ${draft.file.name}` : draft.body}
          readOnly={draft.file !== undefined}
          onChange={(e) => set({ body: e.currentTarget.value })}
          error={fault("body")}
          autosize minRows={6} maxRows={18} spellCheck={false} styles={mono}
        />
        <Group gap="xs" mt={-8}>
          <FileButton onChange={(file) => file && void base64Of(file).then((base64) => set({ file: { name: file.name, base64 } }))}>
            {(props) => <Button {...props} variant="subtle" size="compact-sm" leftSection={<IconFileUpload size={15} />}>{t`Take the body from a file`}</Button>}
          </FileButton>
          {draft.file && <Button variant="subtle" size="compact-sm" color="gray" onClick={() => set({ file: undefined })}>{t`Not from the file`}</Button>}
        </Group>
        {session.mayEdit && !attempt && <EndpointChoice value={draft.endpoint} onChange={(endpoint) => set({ endpoint })} />}
        <PasswordInput
          label={t`Secret of the receiver`}
          description={session.mayEdit ? t`Only if you want to know whether the receiver has the right one. Without it, the endpoints' own are used.` : t`The one that the receiver verifies with. It is used for this check and not kept.`}
          value={draft.secret}
          onChange={(e) => set({ secret: e.currentTarget.value })}
          error={fault("secret")}
          autoComplete="off"
          data-1p-ignore
        />
        <Checkbox label={t`It arrived a while ago: do not judge its time`} checked={draft.anyTime} onChange={(e) => set({ anyTime: e.currentTarget.checked })} />
        <Group>
          <Button type="submit" leftSection={<IconShieldCheck size={16} />} loading={check.isPending}>{t({ message: "Check", context: "verb" })}</Button>
        </Group>
      </Stack>
      <div role="status" aria-live="polite">
        {check.error && !placed && <Failure error={check.error} />}
        {check.data && !check.isPending && <Result verdict={check.data} />}
      </div>
    </SimpleGrid>
  );
}

function EndpointChoice({ value, onChange }: { value: string | undefined; onChange(id: string | undefined): void }) {
  const endpoints = useEndpointChoices(undefined);
  return (
    <Select
      label={t`Endpoint`}
      description={t`The one that sent it. Left open, all are tried.`}
      placeholder={t`Any`}
      searchable
      clearable
      limit={100}
      data={endpoints.data?.map((e) => ({ value: e.id, label: nameOf(e) })) ?? []}
      value={value ?? null}
      onChange={(id) => onChange(id ?? undefined)}
    />
  );
}

/** The verdict, and what is wrong, the most certain first. */
function Result({ verdict }: { verdict: Verdict }) {
  const color = verdict.ok ? "teal" : "red";
  const endpoint = verdict.endpoint;
  return (
    <Stack gap="sm" component="section" aria-label={t`Result`}>
      <Paper withBorder p="md" style={{ borderColor: `var(--mantine-color-${color}-filled)`, borderInlineStartWidth: 4 }}>
        <Stack gap={6}>
          <Group gap="xs" wrap="nowrap" align="flex-start">
            <ThemeIcon variant="light" color={color} size="sm" radius="xl" mt={2}>{verdict.ok ? <IconCheck size={14} /> : <IconX size={14} />}</ThemeIcon>
            <Text fw={600}>
              {verdict.ok ? (verdict.sent ? t`What Bellhop sent is right` : t`The request is as it should be`) : t`The receiver is right to refuse it as it is`}
            </Text>
          </Group>
          {verdict.findings.length === 0 && <Text size="sm" className="foreign">{verdict.detail}</Text>}
          <Text size="xs" c="dimmed">
            {verdict.dialect && <Trans>Dialect {verdict.dialect}</Trans>}
            {endpoint && <> · <Trans>signed with the secret of <EndpointName id={endpoint} /></Trans></>}
          </Text>
        </Stack>
      </Paper>
      {verdict.findings.map((f) => {
        const sure = confidences[f.confidence];
        return (
          <Paper key={f.code + f.detail} withBorder p="md">
            <Stack gap={6}>
              <Group gap="xs">
                <Text fw={600} size="sm">{findings[f.code] ? i18n._(findings[f.code]!) : f.code}</Text>
                <Badge variant="light" color={sure.color} tt="none">{i18n._(sure.label)}</Badge>
              </Group>
              <Text size="sm" className="foreign">{f.detail}</Text>
              {f.remedy && <Text size="sm" className="foreign"><b>{t`What to do`}:</b> {f.remedy}</Text>}
            </Stack>
          </Paper>
        );
      })}
    </Stack>
  );
}
