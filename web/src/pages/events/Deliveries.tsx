import { plural } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Anchor, Button, Group, Loader, Paper, Stack, Text, Title } from "@mantine/core";
import { IconRepeat } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Endpoint, Event } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { number } from "../../lib/text.ts";
import { useNow } from "../../lib/useNow.ts";
import { useEndpointChoices } from "../../parts/filters/EndpointFilter.tsx";
import { Failure, Waiting } from "../../parts/states.tsx";
import { axisOf, resendReach, spanOf } from "./lanes.ts";
import { LaneRow } from "./LaneRow.tsx";
import { Ticks } from "./Track.tsx";
import classes from "./Track.module.css";
import { type Fate, mostAttempts } from "./useEvent.ts";
import type { useResend } from "./useResend.tsx";

const atOnce = 40;

interface DeliveriesProps {
  event: Event;
  fate: Fate;
  resend: ReturnType<typeof useResend>;
}

/** Every endpoint that the event is bound for, on one line of time. */
export function Deliveries({ event, fate, resend }: DeliveriesProps) {
  const { mayEdit } = useSession();
  const { deliveries, attempts, explanations, lanes } = fate;
  const may = mayEdit && !event.erased;
  const newest = number(attempts.data?.length ?? 0);
  return (
    <Stack gap="xs" component="section" aria-labelledby="deliveries">
      <Group justify="space-between">
        <Group gap="xs">
          <Title order={2} id="deliveries"><Trans>Deliveries</Trans></Title>
          {fate.live && (
            <Group gap={6} role="status">
              <Loader size={12} aria-hidden />
              <Text size="xs" c="dimmed"><Trans>Not finished: this page follows it.</Trans></Text>
            </Group>
          )}
        </Group>
        {may && lanes.length > 0 && (
          <Button size="xs" variant="light" leftSection={<IconRepeat size={14} />} loading={resend.sending === "all"} onClick={() => void resend.toAll(resendReach(lanes, explanations.data?.list))}>
            <Trans>Send again to all</Trans>
          </Button>
        )}
      </Group>
      {!deliveries.data || !attempts.data
        ? <Waiting query={deliveries.data ? attempts : deliveries} lines={5} />
        : lanes.length === 0
          ? <Paper withBorder p="md"><Text size="sm" c="dimmed">{fate.explained ? <Trans>This event went to no endpoint; below is why.</Trans> : <Trans>This event went to no endpoint.</Trans>}</Text></Paper>
          : <Lanes event={event} fate={fate} resend={resend} may={may} />}
      {(attempts.data?.length ?? 0) >= mostAttempts && (
        <Text size="sm" c="dimmed">
          <Trans>These are the newest {newest} attempts. <Anchor component={Link} {...linkTo("/logs", { event: event.id })} size="sm" underline="always">See all in the log</Anchor></Trans>
        </Text>
      )}
      {deliveries.data && deliveries.error && <Failure error={deliveries.error} />}
    </Stack>
  );
}

function Lanes({ event, fate, resend, may }: DeliveriesProps & { may: boolean }) {
  const [all, setAll] = useState(false);
  const known = useKnown(event.app);
  const now = useNow(fate.live ? 1000 : 60_000).getTime();
  const { lanes } = fate;
  const begin = event.deliver_at && event.deliver_at > event.created_at ? event.deliver_at : event.created_at;
  const { start, end } = spanOf(begin, lanes, now);
  const axis = axisOf(start, end);
  const shown = all ? lanes : lanes.slice(0, atOnce);
  const timed = lanes.some((l) => l.attempts.length > 0 || l.next);
  return (
    <Paper withBorder>
      {timed && <div className={classes.scale}><Ticks axis={axis} /></div>}
      <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
        {shown.map((lane) => (
          <LaneRow
            key={lane.endpoint}
            lane={lane}
            known={known.get(lane.endpoint)}
            axis={axis}
            busy={resend.sending === lane.endpoint}
            onResend={may ? (name) => void resend.toOne(lane.endpoint, name) : undefined}
          />
        ))}
      </Stack>
      {timed && (
        <Text size="xs" c="dimmed" className={classes.legend}>
          {lanes.some((l) => l.next) ? <Trans>The line is the time since the event; a dashed ring is the next attempt.</Trans> : <Trans>The line is the time since the event.</Trans>}
        </Text>
      )}
      {lanes.length > shown.length && (
        <Alert variant="light" radius={0}>
          <Button size="compact-sm" variant="subtle" onClick={() => setAll(true)}>{plural(lanes.length - shown.length, { one: "Show the other endpoint", other: "Show the other # endpoints" })}</Button>
        </Alert>
      )}
    </Paper>
  );
}

/** The app's endpoints by id, as far as a list to choose from has them; none for those who may not see endpoints. */
export function useKnown(app: string): Map<string, Endpoint> {
  const publisher = useSession().role === "publisher";
  const { data } = useEndpointChoices(app, !publisher);
  return useMemo(() => new Map(data?.map((e) => [e.id, e])), [data]);
}
