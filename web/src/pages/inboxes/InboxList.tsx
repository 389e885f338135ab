import { ActionIcon, Anchor, Badge, Button, Table, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconInbox, IconPlus, IconTrash } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Inbox } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { Copy } from "../../parts/Copy.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { number } from "../../lib/text.ts";
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
      description="Temporary receivers inside Bellhop: give one's URL to an endpoint, and see what arrives and whether its signature verifies. They are kept in memory and end by themselves."
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

function InboxTable({ inboxes }: { inboxes: Inbox[] }) {
  const { mayEdit } = useSession();
  const remove = useRemoveInbox();
  return (
    <Table.ScrollContainer minWidth={620} scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": "Inboxes" } }}>
      <Table verticalSpacing="sm" withTableBorder highlightOnHover bg="var(--mantine-color-body)">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Inbox</Table.Th>
            <Table.Th>App</Table.Th>
            <Table.Th ta="end">Received</Table.Th>
            <Table.Th>Answers with</Table.Th>
            <Table.Th>Expires</Table.Th>
            <Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {inboxes.map((inbox) => (
            <Table.Tr key={inbox.token}>
              <Table.Td maw={280}>
                <Anchor component={Link} to={`/inboxes/${inbox.token}`} size="sm" className="foreign" ff="monospace">/in/{inbox.token.slice(0, 10)}…</Anchor>{" "}
                <Copy value={inbox.url} label="Copy URL" />
              </Table.Td>
              <Table.Td className="foreign">{inbox.app}</Table.Td>
              <Table.Td ta="end">{number(inbox.received)}</Table.Td>
              <Table.Td><Badge variant="light" color={inbox.answer_status < 300 ? "teal" : "red"} tt="none" miw="max-content">{answerWords(inbox.answer_status)}</Badge></Table.Td>
              <Table.Td><Time at={inbox.expires_at} relative /></Table.Td>
              <Table.Td ta="end">
                {mayEdit && (
                  <Tooltip label="Delete" withArrow>
                    <ActionIcon variant="subtle" color="red" aria-label={`Delete inbox ${inbox.token.slice(0, 10)}`} onClick={() => void remove(inbox)}>
                      <IconTrash size={16} />
                    </ActionIcon>
                  </Tooltip>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
