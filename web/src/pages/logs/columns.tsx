import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Box, VisuallyHidden } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Attempt } from "../../api/client.ts";
import { linkHere } from "../../lib/links.ts";
import { madeRequest } from "../../lib/reasons.ts";
import { humanDuration } from "../../lib/time.ts";
import { AppName } from "../../parts/AppName.tsx";
import type { Column } from "../../parts/CursorTable.tsx";
import { EndpointName } from "../../parts/EndpointName.tsx";
import { StatusCode } from "../../parts/Status.tsx";
import classes from "../../parts/table.module.css";
import { Time, TimeTitle } from "../../parts/Time.tsx";

/** The columns of the log; the app only where there is more than one. The time is the link that opens a line by keyboard. */
export function logColumns(withApp: boolean): Column<Attempt>[] {
  const columns: (Column<Attempt> | false)[] = [
    { key: "status", title: t`Status`, width: "minmax(56px, min(116px, 18vw))", cell: (a) => <StatusCode attempt={a} /> },
    {
      key: "time",
      title: <TimeTitle />,
      width: "minmax(70px, min(136px, 31vw))",
      cell: (a) => (
        <Anchor component={Link} {...linkHere("/logs", { attempt: a.id })} resetScroll={false} size="sm" c="inherit">
          <VisuallyHidden><Trans>Open the attempt of</Trans> </VisuallyHidden>
          <Time at={a.started_at} bare />
        </Anchor>
      ),
    },
    {
      key: "type",
      title: t`Event type`,
      width: "minmax(80px, 1.2fr)",
      cell: (a) => (
        <>
          <span className="foreign">{a.type}</span>
          {/* A phone has no room for a column of its own. */}
          <Box hiddenFrom="sm" c="dimmed" fz={12} className={classes.second} style={{ overflow: "hidden", textOverflow: "ellipsis" }}><EndpointName id={a.endpoint} link={false} /></Box>
        </>
      ),
    },
    withApp && { key: "app", title: t`App`, width: "minmax(60px, 0.7fr)", wide: true, cell: (a) => <AppName id={a.app} /> },
    { key: "endpoint", title: t`Endpoint`, width: "minmax(80px, 1.2fr)", wide: true, cell: (a) => <EndpointName id={a.endpoint} /> },
    {
      key: "event",
      title: t`Idempotency key`,
      width: "164px",
      wide: true,
      cell: (a) => <Anchor component={Link} to={`/events/${a.event}`} ff="monospace" style={{ fontSize: 12 }} title={t`The event's id, which receivers get as idempotency key`}>{a.event}</Anchor>,
    },
    { key: "number", title: t({ message: "Try", context: "the number of an attempt" }), width: "32px", wide: true, align: "end", cell: (a) => (madeRequest(a) ? a.number : "–") },
    { key: "duration", title: t`Took`, width: "60px", align: "end", cell: (a) => (madeRequest(a) ? humanDuration(a.duration_ms) : "–") },
  ];
  return columns.filter((c) => c !== false);
}
