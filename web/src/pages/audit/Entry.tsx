import { Anchor, Drawer, Stack, Table, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { AuditEntry } from "../../api/client.ts";
import { Copyable } from "../../parts/Copy.tsx";
import { Json } from "../../parts/Json.tsx";
import { Time } from "../../parts/Time.tsx";
import { actionWords, objectLink } from "./actions.ts";

/** One entry whole, with what changed. */
export function Entry({ entry, who, onClose }: { entry: AuditEntry | undefined; who: string; onClose(): void }) {
  return (
    <Drawer opened={entry !== undefined} onClose={onClose} position="right" size="lg" title={entry ? actionWords(entry.action) : ""} closeButtonProps={{ "aria-label": "Close" }}>
      {entry && <Content entry={entry} who={who} />}
    </Drawer>
  );
}

function Content({ entry, who }: { entry: AuditEntry; who: string }) {
  const link = objectLink(entry.action, entry.object);
  return (
    <Stack>
      <Table variant="vertical" layout="fixed" withTableBorder>
        <Table.Tbody>
          <Table.Tr><Table.Th w={110}>When</Table.Th><Table.Td><Time at={entry.at} /> (<Time at={entry.at} relative />)</Table.Td></Table.Tr>
          <Table.Tr>
            <Table.Th>Who</Table.Th>
            <Table.Td>
              <Text size="sm" className="foreign">{who}</Text>
              {who !== entry.actor && <Copyable value={entry.actor} label="Copy the actor's id" />}
            </Table.Td>
          </Table.Tr>
          <Table.Tr><Table.Th>What</Table.Th><Table.Td>{actionWords(entry.action)} ({entry.action})</Table.Td></Table.Tr>
          <Table.Tr>
            <Table.Th>Object</Table.Th>
            <Table.Td>
              {entry.object ? <Copyable value={entry.object} label="Copy the object" /> : "–"}
              {link && <div><Anchor component={Link} {...link} size="sm">Go there</Anchor></div>}
            </Table.Td>
          </Table.Tr>
          <Table.Tr><Table.Th>Apps</Table.Th><Table.Td className="foreign">{entry.apps && entry.apps.length > 0 ? entry.apps.join(", ") : "–"}</Table.Td></Table.Tr>
          <Table.Tr><Table.Th>Entry</Table.Th><Table.Td><Copyable value={entry.id} label="Copy the entry's id" /></Table.Td></Table.Tr>
        </Table.Tbody>
      </Table>
      {entry.detail === undefined || entry.detail === null ? (
        <Text size="sm" c="dimmed">There is no more to tell about it.</Text>
      ) : (
        <Json text={JSON.stringify(entry.detail, null, 2)} title="Details" />
      )}
    </Stack>
  );
}
