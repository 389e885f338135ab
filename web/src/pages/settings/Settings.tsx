import { Anchor, Badge, Code, Group, Switch, Table, Text, TextInput, Title } from "@mantine/core";
import { IconSearch, IconSettings } from "@tabler/icons-react";
import { useState } from "react";
import type { Schemas } from "../../api/client.ts";
import { useSession, useSettings } from "../../api/queries.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { plural } from "../../lib/text.ts";
import { Health } from "./Health.tsx";
import { Mail } from "./Mail.tsx";
import { search, sourceWords, waysToSet } from "./sources.ts";

/** The server's settings, as they are in force. */
export function Settings() {
  const { operator } = useSession();
  if (!operator) {
    return <Page title="Settings"><Empty title="Only operators see the settings" icon={IconSettings}>That takes an admin key that is not limited to apps.</Empty></Page>;
  }
  return (
    <Page
      title="Settings"
      description={
        <>
          They are read when the server starts. To change one, give a flag, a BELLHOP_ variable or a line in the configuration file, and start the server anew;
          events are kept meanwhile. <Code>bellhop serve --help</Code> and the <Anchor href="/docs" target="_blank" rel="noreferrer" size="sm" underline="always">API guide</Anchor> say more.
        </>
      }
    >
      <Health />
      <Mail />
      <List />
    </Page>
  );
}

function List() {
  const settings = useSettings();
  const [text, setText] = useState("");
  const [changedOnly, setChangedOnly] = useState(false);
  if (!settings.data) return <Waiting query={settings} lines={8} />;
  const found = search(settings.data, text, changedOnly);
  return (
    <section aria-labelledby="in-force">
      <Title order={2} id="in-force" mb="sm">In force</Title>
      <Group mb="sm" gap="md">
        <TextInput aria-label="Search settings" placeholder="Name, value or description" leftSection={<IconSearch size={16} />} value={text} onChange={(e) => setText(e.currentTarget.value)} w={{ base: "100%", xs: 320 }} />
        <Switch label="Only those that somebody set" checked={changedOnly} onChange={(e) => setChangedOnly(e.currentTarget.checked)} />
        <Text size="sm" c="dimmed" role="status">{plural(found.length, "setting")}</Text>
      </Group>
      {found.length === 0 ? (
        <Empty title="No setting fits" icon={IconSearch}>{changedOnly ? "Everything else is as it comes." : "Search for a part of a name, such as portal."}</Empty>
      ) : (
        <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": "Settings" } }}>
          <Table verticalSpacing="sm" withTableBorder bg="var(--mantine-color-body)">
            <Table.Thead>
              <Table.Tr><Table.Th>Setting</Table.Th><Table.Th>Value</Table.Th><Table.Th>From</Table.Th></Table.Tr>
            </Table.Thead>
            <Table.Tbody>{found.map((s) => <Row key={s.name} setting={s} />)}</Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </section>
  );
}

function Row({ setting: s }: { setting: Schemas["Setting"] }) {
  const ways = waysToSet(s.name);
  return (
    <Table.Tr>
      <Table.Td maw={460}>
        <Code fw={600}>{s.name}</Code>
        <Text size="sm" c="dimmed" mt={4} className="foreign">{s.description}</Text>
        <Text size="xs" c="dimmed" mt={2} ff="monospace">{ways.flag} · {ways.variable}</Text>
      </Table.Td>
      <Table.Td maw={280}>{s.value === "" ? <Text span size="sm" c="dimmed">not set</Text> : <Code className="foreign">{s.value}</Code>}</Table.Td>
      <Table.Td>
        {s.default ? <Text span size="sm" c="dimmed">the default</Text> : (
          <>
            <Badge variant="light" tt="none" mb={2}>Set</Badge>
            <Text size="sm" className="foreign">{sourceWords(s)}</Text>
          </>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
