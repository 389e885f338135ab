import { Badge, Button, Code, Group, Table, Text, VisuallyHidden } from "@mantine/core";
import type { Key } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useConfirm } from "../../parts/confirm.tsx";
import { done, failed } from "../../parts/notify.ts";
import { Time } from "../../parts/Time.tsx";
import type { Kind } from "./kinds.ts";
import { useDeleteKey, useKeys } from "./queries.ts";

const verbs: Record<Kind, { verb: string; noun: string; lost: string }> = {
  key: { verb: "Delete", noun: "key", lost: "Requests with it are refused at once, and the sessions that were started with it end. It cannot be brought back." },
  portal: { verb: "Revoke", noun: "portal link", lost: "The portal that it opened stops at once, in every tab and frame. It cannot be brought back; make another link." },
  session: { verb: "End", noun: "session", lost: "Whoever uses it is signed out at once and can sign in again with the key." },
};

/** The keys, portal links or sessions that there are. */
export function KeyTable({ kind, keys }: { kind: Kind; keys: Key[] }) {
  const session = useSession();
  const revoke = useRevoke(kind);
  const owners = useKeys("key", kind === "session");
  const ownerOf = (k: Key) => owners.data?.find((o) => o.id === k.session)?.name || k.session;
  return (
    <Table.ScrollContainer minWidth={680} scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": "Keys" } }}>
      <Table verticalSpacing="sm" withTableBorder highlightOnHover bg="var(--mantine-color-body)">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{kind === "session" ? "Signed in with" : kind === "portal" ? "Link" : "Name"}</Table.Th>
            <Table.Th>Role</Table.Th>
            <Table.Th>Apps</Table.Th>
            <Table.Th>Created</Table.Th>
            <Table.Th>Expires</Table.Th>
            <Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((k) => (
            <Table.Tr key={k.id}>
              <Table.Td maw={300}>
                {kind === "session" && <Text size="sm" className="foreign" fw={500}>{ownerOf(k)}</Text>}
                {kind !== "session" && k.name && <Text size="sm" className="foreign" fw={500}>{k.name}</Text>}
                <Group gap={6}>
                  <Code>{k.id}</Code>
                  {k.id === session.key && <Badge size="xs" variant="light" tt="none" miw="max-content">you are using it</Badge>}
                </Group>
              </Table.Td>
              <Table.Td><Badge variant="light" color={k.role === "admin" ? "grape" : "gray"} tt="none" miw="max-content">{k.role}</Badge></Table.Td>
              <Table.Td maw={220} className="foreign">{k.apps && k.apps.length > 0 ? k.apps.join(", ") : <Text span size="sm" c="dimmed">All apps</Text>}</Table.Td>
              <Table.Td><Time at={k.created_at} /></Table.Td>
              <Table.Td>{k.expires_at ? <Time at={k.expires_at} relative /> : <Text span size="sm" c="dimmed">never</Text>}</Table.Td>
              <Table.Td ta="end">
                <Button size="compact-sm" variant="subtle" color="red" onClick={() => void revoke(k)} aria-label={`${verbs[kind].verb} ${k.name || k.id}`}>
                  {verbs[kind].verb}
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** Gives a function that asks, and then ends a key. */
function useRevoke(kind: Kind) {
  const confirm = useConfirm();
  const remove = useDeleteKey();
  const session = useSession();
  const { verb, noun, lost } = verbs[kind];
  return async (k: Key) => {
    const agreed = await confirm({
      title: `${verb} this ${noun}?`,
      children: (
        <>
          <Text size="sm"><Text span fw={600} className="foreign">{k.name || k.id}</Text>: {lost}</Text>
          {k.id === session.key && <Text size="sm" mt="xs" fw={600}>You are signed in with it: you will be signed out.</Text>}
        </>
      ),
      confirm: `${verb} ${noun}`,
    });
    if (!agreed) return;
    remove.mutate(k.id, {
      onSuccess: () => done(`The ${noun} has ended`),
      onError: (error) => failed(`The ${noun} is still valid`, error),
    });
  };
}
