import { Alert, Button, Group, List, Loader, Progress, Stack, Text } from "@mantine/core";
import type { Endpoint } from "../../../api/client.ts";
import { number, plural } from "../../../lib/text.ts";
import { Failure } from "../../../parts/states.tsx";
import type { ReplayProgress } from "./replay.ts";
import type { ReplayState } from "./useReplay.ts";

/** A replay after its range was chosen: the count, the question, the progress and the result. */
export function ReplayRun({ endpoint, replay, onClose }: { endpoint: Endpoint; replay: ReplayState; onClose(): void }) {
  const { phase, count, sent } = replay;
  const total = count?.matched ?? 0;
  const enqueued = sent?.enqueued ?? 0;
  const moved = sent?.moved ?? 0;
  const already = sent?.already ?? 0;
  const covered = sent?.matched ?? 0;
  const rest = Math.max(total - covered, 0);
  return (
    <Stack gap="md">
      {phase === "counting" && (
        <>
          <Group gap="sm" role="status"><Loader size="sm" aria-hidden /><Text size="sm">Counting: {plural(total, "event")} so far…</Text></Group>
          <Group justify="flex-end"><Button variant="default" onClick={replay.back}>Stop counting</Button></Group>
        </>
      )}
      {phase === "counted" && (total === 0 ? (
        <>
          <Alert variant="light" title="No event fits" role="status">There is nothing to send again in this range. Choose a longer one, or other events.</Alert>
          <Group justify="flex-end"><Button variant="default" onClick={replay.back}>Choose others</Button></Group>
        </>
      ) : (
        <>
          <div role="status">
            <Text fw={650} size="xl">{plural(total, "event")}</Text>
            <Parts count={count!} />
          </div>
          <Consequences endpoint={endpoint} />
          <Group justify="flex-end">
            <Button variant="default" onClick={replay.back}>Back</Button>
            <Button onClick={replay.send} disabled={endpoint.status === "disabled"}>Send {plural(total, "event")} again</Button>
          </Group>
        </>
      ))}
      {phase === "sending" && (
        <>
          <Text size="sm">{number(covered)} of {plural(total, "event")} enqueued</Text>
          <Progress value={percentOf(covered, total)} aria-label="Replay" animated />
          <Text size="sm" c="dimmed">Closing this stops it. What was enqueued by then is sent all the same.</Text>
          <Group justify="flex-end"><Button variant="default" onClick={replay.stop}>Stop</Button></Group>
        </>
      )}
      {(phase === "stopped" || phase === "failed") && (
        <>
          <Progress value={percentOf(covered, total)} color="yellow" aria-label="Replay" />
          <Alert color="yellow" variant="light" title={phase === "stopped" ? "Stopped" : "It broke off"} role="status">
            {plural(enqueued, "delivery", "deliveries")} {enqueued === 1 ? "was" : "were"} already enqueued and {enqueued === 1 ? "is" : "are"} sent. {plural(rest, "event")} {rest === 1 ? "is" : "are"} left.
          </Alert>
          {phase === "failed" && <Failure error={replay.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Leave it at that</Button>
            <Button onClick={replay.send}>Go on with the rest</Button>
          </Group>
        </>
      )}
      {phase === "done" && (
        <>
          <Progress value={100} color="teal" aria-label="Replay" />
          <Alert color="teal" variant="light" title={moved > 0 ? `${number(enqueued)} sent again, ${number(moved)} tried now` : `${plural(enqueued, "delivery is", "deliveries are")} sent again`} role="status">
            {endpoint.status === "paused" ? "They are held, since the endpoint is paused, and go out on resume." : "They go out now, oldest first; the attempts appear in the log as replays."}
            {already > 0 && ` ${plural(already, "event")} ${already === 1 ? "was" : "were"} left alone: ${already === 1 ? "it goes" : "they go"} out next anyway.`}
            {enqueued + moved + already < covered && ` ${plural(covered - enqueued - moved - already, "event")} could not be sent again, because their data was erased meanwhile.`}
          </Alert>
          <Group justify="flex-end"><Button onClick={onClose}>Done</Button></Group>
        </>
      )}
    </Stack>
  );
}

/** What the counted events are. */
function Parts({ count }: { count: ReplayProgress }) {
  const rest = count.matched - count.failed - count.waiting;
  return (
    <List size="sm" mt={4}>
      {count.failed > 0 && <List.Item>{plural(count.failed, "failed delivery is", "failed deliveries are")} sent again</List.Item>}
      {count.waiting > 0 && <List.Item>{plural(count.waiting, "waiting delivery is", "waiting deliveries are")} tried now, without a second copy</List.Item>}
      {rest > 0 && <List.Item>{plural(rest, "event is", "events are")} sent to this endpoint, oldest first</List.Item>}
    </List>
  );
}

function Consequences({ endpoint }: { endpoint: Endpoint }) {
  if (endpoint.status === "disabled") return <Alert color="yellow" variant="light">The endpoint is disabled, so nothing can be sent. Enable it first.</Alert>;
  return (
    <Text size="sm" c="dimmed">
      {endpoint.status === "paused" ? "The endpoint is paused: they will be held until it is resumed. " : ""}
      Each keeps its id, so a receiver that remembers ids can tell what it already had.
    </Text>
  );
}

const percentOf = (part: number, whole: number) => (whole === 0 ? 100 : Math.min(100, (part / whole) * 100));
