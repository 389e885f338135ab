import { plural, plural as pluralOf, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Badge, Button, Group, Stack, Text, Title, VisuallyHidden } from "@mantine/core";
import { IconRepeat } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Attempt, Endpoint } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { madeRequest } from "../../lib/reasons.ts";
import { humanDuration } from "../../lib/time.ts";
import { FailurePanel } from "../../parts/FailurePanel.tsx";
import { Remedies } from "../../parts/Remedies.tsx";
import { useTryNow } from "../../parts/useTryNow.ts";
import { EndpointName, nameOf } from "../../parts/EndpointName.tsx";
import { Sentence } from "../../parts/Sentence.tsx";
import { DeliveryStatus, HealthBadge, StatusCode } from "../../parts/Status.tsx";
import { Time } from "../../parts/Time.tsx";
import { type Axis, type Lane, laneFinding } from "./lanes.ts";
import { logOf, Track } from "./Track.tsx";
import classes from "./Track.module.css";

interface LaneRowProps {
  lane: Lane;
  /** The endpoint, if it is there still and may be seen. */
  known: Endpoint | undefined;
  axis: Axis;
  /** Sends the event to this endpoint again, if the viewer may. */
  onResend?(name: string): void;
  busy: boolean;
}

const atOnce = 3;
const triggers = (): Record<string, string> => ({ resend: t`Sent again`, replay: t`Replayed`, test: t`Test` });

const numberOf = (number: number) => t`Attempt ${number} of its delivery`;
const inLog = (number: number) => t`Attempt ${number} in the log,`;

/** What the other columns do not say of an attempt. */
function noteOf(a: Attempt): string {
  const notes = [triggers()[a.trigger], a.response_status && a.status !== "succeeded" ? undefined : a.detail];
  return notes.filter((n) => n !== undefined).join(": ");
}

/** What became of an event at one endpoint. */
export function LaneRow({ lane, known, axis, onResend, busy }: LaneRowProps) {
  const [all, setAll] = useState(false);
  const x = lane.explanation;
  const name = x && (x.name || x.url) ? nameOf({ name: x.name, url: x.url ?? "" }) : undefined;
  const newestFirst = [...lane.attempts].reverse();
  const shown = all ? newestFirst : newestFirst.slice(0, atOnce);
  const trigger = triggers()[lane.deliveries[0]!.trigger];
  const finding = laneFinding(lane);
  const called = name ?? lane.endpoint;
  return (
    <Stack component="li" gap={6} className={classes.lane}>
      <Group justify="space-between" gap="xs" align="flex-start">
        <Group gap="xs" style={{ flex: "1 1 200px", minWidth: 0 }}>
          <Title order={3} size="sm" fw={600}>
            {name ? <Anchor component={Link} to={`/endpoints/${lane.endpoint}`} className="foreign" inherit title={x?.url}>{name}</Anchor> : <EndpointName id={lane.endpoint} />}
          </Title>
          <DeliveryStatus value={lane.outcome} />
          {lane.copies > 0 && <Badge variant="light" color="blue" size="sm" tt="none" fw={600}>{pluralOf(lane.copies, { one: "A second copy waits", other: "# more copies wait" })}</Badge>}
          {known && <Text span size="xs" c="dimmed"><Trans>endpoint: <HealthBadge endpoint={known} size="xs" /></Trans></Text>}
          {trigger && <Badge variant="default" size="sm" tt="none" fw={500}>{trigger}</Badge>}
        </Group>
        {onResend && (
          <Button size="compact-sm" variant="default" leftSection={<IconRepeat size={14} />} loading={busy} onClick={() => onResend(name ?? lane.endpoint)} aria-label={`${t`Send again`}: ${called}`}>
            <Trans>Send again</Trans>
          </Button>
        )}
      </Group>
      {!finding && (x ? <Text size="sm" c="dimmed"><Sentence text={x.detail} /></Text> : lane.next && lane.copies === 0 && <Text size="sm" c="dimmed"><Trans>Next attempt <Time at={lane.next} relative />.</Trans></Text>)}
      {lane.copies > 0 && <Copies lane={lane} />}
      {finding && (
        <FailurePanel finding={finding} label={t`What is the matter at ${called}`}>
          <Remedies
            ways={finding.ways}
            endpoint={lane.endpoint}
            known={known}
            attempt={lane.attempts.at(-1)?.id}
            tried={lane.telling.status === "pending" ? { delivery: lane.telling.id, event: lane.telling.event, endpoint: lane.endpoint } : undefined}
            about={name ?? lane.endpoint}
            size="compact-sm"
          />
        </FailurePanel>
      )}
      {(lane.attempts.length > 0 || lane.next) && <Track lane={lane} axis={axis} />}
      {shown.length > 0 && (
        <ol className={classes.attempts} aria-label={t`Attempts, newest first`}>
          {shown.map((a) => (
            <li key={a.id} className={classes.attempt}>
              <Text span size="sm" c="dimmed" title={madeRequest(a) ? numberOf(a.number) : t`No request was made`}>{madeRequest(a) ? `#${a.number}` : "–"}</Text>
              <Anchor component={Link} {...logOf(a)} size="sm">
                <VisuallyHidden>{inLog(a.number)} </VisuallyHidden>
                <Time at={a.started_at} />
              </Anchor>
              <span><StatusCode attempt={a} /></span>
              <Text span size="sm" ta="end">{madeRequest(a) ? humanDuration(a.duration_ms) : "–"}</Text>
              <Text span size="sm" c="dimmed" className={`foreign ${classes.detail}`} lineClamp={1} title={a.detail}>{noteOf(a)}</Text>
            </li>
          ))}
        </ol>
      )}
      {newestFirst.length > atOnce && (
        <div>
          <Button size="compact-xs" variant="subtle" onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? t`Show only the last ones` : plural(newestFirst.length, { one: "Show # attempt", other: "Show all # attempts" })}
          </Button>
        </div>
      )}
    </Stack>
  );
}

/** Copies of an event that the endpoint has already: each would bring it once more. */
function Copies({ lane }: { lane: Lane }) {
  const { mayEdit } = useSession();
  const tryNow = useTryNow();
  const copy = lane.deliveries.find((d) => d.status === "pending");
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed">
        {pluralOf(lane.copies, { one: "The receiver has it; another copy of it is not finished.", other: "The receiver has it; # more copies of it are not finished." })}
        {lane.next && <> <Trans>Next try <Time at={lane.next} relative />.</Trans></>}
      </Text>
      {mayEdit && copy && <Button size="compact-xs" variant="default" loading={tryNow.isPending} onClick={() => tryNow.mutate({ delivery: copy.id, event: copy.event, endpoint: lane.endpoint })}><Trans>Try now</Trans></Button>}
    </Group>
  );
}
