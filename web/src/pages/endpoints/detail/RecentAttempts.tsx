import { type MessageDescriptor, i18n } from "@lingui/core";
import { msg, plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Attempt, Endpoint } from "../../../api/client.ts";
import { linkTo } from "../../../lib/links.ts";
import { causeOf, leftHeld, madeRequest, reasonOf } from "../../../lib/reasons.ts";
import { humanDuration } from "../../../lib/time.ts";
import { ListTable } from "../../../parts/ListTable.tsx";
import { Empty, Waiting } from "../../../parts/states.tsx";
import { AttemptStatus, StatusCode } from "../../../parts/Status.tsx";
import type { Column } from "../../../parts/table.tsx";
import { Time, TimeTitle } from "../../../parts/Time.tsx";
import { useRecent } from "./queries.ts";

const triggers: Record<Attempt["trigger"], MessageDescriptor | undefined> = { publish: undefined, resend: msg`sent again`, replay: msg`replay`, test: msg`test` };

const key = (a: Attempt) => a.id;

/** The newest attempts, each a way into the log. */
export function RecentAttempts({ endpoint }: { endpoint: Endpoint }) {
  const recent = useRecent(endpoint.id);
  const navigate = useNavigate();
  return (
    <Stack gap="sm" component="section" aria-label={t`Recent attempts`}>
      <Group justify="space-between">
        <Title order={2}><Trans>Recent attempts</Trans></Title>
        {recent.data && recent.data.length > 0 && (
          <Anchor component={Link} {...linkTo("/logs", { endpoint: endpoint.id })} size="sm"><Trans>All attempts in the log</Trans></Anchor>
        )}
      </Group>
      {!recent.data ? <Waiting query={recent} lines={5} /> : recent.data.length === 0 ? (
        <Empty title={t`Nothing was sent here yet`}><Trans>Every request to this endpoint is listed here. Send a test to see the first one.</Trans></Empty>
      ) : (
        <ListTable
          label={t`The newest attempts`}
          columns={columns()}
          rows={recent.data}
          rowKey={key}
          onOpen={(a) => void navigate({ to: "/logs", search: { attempt: a.id, endpoint: a.endpoint } })}
          count={(n) => plural(n, { one: "The newest attempt", other: "The newest # attempts" })}
        />
      )}
    </Stack>
  );
}

function columns(): Column<Attempt>[] {
  return [
    {
      key: "time", title: <TimeTitle />, width: "minmax(90px, 140px)",
      cell: (a) => <Anchor component={Link} {...linkTo("/logs", { attempt: a.id, endpoint: a.endpoint })} size="sm"><Time at={a.started_at} bare /></Anchor>,
    },
    { key: "result", title: t`Result`, width: "minmax(110px, 1.1fr)", cell: (a) => <Result attempt={a} /> },
    { key: "type", title: t`Event type`, width: "minmax(90px, 1fr)", below: true, cell: (a) => <span className="foreign">{a.type}</span> },
    { key: "number", title: t({ message: "Attempt", context: "its number" }), width: "minmax(110px, 1fr)", below: true, cell: (a) => <Number attempt={a} /> },
    { key: "took", title: t`Took`, width: "64px", wide: true, align: "end", cell: (a) => (madeRequest(a) ? humanDuration(a.duration_ms) : "–") },
  ];
}

function Result({ attempt: a }: { attempt: Attempt }) {
  return (
    <Group gap={6} title={a.detail ?? (a.reason && causeOf(a).sentence)} wrap="nowrap">
      <AttemptStatus value={a.status} />
      {a.status !== "canceled" && (a.response_status ? <StatusCode attempt={a} /> : <Text size="xs" c="dimmed" truncate visibleFrom="sm">{a.reason ? reasonOf(a.reason).short : ""}</Text>)}
    </Group>
  );
}

function Number({ attempt: a }: { attempt: Attempt }) {
  const trigger = triggers[a.trigger];
  return (
    <span>
      {a.number}{trigger && ` · ${i18n._(trigger)}`}
      {a.status === "failed" && <Text span inherit c="dimmed"> · <Next attempt={a} /></Text>}
    </span>
  );
}

/** What follows a failure. */
function Next({ attempt: a }: { attempt: Attempt }) {
  if (a.trigger === "test") return <Trans>not tried again</Trans>;
  if (a.final) return <Trans>the last try</Trans>;
  if (leftHeld(a)) return <Trans>held</Trans>;
  return a.next_at && new Date(a.next_at) > new Date() ? <Trans>again <Time at={a.next_at} relative /></Trans> : <Trans>to be tried again</Trans>;
}
