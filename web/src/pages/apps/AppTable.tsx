import { ActionIcon, Anchor, Badge, Button, Code, Group, Menu, Table, Text, VisuallyHidden } from "@mantine/core";
import { IconDots, IconLink, IconPencil, IconTrash } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { App } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { linkTo } from "../../lib/links.ts";
import { Time } from "../../parts/Time.tsx";

interface AppTableProps {
  apps: App[];
  onLink(app: App): void;
  onEdit(app: App): void;
  onDelete(app: App): void;
}

export function AppTable({ apps, onLink, onEdit, onDelete }: AppTableProps) {
  const { role, operator } = useSession();
  const filter = useAppFilter();
  const admin = role === "admin";
  return (
    <Table.ScrollContainer minWidth={600} scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": "Apps" } }}>
      <Table verticalSpacing="sm" withTableBorder highlightOnHover bg="var(--mantine-color-body)">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>App</Table.Th>
            <Table.Th>Notes</Table.Th>
            <Table.Th>Created</Table.Th>
            <Table.Th><VisuallyHidden>Actions</VisuallyHidden></Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {apps.map((app) => (
            <Table.Tr key={app.id}>
              <Table.Td maw={320}>
                <Group gap="xs">
                  <Anchor component={Link} {...linkTo("/", { app: app.id })} size="sm" fw={600} className="foreign" title="Show this app only">{app.name || app.id}</Anchor>
                  {app.name && <Code className="foreign">{app.id}</Code>}
                  {app.id === filter && <Badge size="xs" variant="light" tt="none">shown now</Badge>}
                </Group>
                {app.dialects && app.dialects.length > 0 && <Text size="xs" c="dimmed" className="foreign">{app.dialects.length === 1 ? "Dialect" : "Dialects"} {app.dialects.join(", ")}</Text>}
              </Table.Td>
              <Table.Td maw={300}><Notes notes={app.metadata} /></Table.Td>
              <Table.Td><Time at={app.created_at} /></Table.Td>
              <Table.Td>
                <Group gap="xs" justify="flex-end" wrap="nowrap">
                  <Button component={Link} {...linkTo("/endpoints", { app: app.id })} size="compact-sm" variant="subtle" aria-label={`Endpoints of ${app.id}`}>Endpoints</Button>
                  {admin && (
                    <>
                      <Button size="compact-sm" variant="light" leftSection={<IconLink size={14} />} onClick={() => onLink(app)} aria-label={`Portal link for ${app.id}`}>Portal link</Button>
                      <Menu position="bottom-end">
                        <Menu.Target>
                          <ActionIcon variant="subtle" color="gray" aria-label={`More for ${app.id}`}><IconDots size={16} /></ActionIcon>
                        </Menu.Target>
                        <Menu.Dropdown>
                          <Menu.Item leftSection={<IconPencil size={14} />} onClick={() => onEdit(app)}>Change settings</Menu.Item>
                          {operator && <Menu.Item color="red" leftSection={<IconTrash size={14} />} onClick={() => onDelete(app)}>Delete app</Menu.Item>}
                        </Menu.Dropdown>
                      </Menu>
                    </>
                  )}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Notes({ notes }: { notes?: Record<string, string> }) {
  const all = Object.entries(notes ?? {});
  if (all.length === 0) return <Text span size="sm" c="dimmed">–</Text>;
  return (
    <Text size="xs" className="foreign" lineClamp={2}>
      {all.map(([name, value]) => `${name}: ${value}`).join(" · ")}
    </Text>
  );
}
