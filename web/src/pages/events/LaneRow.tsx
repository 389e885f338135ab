import { Anchor, Badge, Button, Group, Stack, Text, Title, VisuallyHidden } from "@mantine/core";
import { IconRepeat } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Attempt } from "../../api/client.ts";
import { plural } from "../../lib/text.ts";
import { madeRequest } from "../../lib/reasons.ts";
import { humanDuration } from "../../lib/time.ts";
import { EndpointName, nameOf } from "../../parts/EndpointName.tsx";
import { Sentence } from "../../parts/Sentence.tsx";
import { Status, StatusCode } from "../../parts/Status.tsx";
import { Time } from "../../parts/Time.tsx";
import type { Axis, Lane } from "./lanes.ts";
import { logOf, Track } from "./Track.tsx";
import classes from "./Track.module.css";

interface LaneRowProps {
  lane: Lane;
  axis: Axis;
  /** Sends the event to this endpoint again, if the viewer may. */
  onResend?(name: string): void;
  busy: boolean;
}

const atOnce = 3;
const triggers: Record<string, string> = { resend: "Sent again", replay: "Replayed", test: "Test" };

/** What the other columns do not say of an attempt. */
function noteOf(a: Attempt): string {
  const notes = [triggers[a.trigger], a.response_status && a.status !== "succeeded" ? undefined : a.detail];
  return notes.filter((n) => n !== undefined).join(": ");
}

/** What became of an event at one endpoint. */
export function LaneRow({ lane, axis, onResend, busy }: LaneRowProps) {
  const [all, setAll] = useState(false);
  const x = lane.explanation;
  const name = x && (x.name || x.url) ? nameOf({ name: x.name, url: x.url ?? "" }) : undefined;
  const newestFirst = [...lane.attempts].reverse();
  const shown = all ? newestFirst : newestFirst.slice(0, atOnce);
  const trigger = triggers[lane.deliveries[0]!.trigger];
  return (
    <Stack component="li" gap={6} className={classes.lane}>
      <Group justify="space-between" gap="xs" align="flex-start">
        <Group gap="xs" style={{ flex: "1 1 200px", minWidth: 0 }}>
          <Title order={3} size="sm" fw={600}>
            {name ? <Anchor component={Link} to={`/endpoints/${lane.endpoint}`} className="foreign" inherit title={x?.url}>{name}</Anchor> : <EndpointName id={lane.endpoint} />}
          </Title>
          <Status value={lane.outcome} />
          {trigger && <Badge variant="default" size="sm" tt="none" fw={500}>{trigger}</Badge>}
        </Group>
        {onResend && (
          <Button size="compact-sm" variant="default" leftSection={<IconRepeat size={14} />} loading={busy} onClick={() => onResend(name ?? lane.endpoint)} aria-label={`Send again to ${name ?? lane.endpoint}`}>
            Send again
          </Button>
        )}
      </Group>
      {x ? <Text size="sm" c="dimmed"><Sentence text={x.detail} /></Text> : lane.next && <Text size="sm" c="dimmed">Next attempt <Time at={lane.next} relative />.</Text>}
      {(lane.attempts.length > 0 || lane.next) && <Track lane={lane} axis={axis} />}
      {shown.length > 0 && (
        <ol className={classes.attempts} aria-label="Attempts, newest first">
          {shown.map((a) => (
            <li key={a.id} className={classes.attempt}>
              <Text span size="sm" c="dimmed" title={madeRequest(a) ? `Attempt ${a.number} of its delivery` : "No request was made"}>{madeRequest(a) ? `#${a.number}` : "–"}</Text>
              <Anchor component={Link} {...logOf(a)} size="sm">
                <VisuallyHidden>Attempt {a.number} in the log, </VisuallyHidden>
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
            {all ? "Show only the last ones" : `Show all ${plural(newestFirst.length, "attempt")}`}
          </Button>
        </div>
      )}
    </Stack>
  );
}
