import { Anchor, Badge, Button } from "@mantine/core";
import { IconInbox, IconPlus, IconTrash } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Inbox } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { AppName } from "../../parts/AppName.tsx";
import { Copy } from "../../parts/Copy.tsx";
import { ListTable } from "../../parts/ListTable.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/Time.tsx";
import { number, plural } from "../../lib/text.ts";
import { answerWords } from "./answers.ts";
import { NewInbox } from "./NewInbox.tsx";
import { useInboxes } from "./queries.ts";
import { useRemoveInbox } from "./useRemoveInbox.tsx";

/** The inboxes that there are now. */
export function InboxList() {
  const { features, mayEdit } = useSession();
  const app = useAppFilter();
  const inboxes = useInboxes(app, features.inbox);
  const [making, setMaking] = useState(false);
  const create = mayEdit && <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>New inbox</Button>;
  return (
    <Page
      title="Inboxes"
      description="Temporary receivers inside Bellhop: give one's URL to an endpoint, and see what arrives and whether its signature verifies. They end by themselves."
      actions={features.inbox && create}
    >
      {!features.inbox ? (
        <Empty title="Inboxes are not enabled here" icon={IconInbox}>The operator enables them by starting the server with --inbox.</Empty>
      ) : !inboxes.data ? (
        <Waiting query={inboxes} />
      ) : inboxes.data.length === 0 ? (
        <Empty title={app ? "This app has no inbox now" : "There is no inbox now"} icon={IconInbox} action={create}>
          Make one to see what an endpoint is sent, without a receiver of your own.
        </Empty>
      ) : (
        <InboxTable inboxes={inboxes.data} />
      )}
      <NewInbox opened={making} onClose={() => setMaking(false)} app={app} />
    </Page>
  );
}

const key = (inbox: Inbox) => inbox.token;

const columns: Column<Inbox>[] = [
  {
    key: "inbox", title: "Inbox", width: "minmax(150px, 1.2fr)", controls: true,
    cell: (inbox) => (
      <>
        <Anchor component={Link} to={`/inboxes/${inbox.token}`} size="sm" className="foreign" ff="monospace">/in/{inbox.token.slice(0, 10)}…</Anchor>{" "}
        <Copy value={inbox.url} label="Copy URL" />
      </>
    ),
  },
  { key: "app", title: "App", width: "minmax(60px, 1fr)", below: true, cell: (inbox) => <AppName id={inbox.app} /> },
  { key: "received", title: "Received", width: "80px", below: true, align: "end", cell: (inbox) => number(inbox.received) },
  { key: "answer", title: "Answers with", width: "minmax(120px, 0.8fr)", below: true, cell: (inbox) => <Badge variant="light" color={inbox.answer_status < 300 ? "teal" : "red"} tt="none" miw="max-content">{answerWords(inbox.answer_status)}</Badge> },
  { key: "expires", title: "Expires", width: "120px", below: true, cell: (inbox) => <Time at={inbox.expires_at} relative /> },
];

function InboxTable({ inboxes }: { inboxes: Inbox[] }) {
  const { mayEdit } = useSession();
  const remove = useRemoveInbox();
  const navigate = useNavigate();
  return (
    <ListTable
      label="Inboxes"
      count={(n) => plural(n, "inbox", "inboxes")}
      columns={columns}
      rows={inboxes}
      rowKey={key}
      onOpen={(inbox) => void navigate({ to: "/inboxes/$token", params: { token: inbox.token } })}
      actions={mayEdit ? (inbox) => [{ label: "Delete", name: `Delete inbox ${inbox.token.slice(0, 10)}`, icon: IconTrash, danger: true, first: true, run: () => void remove(inbox) }] : undefined}
      actionsWidth="96px"
      more={(inbox) => `More for inbox ${inbox.token.slice(0, 10)}`}
    />
  );
}
