import { Trans } from "@lingui/react/macro";
import { plural, t } from "@lingui/core/macro";
import { Button, Drawer, Group, List, Stack, Table, Text } from "@mantine/core";
import type { RefusedEntry } from "../../api/client.ts";
import { byteSize } from "../../lib/text.ts";
import { Body } from "../../parts/Body.tsx";
import { useConfirm } from "../../parts/confirm.tsx";
import { Copyable } from "../../parts/Copy.tsx";
import { done, failed } from "../../parts/notify.ts";
import { Waiting } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { useForgetRefused, useRefusedEntry, useRetryRefused } from "./queries.ts";

/** One entry whole, and what can be done with it. */
export function Entry({ entry, onClose }: { entry: RefusedEntry | undefined; onClose(): void }) {
  return (
    <Drawer opened={entry !== undefined} onClose={onClose} position="right" size="lg" title={t`Refused`} closeButtonProps={{ "aria-label": t`Close` }}>
      {entry && <Content entry={entry} onClose={onClose} />}
    </Drawer>
  );
}

function Content({ entry, onClose }: { entry: RefusedEntry; onClose(): void }) {
  const whole = useRefusedEntry(entry.id);
  const e = whole.data ?? entry;
  return (
    <Stack>
      <Text size="sm">{e.detail}</Text>
      {e.errors && e.errors.length > 0 && (
        <List size="sm">
          {e.errors.map((x) => <List.Item key={x.field + x.detail}><Text span ff="monospace" size="sm" className="foreign">{x.field}</Text> {x.detail}</List.Item>)}
        </List>
      )}
      <Actions entry={e} onClose={onClose} />
      <Table variant="vertical" layout="fixed" withTableBorder>
        <Table.Tbody>
          <Fact name={t`Published`}><Time at={e.published_at} /></Fact>
          <Fact name={t`Refused`}><Time at={e.refused_at} /></Fact>
          <Fact name={t`App`}>{e.app ? <Copyable value={e.app} label={t`Copy the app`} /> : "–"}</Fact>
          <Fact name={t`Type`}>{e.type ? <Copyable value={e.type} label={t`Copy the type`} /> : "–"}</Fact>
          <Fact name={t`Subject`}>{e.subject ? <Copyable value={e.subject} label={t`Copy the subject`} /> : "–"}</Fact>
          {e.external_id && <Fact name={t`External id`}><Copyable value={e.external_id} label={t`Copy the external id`} /></Fact>}
          {e.deliver_at && <Fact name={t`Deliver at`}><Time at={e.deliver_at} /></Fact>}
          <Fact name={t`Entry`}><Copyable value={String(e.id)} label={t`Copy the number of the entry`} /></Fact>
        </Table.Tbody>
      </Table>
      {whole.data
        ? <Body text={whole.data.data} base64={undefined} title={t`Data`} none={e.size > 0 ? t`${byteSize(e.size)} of data were too much to be kept.` : t`There was no data.`} />
        : <Waiting query={whole} lines={3} />}
    </Stack>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return <Table.Tr><Table.Th w={120}>{name}</Table.Th><Table.Td>{children}</Table.Td></Table.Tr>;
}

function Actions({ entry, onClose }: { entry: RefusedEntry; onClose(): void }) {
  const retry = useRetryRefused();
  const forget = useForgetRefused();
  const confirm = useConfirm();
  async function publish() {
    try {
      const { deliveries } = await retry.mutateAsync(entry.id);
      done(t`Published`, plural(deliveries, { one: "It goes to # endpoint.", other: "It goes to # endpoints." }));
      onClose();
    } catch (error) {
      failed(t`It is refused again`, error);
    }
  }
  async function drop() {
    const agreed = await confirm({
      title: t`Forget what was refused?`, confirm: t`Forget`,
      children: <Text size="sm"><Trans>What it would have told your endpoints is lost, unless it is published again.</Trans></Text>,
    });
    if (!agreed) return;
    try {
      await forget.mutateAsync(entry.id);
      onClose();
    } catch (error) {
      failed(t`It is still there`, error);
    }
  }
  return (
    <Group gap="xs">
      <Button size="xs" loading={retry.isPending} onClick={() => void publish()}><Trans>Publish now</Trans></Button>
      <Button size="xs" variant="default" loading={forget.isPending} onClick={() => void drop()}><Trans>Forget…</Trans></Button>
    </Group>
  );
}
