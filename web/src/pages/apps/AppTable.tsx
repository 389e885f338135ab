import { Anchor, Badge, Code, Group, Text } from "@mantine/core";
import { IconLink, IconPencil, IconPlugConnected, IconTrash } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import type { App } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { linkTo } from "../../lib/links.ts";
import { plural } from "../../lib/text.ts";
import { type Action, ListTable } from "../../parts/ListTable.tsx";
import type { Column, Sorting } from "../../parts/table.tsx";
import { Time } from "../../parts/Time.tsx";

interface AppTableProps {
  apps: App[];
  sorting: Sorting | undefined;
  onSort(sorting: string | undefined): void;
  onLink(app: App): void;
  onEdit(app: App): void;
  onDelete(app: App): void;
}

const key = (app: App) => app.id;

export function AppTable({ apps, sorting, onSort, onLink, onEdit, onDelete }: AppTableProps) {
  const { role, operator } = useSession();
  const filter = useAppFilter();
  const navigate = useNavigate();
  const columns: Column<App>[] = [
    {
      key: "name", title: "App", width: "minmax(140px, 1.4fr)", sort: (a) => a.name || a.id,
      cell: (app) => (
        <>
          <Group gap="xs" wrap="nowrap" miw={0}>
            <Anchor component={Link} {...linkTo("/", { app: app.id })} size="sm" fw={600} className="foreign" truncate title={`Show this app only: ${app.id}`}>{app.name || app.id}</Anchor>
            {app.id === filter && <Badge size="xs" variant="light" tt="none" miw="max-content">shown now</Badge>}
          </Group>
          {app.dialects && app.dialects.length > 0 && <Text size="xs" c="dimmed" className="foreign" truncate>{app.dialects.length === 1 ? "Dialect" : "Dialects"} {app.dialects.join(", ")}</Text>}
        </>
      ),
    },
    { key: "id", title: "Id", width: "minmax(90px, 0.8fr)", below: true, sort: (a) => a.id, cell: (app) => (
      <>
        <Code className="foreign" title={app.id}>{app.id}</Code>
        {app.uid && <Text size="xs" c="dimmed" className="foreign" truncate title={app.uid}>{app.uid}</Text>}
      </>
    ) },
    { key: "notes", title: "Notes", width: "minmax(80px, 1fr)", below: true, cell: (app) => <Notes notes={app.metadata} /> },
    { key: "created", title: "Created", width: "150px", below: true, sort: (a) => a.created_at, cell: (app) => <Time at={app.created_at} /> },
  ];
  const actions = (app: App): Action[] => [
    { label: "Endpoints", name: `Endpoints of ${app.id}`, icon: IconPlugConnected, first: true, to: linkTo("/endpoints", { app: app.id }) },
    ...(role === "admin" ? [
      { label: "Portal link", name: `Portal link for ${app.id}`, icon: IconLink, first: true, run: () => onLink(app) },
      { label: "Change settings", name: `Change settings of ${app.id}`, icon: IconPencil, run: () => onEdit(app) },
    ] : []),
    ...(operator ? [{ label: "Delete app", name: `Delete app ${app.id}`, icon: IconTrash, danger: true, run: () => onDelete(app) }] : []),
  ];
  return (
    <ListTable
      label="Apps"
      columns={columns}
      rows={apps}
      rowKey={key}
      onOpen={(app) => void navigate({ to: "/", search: { app: app.id } })}
      actions={actions}
      actionsWidth="300px"
      more={(app) => `More for ${app.id}`}
      sorting={sorting}
      onSort={onSort}
      count={(n) => plural(n, "app")}
    />
  );
}

function Notes({ notes }: { notes?: Record<string, string> }) {
  const all = Object.entries(notes ?? {});
  if (all.length === 0) return <Text span size="sm" c="dimmed">–</Text>;
  const text = all.map(([name, value]) => `${name}: ${value}`).join(" · ");
  return <Text size="xs" className="foreign" truncate title={text}>{text}</Text>;
}
