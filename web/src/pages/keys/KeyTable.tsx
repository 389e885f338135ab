import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Badge, Button, Code, Group, Text } from "@mantine/core";
import type { Key } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useConfirm } from "../../parts/confirm.tsx";
import { type Action, ListTable } from "../../parts/ListTable.tsx";
import { done, failed } from "../../parts/notify.ts";
import { type Column, sortingFrom } from "../../parts/table.tsx";
import { Time } from "../../parts/Time.tsx";
import type { Kind } from "./kinds.ts";
import { useDeleteKey, useKeys } from "./queries.ts";

/** How ending one is called, what is lost with it, and what came of it. */
const words: Record<Kind, (name: string) => { title: string; verb: string; short: string; one: string; lost: string; ended: string; valid: string }> = {
  key: (name) => ({
    title: t`Delete this key?`, verb: t`Delete key`, short: t`Delete`, one: t`Delete ${name}`,
    lost: t`Requests with it are refused at once, and the sessions that were started with it end. It cannot be brought back.`,
    ended: t`The key has ended`, valid: t`The key is still valid`,
  }),
  portal: (name) => ({
    title: t`Revoke this portal link?`, verb: t`Revoke portal link`, short: t`Revoke`, one: t`Revoke ${name}`,
    lost: t`The portal that it opened stops at once, in every tab and frame. It cannot be brought back; make another link.`,
    ended: t`The portal link has ended`, valid: t`The portal link is still valid`,
  }),
  session: (name) => ({
    title: t`End this session?`, verb: t`End session`, short: t({ message: "End", context: "verb" }), one: t`End ${name}`,
    lost: t`Whoever uses it is signed out at once and can sign in again with the key.`,
    ended: t`The session has ended`, valid: t`The session is still valid`,
  }),
};

interface KeyTableProps {
  kind: Kind;
  keys: Key[];
  sort: string | undefined;
  onSort(sorting: string | undefined): void;
}

/** The keys, portal links or sessions that there are. */
export function KeyTable({ kind, keys, sort, onSort }: KeyTableProps) {
  const session = useSession();
  const owners = useKeys("key", kind === "session");
  const ownerOf = (k: Key) => owners.data?.find((o) => o.id === k.session)?.name || k.session || k.id;
  const nameOf = (k: Key) => (kind === "session" ? ownerOf(k) : k.name || k.id);
  const revoke = useRevoke(kind, nameOf);
  const columns: Column<Key>[] = [
    {
      key: "name", title: kind === "session" ? t`Signed in with` : kind === "portal" ? t`Link` : t`Name`, width: "minmax(150px, 1.3fr)", sort: nameOf,
      cell: (k) => (
        <>
          {nameOf(k) !== k.id && <Text size="sm" className="foreign" fw={500} truncate title={nameOf(k)}>{nameOf(k)}</Text>}
          <Group gap={6} wrap="nowrap" miw={0}>
            <Code className="foreign" style={{ overflow: "hidden", textOverflow: "ellipsis" }} title={k.id}>{k.id}</Code>
            {(k.current || k.id === session.key) && <Badge size="xs" variant="light" tt="none" miw="max-content">{k.current && kind === "session" ? t`this one` : t`you are using it`}</Badge>}
          </Group>
        </>
      ),
    },
    ...(kind === "session"
      ? [{ key: "device", title: t`Device`, width: "minmax(120px, 1fr)", below: true, sort: (k: Key) => k.device ?? "", cell: (k: Key) => k.device ? <Text size="sm" className="foreign" truncate title={k.device}>{k.device}</Text> : <Unsaid /> }]
      : []),
    { key: "role", title: t`Role`, width: "92px", below: true, sort: (k) => k.role, cell: (k) => <Badge variant="light" color={k.role === "admin" ? "grape" : "gray"} tt="none" miw="max-content">{k.role}</Badge> },
    {
      key: "apps", title: t`Apps`, width: "minmax(76px, 0.7fr)", below: true,
      cell: (k) => k.apps && k.apps.length > 0 ? <Text size="sm" className="foreign" truncate title={k.apps.join(", ")}>{k.apps.join(", ")}</Text> : <Text span size="sm" c="dimmed"><Trans>All apps</Trans></Text>,
    },
    { key: "used", title: t`Last used`, width: "118px", below: true, sort: (k) => k.last_used_at ?? "", cell: (k) => k.last_used_at ? <Time at={k.last_used_at} relative /> : <Text span size="sm" c="dimmed"><Trans>not yet</Trans></Text> },
    { key: "created", title: t`Created`, width: "118px", below: true, sort: (k) => k.created_at, cell: (k) => <Time at={k.created_at} /> },
    { key: "expires", title: t`Expires`, width: "92px", below: true, sort: (k) => k.expires_at ?? "9", cell: (k) => k.expires_at ? <Time at={k.expires_at} relative /> : <Text span size="sm" c="dimmed"><Trans>never</Trans></Text> },
  ];
  const actions = (k: Key): Action[] => {
    const { short, one } = words[kind](nameOf(k) === k.id ? k.id : `${nameOf(k)} (${k.id})`);
    return [{ label: short, name: one, danger: true, first: true, run: () => void revoke(k) }];
  };
  return (
    <>
      {kind === "session" && <SignOutOthers keys={keys} />}
      <ListTable
        label={kind === "session" ? t`Sessions` : kind === "portal" ? t`Portal links` : t`Keys`}
        columns={columns}
        rows={keys}
        rowKey={(k) => k.id}
        actions={actions}
        actionsWidth="88px"
        sorting={sortingFrom(sort)}
        onSort={onSort}
        count={(n) => kind === "session"
          ? plural(n, { one: "# session", other: "# sessions" })
          : kind === "portal" ? plural(n, { one: "# portal link", other: "# portal links" }) : plural(n, { one: "# key", other: "# keys" })}
      />
    </>
  );
}

