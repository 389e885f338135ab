import { Anchor, Group, Paper, Stack, Table, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Attempt, Endpoint } from "../../../api/client.ts";
import { linkTo } from "../../../lib/links.ts";
import { causeOf, leftHeld, madeRequest, reasonOf } from "../../../lib/reasons.ts";
import { humanDuration } from "../../../lib/time.ts";
import { Empty, Waiting } from "../../../parts/states.tsx";
import { AttemptStatus, StatusCode } from "../../../parts/Status.tsx";
import { Time } from "../../../parts/Time.tsx";
import classes from "./detail.module.css";
import { useRecent } from "./queries.ts";

const triggers: Record<Attempt["trigger"], string> = { publish: "", resend: "sent again", replay: "replay", test: "test" };

/** The newest attempts, each a way into the log. */
export function RecentAttempts({ endpoint }: { endpoint: Endpoint }) {
  const recent = useRecent(endpoint.id);
  return (
    <Stack gap="sm" component="section" aria-label="Recent attempts">
      <Group justify="space-between">
        <Title order={2}>Recent attempts</Title>
        {recent.data && recent.data.length > 0 && (
          <Anchor component={Link} {...linkTo("/logs", { endpoint: endpoint.id })} size="sm">All attempts in the log</Anchor>
        )}
      </Group>
      {!recent.data ? <Waiting query={recent} lines={5} /> : recent.data.length === 0 ? (
        <Empty title="Nothing was sent here yet">Every request to this endpoint is listed here. Send a test to see the first one.</Empty>
      ) : (
        <Paper withBorder className={classes.attempts}>
          <Table verticalSpacing={6} horizontalSpacing="sm" highlightOnHover layout="auto">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Time</Table.Th>
                <Table.Th>Result</Table.Th>
                <Table.Th>Event type</Table.Th>
                <Table.Th className={classes.narrowless}>Attempt</Table.Th>
                <Table.Th className={classes.narrowless} ta="end">Duration</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>{recent.data.map((a) => <Line key={a.id} attempt={a} />)}</Table.Tbody>
          </Table>
        </Paper>
      )}
    </Stack>
  );
}

function Line({ attempt: a }: { attempt: Attempt }) {
  const trigger = triggers[a.trigger];
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} {...linkTo("/logs", { attempt: a.id, endpoint: a.endpoint })} size="sm"><Time at={a.started_at} /></Anchor>
      </Table.Td>
      <Table.Td>
        <Group gap={6} title={a.detail ?? (a.reason && causeOf(a).sentence)} wrap="nowrap">
          <AttemptStatus value={a.status} />
          {a.status !== "canceled" && (a.response_status ? <span className={classes.code}><StatusCode attempt={a} /></span> : <Text size="xs" c="dimmed" className={classes.narrowless}>{a.reason ? reasonOf(a.reason).short : ""}</Text>)}
        </Group>
      </Table.Td>
      <Table.Td><Text size="sm" className="foreign">{a.type}</Text></Table.Td>
      <Table.Td className={classes.narrowless}>
        <Text size="sm">
          {a.number}{trigger && ` · ${trigger}`}
          {a.status === "failed" && <Text span c="dimmed" size="sm"> · {a.trigger === "test" ? "not tried again" : a.final ? "the last try" : leftHeld(a) ? "held" : a.next_at && new Date(a.next_at) > new Date() ? <>again <Time at={a.next_at} relative /></> : "to be tried again"}</Text>}
        </Text>
      </Table.Td>
      <Table.Td className={classes.narrowless} ta="end"><Text size="sm">{!madeRequest(a) ? "–" : humanDuration(a.duration_ms)}</Text></Table.Td>
    </Table.Tr>
  );
}
