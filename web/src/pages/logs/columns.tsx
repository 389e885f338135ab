import { Anchor, Code, VisuallyHidden } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Attempt } from "../../api/client.ts";
import { shortId } from "../../lib/ids.ts";
import { linkHere } from "../../lib/links.ts";
import { madeRequest } from "../../lib/reasons.ts";
import { humanDuration } from "../../lib/time.ts";
import type { Column } from "../../parts/CursorTable.tsx";
import { EndpointName } from "../../parts/EndpointName.tsx";
import { StatusCode } from "../../parts/Status.tsx";
import { Time } from "../../parts/Time.tsx";

/** The columns of the log. The time is the link that opens a line by keyboard. */
export const logColumns: Column<Attempt>[] = [
  { key: "status", title: "Status", width: "minmax(56px, min(116px, 18vw))", cell: (a) => <StatusCode attempt={a} /> },
  {
    key: "time",
    title: "Time",
    width: "minmax(70px, min(150px, 31vw))",
    cell: (a) => (
      <Anchor component={Link} {...linkHere("/logs", { attempt: a.id })} resetScroll={false} size="sm" c="inherit">
        <VisuallyHidden>Open the attempt of </VisuallyHidden>
        <Time at={a.started_at} />
      </Anchor>
    ),
  },
  { key: "type", title: "Event type", width: "minmax(80px, 1.2fr)", cell: (a) => <span className="foreign">{a.type}</span> },
  { key: "endpoint", title: "Endpoint", width: "minmax(80px, 1.2fr)", wide: true, cell: (a) => <EndpointName id={a.endpoint} /> },
  {
    key: "event",
    title: "Idempotency key",
    width: "170px",
    wide: true,
    cell: (a) => <Anchor component={Link} to={`/events/${a.event}`} ff="monospace" style={{ fontSize: 12 }} title="The event's id, which receivers get as idempotency key">{a.event}</Anchor>,
  },
  { key: "id", title: "Attempt", width: "94px", wide: true, cell: (a) => <Code title={a.id}>{shortId(a.id)}</Code> },
  { key: "number", title: "Try", width: "40px", wide: true, align: "end", cell: (a) => (madeRequest(a) ? a.number : "–") },
  { key: "duration", title: "Took", width: "64px", align: "end", cell: (a) => (madeRequest(a) ? humanDuration(a.duration_ms) : "–") },
];
