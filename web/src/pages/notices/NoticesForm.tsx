import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Alert, Button, Group, NumberInput, Paper, Select, SimpleGrid, Stack, TagsInput, Text, TextInput, Title } from "@mantine/core";
import { IconPlus, IconSend, IconTrash } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { Problem } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { humanDuration } from "../../lib/time.ts";
import { done } from "../../parts/notify.ts";
import { Failure, Waiting } from "../../parts/states.tsx";
import { useNotices, useSaveNotices, useTestNotices } from "./queries.ts";
import { Tested } from "./Tested.tsx";
import { chatRow, choices, faultsOf, type Notices, noticesInput, type NoticeValues, noticeValues } from "./values.ts";

const minute = 60_000;
const hour = 60 * minute;

/** Whom to tell of what is broken: the people of an app or, without one, the operators. */
export function NoticesForm({ app }: { app?: string }) {
  const notices = useNotices(app);
  if (!notices.data) return <Waiting query={notices} lines={6} />;
  return <Form key={app ?? "*"} app={app} notices={notices.data} />;
}

function Form({ app, notices }: { app: string | undefined; notices: Notices }) {
  const { role, portal } = useSession();
  const operators = app === undefined;
  const [v, setValues] = useState<NoticeValues>(() => noticeValues(notices));
  const [faults, setFaults] = useState<Record<string, string>>({});
  const save = useSaveNotices(app);
  const test = useTestNotices(app);
  const set = (change: Partial<NoticeValues>) => setValues((was) => ({ ...was, ...change }));
  const changed = JSON.stringify(noticesInput(v, operators)) !== JSON.stringify(noticesInput(noticeValues(notices), operators));

  function submit(e: FormEvent) {
    e.preventDefault();
    setFaults({});
    test.reset();
    save.mutate(v, {
      onSuccess: (saved) => {
        setValues(noticeValues(saved));
        done(t`Whom to tell was saved`);
      },
      onError: (error) => setFaults(error instanceof Problem ? faultsOf(error.errors) : {}),
    });
  }

  const unsubscribed = notices.unsubscribed.join(", ");
  const owners = notices.owners_unsubscribed?.join(", ") ?? "";
  const shown = Object.keys(faults).length > 0;
  return (
    <Stack component="form" gap="lg" onSubmit={submit}>
      {!notices.mail_on && (
        <Alert color="yellow" title={t`No mail is sent yet`}>
          {operators
            ? <Trans>Start the server with --smtp-url and --smtp-from, and mails go out. Chats work without.</Trans>
            : <Trans>The operator of this server has not set up mail. Chats work all the same.</Trans>}
        </Alert>
      )}
      <Paper withBorder p="md" component="section" aria-labelledby="whom">
        <Title order={2} size="h3" id="whom" mb="sm"><Trans>Who is told</Trans></Title>
        <Stack gap="md">
          <TagsInput
            label={t`E-mail addresses`}
            description={t`Each gets a mail of its own, with a link to unsubscribe. Press Enter after each.`}
            placeholder={v.emails.length === 0 ? "ann@example.com" : undefined}
            maxTags={20}
            splitChars={[",", ";", " "]}
            acceptValueOnBlur
            value={v.emails}
            onChange={(emails) => set({ emails })}
            error={faults.emails}
          />
          {unsubscribed !== "" && <Text size="sm" c="dimmed" className="foreign"><Trans>Unsubscribed, and told no more: {unsubscribed}. Only they can change that, with the link in any mail that they got.</Trans></Text>}
          {owners !== "" && <Text size="sm" c="dimmed" className="foreign"><Trans>Of those who look after endpoints, these have unsubscribed: {owners}.</Trans></Text>}
          <Chats chats={v.chats} faults={faults} onChange={(chats) => set({ chats })} />
        </Stack>
      </Paper>
      <Paper withBorder p="md" component="section" aria-labelledby="when">
        <Title order={2} size="h3" id="when" mb={4}><Trans>When</Trans></Title>
        <Text size="sm" c="dimmed" mb="sm"><Trans>One message tells what breaks together, and one that it works again. There is never one for each delivery.</Trans></Text>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
          <Select
            label={t`Told once an endpoint has failed for`}
            data={choices([0, minute, 5 * minute, 15 * minute, hour, 6 * hour], v.after).map((ms) => ({ value: String(ms), label: ms === 0 ? t`no time: at once` : humanDuration(ms) }))}
            value={v.after}
            onChange={(after) => set({ after: after ?? v.after })}
            allowDeselect={false}
            error={faults.after}
          />
          <NumberInput
            label={t`Or so many times in a row`}
            description={t`If that comes first. Empty: however often.`}
            placeholder={t`Any number`}
            min={0}
            allowDecimal={false}
            value={v.failures}
            onChange={(failures) => set({ failures })}
            error={faults.failures}
          />
          <Select
            label={t`A digest of what is still broken`}
            data={choices([0, hour, 6 * hour, 12 * hour, 24 * hour, 7 * 24 * hour], v.digest).map((ms) => {
              const length = humanDuration(ms);
              return { value: String(ms), label: ms === 0 ? t`Never` : t`Every ${length}` };
            })}
            value={v.digest}
            onChange={(digest) => set({ digest: digest ?? v.digest })}
            allowDeselect={false}
            error={faults.digest}
          />
          <NumberInput
            label={t`Told once more deliveries wait at an endpoint than`}
            description={t`Of one that works, but is too slow. Empty: never.`}
            placeholder={t`Any number`}
            min={0}
            allowDecimal={false}
            thousandSeparator
            value={v.backlog}
            onChange={(backlog) => set({ backlog })}
            error={faults.backlog}
          />
          {operators && (
            <NumberInput
              label="Told once more deliveries wait in all than"
              description="Empty: never."
              placeholder="Any number"
              min={0}
              allowDecimal={false}
              thousandSeparator
              value={v.maxPending}
              onChange={(maxPending) => set({ maxPending })}
              error={faults.max_pending}
            />
          )}
        </SimpleGrid>
      </Paper>
      {!operators && role === "admin" && !portal && (
        <TextInput
          label="Where the button of a message leads"
          description="A page of your own that shows the portal, say. {endpoint} stands for the endpoint's id. Empty: this dashboard."
          placeholder="https://app.example.com/webhooks/{endpoint}"
          autoComplete="off"
          spellCheck={false}
          value={v.page}
          onChange={(e) => set({ page: e.currentTarget.value })}
          error={faults.page}
        />
      )}
      {save.error && !shown && <Failure error={save.error} />}
      <Group gap="sm">
        <Button type="submit" loading={save.isPending} disabled={!changed}><Trans>Save</Trans></Button>
        <Button
          variant="default"
          leftSection={<IconSend size={16} />}
          loading={test.isPending}
          disabled={changed || notices.emails.length + notices.chats.length === 0}
          onClick={() => test.mutate(undefined)}
        >
          <Trans>Send a test</Trans>
        </Button>
        {changed && <Text size="sm" c="dimmed"><Trans>Save first, to try it.</Trans></Text>}
      </Group>
      {test.error && <Failure error={test.error} />}
      {test.data && <Tested results={test.data} />}
    </Stack>
  );
}

