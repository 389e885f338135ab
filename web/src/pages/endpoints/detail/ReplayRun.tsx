import { plural, t } from "@lingui/core/macro";
import { Plural, Trans } from "@lingui/react/macro";
import { Alert, Button, Group, List, Loader, Progress, Stack, Text } from "@mantine/core";
import type { Endpoint } from "../../../api/client.ts";
import { number } from "../../../lib/text.ts";
import { Failure } from "../../../parts/states.tsx";
import type { ReplayProgress } from "./replay.ts";
import type { ReplayState } from "./useReplay.ts";

/** A replay after its range was chosen: the count, the question, the progress and the result. */
export function ReplayRun({ endpoint, replay, onClose }: { endpoint: Endpoint; replay: ReplayState; onClose(): void }) {
  const { phase, count, sent } = replay;
  const total = (count?.matched ?? 0) + (count?.waiting ?? 0);
  const enqueued = sent?.enqueued ?? 0;
  const moved = sent?.moved ?? 0;
  const already = sent?.already ?? 0;
  const covered = (sent?.matched ?? 0) + (sent?.waiting ?? 0);
  const missing = (sent?.matched ?? 0) - enqueued - already;
  const rest = Math.max(total - covered, 0);
  const [coveredSoFar, sentAgain, triedNow] = [number(covered), number(enqueued), number(moved)];
  return (
    <Stack gap="md">
      {phase === "counting" && (
        <>
          <Group gap="sm" role="status"><Loader size="sm" aria-hidden /><Text size="sm"><Trans>Counting: <Plural value={total} one="# event" other="# events" /> so far…</Trans></Text></Group>
          <Group justify="flex-end"><Button variant="default" onClick={replay.back}><Trans>Stop counting</Trans></Button></Group>
        </>
      )}
      {phase === "counted" && (total === 0 ? (
        <>
          <Alert variant="light" title={t`No event fits`} role="status"><Trans>There is nothing to send again in this range. Choose a longer one, or other events.</Trans></Alert>
          <Group justify="flex-end"><Button variant="default" onClick={replay.back}><Trans>Choose others</Trans></Button></Group>
        </>
      ) : (
        <>
          <div role="status">
            <Text fw={650} size="xl">{plural(total, { one: "# event", other: "# events" })}</Text>
            <Parts count={count!} />
          </div>
          <Consequences endpoint={endpoint} />
          <Group justify="flex-end">
            <Button variant="default" onClick={replay.back}><Trans>Back</Trans></Button>
            <Button onClick={replay.send} disabled={endpoint.status === "disabled"}><Trans>Send <Plural value={total} one="# event" other="# events" /> again</Trans></Button>
          </Group>
        </>
      ))}
      {phase === "sending" && (
        <>
          <Text size="sm">{plural(total, { one: `${coveredSoFar} of # event enqueued`, other: `${coveredSoFar} of # events enqueued` })}</Text>
          <Progress value={percentOf(covered, total)} aria-label={t`Replay`} animated />
          <Text size="sm" c="dimmed"><Trans>Closing this stops it. What was enqueued by then is sent all the same.</Trans></Text>
          <Group justify="flex-end"><Button variant="default" onClick={replay.stop}><Trans>Stop</Trans></Button></Group>
        </>
      )}
      {(phase === "stopped" || phase === "failed") && (
        <>
          <Progress value={percentOf(covered, total)} color="yellow" aria-label={t`Replay`} />
          <Alert color="yellow" variant="light" title={phase === "stopped" ? t`Stopped` : t`It broke off`} role="status">
            {plural(enqueued, { one: "# delivery was already enqueued and is sent.", other: "# deliveries were already enqueued and are sent." })}{" "}
            {plural(rest, { one: "# event is left.", other: "# events are left." })}
          </Alert>
          {phase === "failed" && <Failure error={replay.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}><Trans>Leave it at that</Trans></Button>
            <Button onClick={replay.send}><Trans>Go on with the rest</Trans></Button>
          </Group>
        </>
      )}
      {phase === "done" && (
        <>
          <Progress value={100} color="teal" aria-label={t`Replay`} />
          <Alert color="teal" variant="light" title={moved > 0 ? t`${sentAgain} sent again, ${triedNow} tried now` : plural(enqueued, { one: "# delivery is sent again", other: "# deliveries are sent again" })} role="status">
            {endpoint.status === "paused" ? t`They are held, since the endpoint is paused, and go out on resume.` : t`They go out now, oldest first; the attempts appear in the log as replays.`}
            {already > 0 && ` ${plural(already, { one: "# event was left alone: it goes out next anyway.", other: "# events were left alone: they go out next anyway." })}`}
            {missing > 0 && ` ${plural(missing, { one: "# event could not be sent again, because its data was erased meanwhile.", other: "# events could not be sent again, because their data was erased meanwhile." })}`}
          </Alert>
          <Group justify="flex-end"><Button onClick={onClose}><Trans>Done</Trans></Button></Group>
        </>
      )}
    </Stack>
  );
}

/** What the counted events are. */
function Parts({ count }: { count: ReplayProgress }) {
  const rest = count.matched - count.failed;
  return (
    <List size="sm" mt={4}>
      {count.failed > 0 && <List.Item>{plural(count.failed, { one: "# failed delivery is sent again", other: "# failed deliveries are sent again" })}</List.Item>}
      {count.waiting > 0 && <List.Item>{plural(count.waiting, { one: "# waiting delivery is tried now, without a second copy", other: "# waiting deliveries are tried now, without a second copy" })}</List.Item>}
      {rest > 0 && <List.Item>{plural(rest, { one: "# event is sent to this endpoint", other: "# events are sent to this endpoint, oldest first" })}</List.Item>}
    </List>
  );
}

function Consequences({ endpoint }: { endpoint: Endpoint }) {
  if (endpoint.status === "disabled") return <Alert color="yellow" variant="light"><Trans>The endpoint is disabled, so nothing can be sent. Enable it first.</Trans></Alert>;
  return (
    <Text size="sm" c="dimmed">
      {endpoint.status === "paused" && <><Trans>The endpoint is paused: they will be held until it is resumed.</Trans>{" "}</>}
      <Trans>Each keeps its id, so a receiver that remembers ids can tell what it already had.</Trans>
    </Text>
  );
}

const percentOf = (part: number, whole: number) => (whole === 0 ? 100 : Math.min(100, (part / whole) * 100));
