import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Badge, Box, Code, Group } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Event } from "../../api/client.ts";
import { number } from "../../lib/text.ts";
import { AppName } from "../../parts/AppName.tsx";
import type { Column } from "../../parts/CursorTable.tsx";
import { OutcomeBadge } from "../../parts/Status.tsx";
import classes from "../../parts/table.module.css";
import { Time, TimeTitle } from "../../parts/Time.tsx";

/** The columns of the list of events; the app only where there is more than one. */
export function eventColumns(withApp: boolean): Column<Event>[] {
  const columns: (Column<Event> | false)[] = [
    { key: "outcome", title: t`Outcome`, width: "minmax(84px, min(108px, 26vw))", cell: (e) => <OutcomeCell event={e} /> },
    { key: "time", title: <TimeTitle />, width: "minmax(72px, min(136px, 26vw))", cell: (e) => <Time at={e.created_at} bare /> },
    {
      key: "type",
      title: t`Event type`,
      width: "minmax(100px, 1.4fr)",
      cell: (e) => (
        <>
          <Group gap={6} wrap="nowrap">
            <Anchor component={Link} to={`/events/${e.id}`} size="sm" className="foreign" truncate>
              {e.type}
            </Anchor>
            {e.test && <Badge size="xs" variant="light" color="grape" tt="none" miw="max-content"><Trans context="of an event">Test</Trans></Badge>}
            {e.erased && <Badge size="xs" variant="light" color="gray" tt="none" miw="max-content"><Trans>Erased</Trans></Badge>}
          </Group>
          {/* A phone has no room for a column of its own. */}
          {e.subject && <Box hiddenFrom="sm" c="dimmed" fz={12} className={`foreign ${classes.second}`} style={{ overflow: "hidden", textOverflow: "ellipsis" }}>{e.subject}</Box>}
        </>
      ),
    },
    { key: "subject", title: t`Subject`, width: "minmax(60px, 1fr)", wide: true, cell: (e) => (e.subject ? <span className="foreign">{e.subject}</span> : <None />) },
    withApp && { key: "app", title: t`App`, width: "minmax(60px, 0.7fr)", wide: true, cell: (e) => <AppName id={e.app} /> },
    { key: "external", title: t`Your id`, width: "minmax(70px, 0.8fr)", wide: true, cell: (e) => (e.external_id ? <span className="foreign">{e.external_id}</span> : <None />) },
    { key: "id", title: t`Event id`, width: "166px", wide: true, cell: (e) => <Code>{e.id}</Code> },
    { key: "deliveries", title: t`Endpoints`, width: "72px", wide: true, align: "end", cell: (e) => number(e.deliveries) },
  ];
  return columns.filter((c) => c !== false);
}

/** The worst that has become of an event, with the numbers on hover. */
function OutcomeCell({ event: { outcome: o } }: { event: Event }) {
  if (!o) return <None />;
  const counts = [
    o.failed > 0 && plural(o.failed, { one: "failed at # endpoint", other: "failed at # endpoints" }),
    o.held > 0 && plural(o.held, { one: "held for # endpoint", other: "held for # endpoints" }),
    o.waiting > 0 && plural(o.waiting, { one: "waits for # endpoint", other: "waits for # endpoints" }),
    o.canceled > 0 && plural(o.canceled, { one: "canceled at # endpoint", other: "canceled at # endpoints" }),
    o.delivered > 0 && plural(o.delivered, { one: "delivered to # endpoint", other: "delivered to # endpoints" }),
  ].filter((text) => text !== false);
  const title = counts.length === 0 ? t`No endpoint wanted it` : counts.join("\n");
  return <span title={title}><OutcomeBadge value={o.state} /></span>;
}

function None() {
  return <span aria-label={t`none`}>–</span>;
}
