import { Anchor, Badge, Code, Group } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Event } from "../../api/client.ts";
import { number } from "../../lib/text.ts";
import { AppName } from "../../parts/AppName.tsx";
import type { Column } from "../../parts/CursorTable.tsx";
import { Time, TimeTitle } from "../../parts/Time.tsx";

/** The columns of the list of events; the app only where there is more than one. */
export function eventColumns(withApp: boolean): Column<Event>[] {
  const columns: (Column<Event> | false)[] = [
    { key: "time", title: <TimeTitle />, width: "minmax(72px, min(136px, 32vw))", cell: (e) => <Time at={e.created_at} bare /> },
    {
      key: "type",
      title: "Event type",
      width: "minmax(100px, 1.4fr)",
      cell: (e) => (
        <Group gap={6} wrap="nowrap">
          <Anchor component={Link} to={`/events/${e.id}`} size="sm" className="foreign" truncate>
            {e.type}
          </Anchor>
          {e.test && <Badge size="xs" variant="light" color="grape" tt="none">Test</Badge>}
          {e.erased && <Badge size="xs" variant="light" color="gray" tt="none">Erased</Badge>}
        </Group>
      ),
    },
    { key: "subject", title: "Subject", width: "minmax(60px, 1fr)", wide: true, cell: (e) => (e.subject ? <span className="foreign">{e.subject}</span> : <None />) },
    withApp && { key: "app", title: "App", width: "minmax(60px, 0.7fr)", wide: true, cell: (e) => <AppName id={e.app} /> },
    { key: "external", title: "Your id", width: "minmax(80px, 1fr)", wide: true, cell: (e) => (e.external_id ? <span className="foreign">{e.external_id}</span> : <None />) },
    { key: "id", title: "Event id", width: "180px", wide: true, cell: (e) => <Code>{e.id}</Code> },
    { key: "deliveries", title: "Endpoints", width: "72px", align: "end", cell: (e) => number(e.deliveries) },
  ];
  return columns.filter((c) => c !== false);
}

function None() {
  return <span aria-label="none">–</span>;
}
