import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Badge, Group, Text, Tooltip } from "@mantine/core";
import { IconServer } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, type Node, ok } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { number } from "../../lib/text.ts";
import { ListTable } from "../../parts/ListTable.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/Time.tsx";
import { clockWords, countWords, stateOf } from "./words.ts";

/** The processes that share the work. */
export function Nodes() {
  const session = useSession();
  if (!session.operator) {
    return <Page title={t`Nodes`}><Empty title={t`Only operators see the nodes`} icon={IconServer}><Trans>Ask somebody with an admin key for all apps.</Trans></Empty></Page>;
  }
  return <List />;
}

function List() {
  const nodes = useQuery({
    queryKey: ["nodes"],
    queryFn: async ({ signal }): Promise<Node[]> => (await ok(api.GET("/v1/nodes", { signal }))).data,
    refetchInterval: 5_000,
  });
  return (
    <Page
      title={t`Nodes`}
      description={<Trans>The processes that share the work. Every node takes requests and sends; what waits for an endpoint is fetched by the one that owns its part of all endpoints. When a node ends, the others take its part over.</Trans>}
    >
      {nodes.data ? <ListTable label={t`Nodes`} columns={columns()} rows={nodes.data} rowKey={(n) => String(n.node)} count={countWords} /> : <Waiting query={nodes} />}
    </Page>
  );
}

const columns = (): Column<Node>[] => [
  {
    key: "node", title: t`Node`, width: "minmax(190px, 1.8fr)",
    cell: (n) => (
      <>
        <Text size="sm" fw={500} className="foreign" truncate title={n.name}>{n.name || t`without a name`}</Text>
        <Group gap={6} wrap="wrap" miw={0}>
          <Text span size="xs" c="dimmed">#{n.node}{n.version ? ` · ${n.version}` : ""}</Text>
          {n.answers && <Badge size="xs" variant="light" tt="none" miw="max-content">{t`answers you`}</Badge>}
          {n.keeps_house && (
            <Tooltip label={t`Does what one does for all: retention, statistics, notices`}>
              <Badge size="xs" variant="light" color="gray" tt="none" miw="max-content">{t`keeps house`}</Badge>
            </Tooltip>
          )}
        </Group>
      </>
    ),
  },
  {
    key: "doing", title: t`Doing`, width: "minmax(104px, 0.9fr)", below: true,
    cell: (n) => {
      const { words, color } = stateOf(n, Date.now());
      return <Badge variant="light" color={color} tt="none" miw="max-content">{words}</Badge>;
    },
  },
  { key: "since", title: t`Since`, width: "112px", below: true, cell: (n) => <Time at={n.started_at} relative /> },
  { key: "buckets", title: t`Part`, width: "72px", below: true, align: "end", cell: (n) => t`${number(n.buckets)} of 256` },
  { key: "backlog", title: t`Backlog`, width: "84px", below: true, align: "end", cell: (n) => (n.counted_at ? number(n.backlog) : "–") },
  { key: "flying", title: t`In flight`, width: "80px", below: true, align: "end", cell: (n) => number(n.in_flight) },
  { key: "circuits", title: t`Circuits open`, width: "96px", below: true, align: "end", cell: (n) => number(n.circuits_open) },
  { key: "clock", title: t`Clock`, width: "minmax(96px, 0.7fr)", below: true, cell: (n) => <Text span size="sm">{clockWords(n.clock_ahead)}</Text> },
];
