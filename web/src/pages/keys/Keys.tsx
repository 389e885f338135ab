import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Tabs } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { useFilters } from "../../lib/useFilters.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { type Kind, kindFrom, kinds } from "./kinds.ts";
import { KeyTable } from "./KeyTable.tsx";
import { NewKey } from "./NewKey.tsx";
import { useKeys } from "./queries.ts";

/** Who may do what: keys of programs and people, portal links, sessions. */
export function Keys() {
  const session = useSession();
  const [search, set] = useFilters<{ kind?: string; sort?: string }>();
  const kind = kindFrom(search.kind);
  const [making, setMaking] = useState(false);
  if (session.role !== "admin") {
    return <Page title={t`Keys`}><Empty title={t`Only admins see keys`} icon={IconKey}><Trans>Ask somebody with an admin key.</Trans></Empty></Page>;
  }
  return (
    <Page
      title={t`Keys`}
      description={t`What programs and people show to be let in. A key's token is shown once, when it is made; Bellhop keeps only a fingerprint of it.`}
      actions={<Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}><Trans>New key</Trans></Button>}
    >
      <Tabs
        value={kind}
        keepMounted={false}
        onChange={(value) => set({ kind: value ?? undefined, sort: undefined }, true)}
      >
        <Tabs.List mb="md" aria-label={t`Kind`}>
          {kinds.map((k) => <Tabs.Tab key={k.value} value={k.value}>{i18n._(k.label)}</Tabs.Tab>)}
        </Tabs.List>
        {kinds.map((k) => <Tabs.Panel key={k.value} value={k.value}><List kind={k.value} sort={search.sort} onSort={(sort) => set({ sort }, true)} /></Tabs.Panel>)}
      </Tabs>
      <NewKey opened={making} onClose={() => setMaking(false)} />
    </Page>
  );
}

function List({ kind, sort, onSort }: { kind: Kind; sort: string | undefined; onSort(sorting: string | undefined): void }) {
  const keys = useKeys(kind);
  const app = useAppFilter();
  if (!keys.data) return <Waiting query={keys} />;
  // A key without a limit reaches every app, so it is part of each one's list.
  const shown = keys.data.filter((k) => !app || !k.apps || k.apps.length === 0 || k.apps.includes(app));
  if (shown.length === 0) {
    return (
      <Empty title={i18n._(kinds.find((k) => k.value === kind)!.empty)} icon={IconKey}>
        {kind === "portal" && t`Make one on the Apps page, or with POST /v1/portal-links from your platform.`}
        {kind === "key" && t`Make one for each program and each person, so that it can be taken back alone.`}
      </Empty>
    );
  }
  return <KeyTable kind={kind} keys={shown} sort={sort} onSort={onSort} />;
}