const Unsaid = () => <Text span size="sm" c="dimmed">–</Text>;

/** Ends the sessions that were started with one's own key, but for this one. */
function SignOutOthers({ keys }: { keys: Key[] }) {
  const session = useSession();
  const confirm = useConfirm();
  const remove = useDeleteKey();
  const others = keys.filter((k) => k.session === session.key && !k.current);
  if (others.length === 0) return null;
  async function signOut() {
    const agreed = await confirm({
      title: t`Sign out everywhere else?`,
      children: <Text size="sm">{plural(others.length, { one: "# other session of your key ends at once.", other: "# other sessions of your key end at once." })} <Trans>This one goes on.</Trans></Text>,
      confirm: t`Sign out the others`,
    });
    if (!agreed) return;
    const ended = await Promise.allSettled(others.map((k) => remove.mutateAsync(k.id)));
    const refused = ended.find((e) => e.status === "rejected");
    if (refused) failed(t`Not all sessions have ended`, refused.reason);
    else done(t`The other sessions have ended`);
  }
  return <Group justify="flex-end" mb="xs"><Button size="compact-sm" variant="light" color="red" onClick={() => void signOut()}><Trans>Sign out the others</Trans></Button></Group>;
}

/** Gives a function that asks, and then ends a key. */
function useRevoke(kind: Kind, nameOf: (k: Key) => string) {
  const confirm = useConfirm();
  const remove = useDeleteKey();
  const session = useSession();
  return async (k: Key) => {
    const { title, verb, lost, ended, valid } = words[kind](nameOf(k));
    const agreed = await confirm({
      title,
      children: (
        <>
          <Text size="sm"><Text span fw={600} className="foreign">{nameOf(k)}</Text>: {lost}</Text>
          {(k.current || k.id === session.key) && <Text size="sm" mt="xs" fw={600}><Trans>You are signed in with it: you will be signed out.</Trans></Text>}
        </>
      ),
      confirm: verb,
    });
    if (!agreed) return;
    remove.mutate(k.id, {
      onSuccess: () => done(ended),
      onError: (error) => failed(valid, error),
    });
  };
}
