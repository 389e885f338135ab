import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Endpoint, Event, Explanation } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { number } from "../../lib/text.ts";
import { nameOf } from "../../parts/EndpointName.tsx";
import { Sentence } from "../../parts/Sentence.tsx";
import { Waiting } from "../../parts/states.tsx";
import { DeliveryStatus, HealthBadge } from "../../parts/Status.tsx";
import { useKnown } from "./Deliveries.tsx";
import classes from "./Track.module.css";
import type { Fate } from "./useEvent.ts";
import type { useResend } from "./useResend.tsx";

const atOnce = 40;

/** The endpoints that did not get the event, each with the reason. */
export function WhyNot({ event, fate, resend }: { event: Event; fate: Fate; resend: ReturnType<typeof useResend> }) {
  const { mayEdit } = useSession();
  const [whole, setWhole] = useState(false);
  const known = useKnown(event.app);
  const { explanations, explainMore } = fate;
  const all = explanations.data?.list;
  if (!fate.explained) return null;
  const explained = number(all?.length ?? 0);
  const absent = all?.filter((x) => x.outcome === "not_sent") ?? [];
  const shown = whole ? absent : absent.slice(0, atOnce);
  return (
    <Stack gap="xs" component="section" aria-labelledby="why-not">
      <Title order={2} id="why-not"><Trans>Why not the others?</Trans></Title>
      {!explanations.data && <Waiting query={explanations} lines={2} />}
      {all?.length === 0 && (
        <Paper withBorder p="md">
          <Text size="sm" c="dimmed">
            <Trans>This app has no endpoint yet, so nobody could get the event.</Trans>{" "}
            {mayEdit && <Anchor component={Link} {...linkTo("/endpoints/new", { app: event.app })} size="sm" underline="always"><Trans>Add an endpoint</Trans></Anchor>}
          </Text>
        </Paper>
      )}
      {all && all.length > 0 && absent.length === 0 && !explainMore && (
        <Paper withBorder p="md"><Text size="sm" c="dimmed"><Trans>There are no others: the event is bound for every endpoint of its app.</Trans></Text></Paper>
      )}
      {explainMore && (whole || absent.length <= atOnce) && (
        <Group gap="xs">
          <Text size="sm" c="dimmed"><Trans>These are of the newest {explained} endpoints of the app.</Trans></Text>
          <Button size="compact-sm" variant="light" loading={explanations.isFetching} onClick={explainMore}><Trans>Look at more</Trans></Button>
        </Group>
      )}
      {absent.length > 0 && (
        <Paper withBorder>
          <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
            {shown.map((x) => (
              <Absent key={x.endpoint} x={x} known={known.get(x.endpoint)} busy={resend.sending === x.endpoint} onSend={mayEdit && !event.erased && x.reason !== "disabled" ? (name) => void resend.toOne(x.endpoint, name) : undefined} />
            ))}
          </Stack>
          {absent.length > shown.length && (
            <Button m="xs" size="compact-sm" variant="subtle" onClick={() => setWhole(true)}>{plural(absent.length - shown.length, { one: "Show the other endpoint", other: "Show the other # endpoints" })}</Button>
          )}
        </Paper>
      )}
    </Stack>
  );
}

function Absent({ x, known, busy, onSend }: { x: Explanation; known: Endpoint | undefined; busy: boolean; onSend?(name: string): void }) {
  const name = x.name || x.url ? nameOf({ name: x.name, url: x.url ?? "" }) : x.endpoint;
  return (
    <Stack component="li" gap={4} className={classes.lane}>
      <Group justify="space-between" gap="xs" align="flex-start">
        <Group gap="xs" style={{ flex: "1 1 200px", minWidth: 0 }}>
          <Title order={3} size="sm" fw={600}>
            <Anchor component={Link} to={`/endpoints/${x.endpoint}`} className="foreign" inherit title={x.url}>{name}</Anchor>
          </Title>
          <DeliveryStatus value={x.outcome} />
          {known && <Text span size="xs" c="dimmed"><Trans>endpoint: <HealthBadge endpoint={known} size="xs" /></Trans></Text>}
        </Group>
        {onSend && (
          <Button size="compact-sm" variant="default" leftSection={<IconSend size={14} />} loading={busy} onClick={() => onSend(name)} aria-label={t`Send all the same to ${name}`}>
            <Trans>Send all the same</Trans>
          </Button>
        )}
      </Group>
      <Text size="sm" c="dimmed"><Sentence text={x.detail} /></Text>
      {x.changed_since && <Text size="xs" c="dimmed"><Trans>Its settings were changed after the event; this is said by those of today.</Trans></Text>}
    </Stack>
  );
}