interface ChatsProps {
  chats: NoticeValues["chats"];
  faults: Record<string, string>;
  onChange(chats: NoticeValues["chats"]): void;
}

function Chats({ chats, faults, onChange }: ChatsProps) {
  const change = (i: number, part: Partial<NoticeValues["chats"][number]>) => onChange(chats.map((c, j) => (i === j ? { ...c, ...part } : c)));
  const most = 5;
  return (
    <Stack gap="xs" role="group" aria-label={t`Chats`}>
      <div>
        <Text size="sm" fw={700}><Trans>Chats</Trans></Text>
        <Text size="xs" c="dimmed"><Trans>Incoming webhooks of channels in Slack (also for those that take its format) or Teams. Their URLs are stored encrypted and not shown again.</Trans></Text>
      </div>
      {chats.map((c, i) => {
        const n = i + 1;
        return (
          <Group key={c.key} gap="xs" align="flex-start" wrap="nowrap">
            <Group gap="xs" align="flex-start" style={{ flex: 1 }}>
              <Select
                aria-label={t`Kind of chat ${n}`}
                placeholder={t`By its URL`}
                data={[{ value: "slack", label: "Slack" }, { value: "teams", label: "Teams" }]}
                value={c.kind || null}
                onChange={(kind) => change(i, { kind: (kind ?? "") as typeof c.kind })}
                clearable={c.id === undefined}
                allowDeselect={c.id === undefined}
                w={150}
              />
              <TextInput
                aria-label={t`URL of chat ${n}`}
                placeholder="https://hooks.slack.com/services/…"
                style={{ flex: "1 1 220px" }}
                autoComplete="off"
                spellCheck={false}
                readOnly={c.id !== undefined}
                value={c.url}
                onChange={(e) => change(i, { url: e.currentTarget.value })}
                error={faults[`chats.${i}`]}
              />
            </Group>
            <ActionIcon variant="subtle" color="gray" size={36} aria-label={t`Remove chat ${n}`} onClick={() => onChange(chats.filter((_, j) => j !== i))}>
              <IconTrash size={17} />
            </ActionIcon>
          </Group>
        );
      })}
      {faults.chats && <Text size="sm" c="red">{faults.chats}</Text>}
      <div>
        <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} disabled={chats.length >= most} onClick={() => onChange([...chats, chatRow()])}>
          <Trans>Add a chat</Trans>
        </Button>
        {chats.length >= most && <Text size="xs" c="dimmed" mt={4}>{plural(most, { one: "# chat is the most.", other: "# chats are the most." })}</Text>}
      </div>
    </Stack>
  );
}
