import { Trans } from "@lingui/react/macro";
import { plural, t } from "@lingui/core/macro";
import { Anchor, Button, Text } from "@mantine/core";
import { IconArrowBackUp, IconDatabaseImport } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { RefusedEntry } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { useConfirm } from "../../parts/confirm.tsx";
import { type Column, CursorTable } from "../../parts/CursorTable.tsx";
import { done, failed } from "../../parts/notify.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { Entry } from "./Entry.tsx";
import { useClearRefused, useRefused } from "./queries.ts";

/** The field at fault says more than the sentence about all of them. */
const whyOf = (e: RefusedEntry) => (e.errors?.[0] ? `${e.errors[0].field} ${e.errors[0].detail}` : e.detail);

const rowKey = (e: RefusedEntry) => String(e.id);

/** What programs have published in transactions of their own, and could not be accepted. */
export function Outbox() {
  const session = useSession();
  if (!session.operator) {
    return <Page title={t`Outbox`}><Empty title={t`Only operators see the outbox`} icon={IconDatabaseImport}><Trans>Ask somebody with an admin key for all apps.</Trans></Empty></Page>;
  }
  return <Refused />;
}

function Refused() {
  const app = useAppFilter();
  const [open, setOpen] = useState<RefusedEntry>();
  const { query: refused } = useRefused(app);
  const columns = useMemo((): Column<RefusedEntry>[] => [
    {
      key: "why", title: t`Why`, width: "minmax(160px, 2fr)",
      cell: (e) => <Anchor component="button" type="button" size="sm" ta="start" truncate maw="100%" aria-haspopup="dialog" title={whyOf(e)} onClick={() => setOpen(e)}>{whyOf(e)}</Anchor>,
    },
    { key: "type", title: t`Type`, width: "minmax(96px, 1fr)", wide: true, cell: (e) => <span className="foreign" title={e.type}>{e.type || "–"}</span> },
    { key: "app", title: t`App`, width: "minmax(72px, 0.7fr)", wide: true, cell: (e) => <span className="foreign" title={e.app}>{e.app || "–"}</span> },
    { key: "subject", title: t`Subject`, width: "minmax(80px, 1fr)", wide: true, cell: (e) => <span className="foreign" title={e.subject}>{e.subject || "–"}</span> },
    { key: "at", title: t`Published`, width: "minmax(88px, 0.8fr)", align: "end", cell: (e) => <Time at={e.published_at} /> },
  ], []);
  const some = (refused.data?.pages[0]?.data.length ?? 0) > 0;
  return (
    <Page
      title={t`Outbox`}
      description={<Trans>What your programs publish in transactions of their own waits here for a moment and becomes events. What could not be accepted is kept, with the reason: mend it and publish it, or forget it.</Trans>}
      actions={some && <Clear app={app} />}
    >
      <CursorTable
        label={t`Refused`}
        columns={columns}
        query={refused}
        rowKey={rowKey}
        onOpen={setOpen}
        selected={open && rowKey(open)}
        empty={
          <Empty title={t`Nothing was refused`} icon={IconDatabaseImport}>
            <Trans>Everything that programs have published in their own transactions was accepted.</Trans>
          </Empty>
        }
      />
      <Entry entry={open} onClose={() => setOpen(undefined)} />
    </Page>
  );
}

function Clear({ app }: { app: string | undefined }) {
  const confirm = useConfirm();
  const clear = useClearRefused();
  async function run() {
    const agreed = await confirm({
      title: app ? t`Forget all that was refused of ${app}?` : t`Forget all that was refused?`,
      children: <Text size="sm"><Trans>What it would have told your endpoints is lost, unless it is published again.</Trans></Text>,
      confirm: t`Forget all`,
    });
    if (!agreed) return;
    try {
      const { forgotten } = await clear.mutateAsync(app);
      done(t`Forgotten`, plural(forgotten, { one: "# entry was forgotten.", other: "# entries were forgotten." }));
    } catch (error) {
      failed(t`They are still there`, error);
    }
  }
  return <Button variant="default" leftSection={<IconArrowBackUp size={16} />} loading={clear.isPending} onClick={() => void run()}><Trans>Forget all…</Trans></Button>;
}
