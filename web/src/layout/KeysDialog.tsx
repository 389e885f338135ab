import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Kbd, Modal, Stack, Switch, Table, Text } from "@mantine/core";
import { choose, useChoices } from "../lib/choices.ts";

const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/** What Ctrl is called on this device's keyboard. */
export const mod = mac ? "⌘" : "Ctrl";

const keys: { keys: string[]; does: MessageDescriptor; single?: boolean }[] = [
  { keys: [mod, "K"], does: msg`Search apps, endpoints, ids and pages` },
  { keys: ["?"], does: msg`Show these keys`, single: true },
  { keys: ["/"], does: msg`Search, as above`, single: true },
  { keys: ["J"], does: msg`In an open line of the log: the next one`, single: true },
  { keys: ["K"], does: msg`In an open line of the log: the one before`, single: true },
  { keys: ["Esc"], does: msg`Close what is open` },
  { keys: [mod, "Click"], does: msg`Open a line of a list in another tab` },
];

/** The keys that do something, and the choice to have only those with Ctrl. */
export default function KeysDialog({ opened, onClose }: { opened: boolean; onClose(): void }) {
  const { keys: single } = useChoices();
  return (
    <Modal opened={opened} onClose={onClose} title={t`Keyboard`} transitionProps={{ duration: 0 }}>
      <Stack>
        <Table aria-label={t`Keyboard`}>
          <Table.Thead><Table.Tr><Table.Th><Trans>Key</Trans></Table.Th><Table.Th><Trans>What it does</Trans></Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {keys.map((k) => (
              <Table.Tr key={k.keys.join("+")} opacity={k.single && single === "off" ? 0.75 : 1}>
                <Table.Td style={{ whiteSpace: "nowrap" }}>{k.keys.map((key, i) => <span key={key}>{i > 0 && " + "}<Kbd>{key}</Kbd></span>)}</Table.Td>
                <Table.Td><Text size="sm">{i18n._(k.does)}{k.single && single === "off" && <> (<Trans>off</Trans>)</>}</Text></Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Switch
          label={t`Single letters and signs do something`}
          description={t`Switch this off if you speak to your computer, or type by accident. It is kept in this browser.`}
          checked={single === "on"}
          onChange={(e) => choose({ keys: e.currentTarget.checked ? "on" : "off" })}
        />
      </Stack>
    </Modal>
  );
}
