import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconBroadcast, IconRepeat } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, type Attempt, type Delivery, ok } from "../../../api/client.ts";
import { useEndpoint, useSession } from "../../../api/queries.ts";
import { linkTo } from "../../../lib/links.ts";
import { attemptFinding } from "../../../lib/finding.ts";
import { madeRequest } from "../../../lib/reasons.ts";
import { humanDuration } from "../../../lib/time.ts";
import { Copyable } from "../../../parts/Copy.tsx";
import { EndpointName } from "../../../parts/EndpointName.tsx";
import { Fact, Facts } from "../../../parts/Facts.tsx";
import { FailurePanel } from "../../../parts/FailurePanel.tsx";
import { Remedies } from "../../../parts/Remedies.tsx";
import { HealthBadge } from "../../../parts/Status.tsx";
import { Time } from "../../../parts/Time.tsx";
import { useResend } from "../../events/useResend.tsx";
import { RequestPart } from "./RequestPart.tsx";
import { ResponsePart } from "./ResponsePart.tsx";

const triggers = () => ({ publish: t`The event was published`, resend: t`Somebody sent the event again`, replay: t`A replay of past events`, test: t`A test of the endpoint` });

/** An attempt in full: how it ended, what was sent and what came back. */
export function AttemptView({ attempt: a }: { attempt: Attempt }) {
  const { mayEdit } = useSession();
  const resend = useResend(a.event);
  const delivery = useDelivery(a);
  const endpoint = useEndpoint(a.endpoint).data;
  const finding = attemptFinding(a, delivery);
  const captured = Object.entries(a.captured ?? {});
  const again = () => void resend.toOne(a.endpoint, a.url ?? a.endpoint);
  return (
    <Stack gap="lg">
      <FailurePanel finding={finding} label={t`How it ended`}>
        {finding.ways.length > 0 && (
          <Remedies
            ways={finding.ways.filter((w) => w !== "log")}
            endpoint={a.endpoint}
            known={endpoint}
            attempt={a.id}
            tried={delivery?.status === "pending" ? { delivery: a.delivery, event: a.event, endpoint: a.endpoint } : undefined}
            onResend={again}
          />
        )}
      </FailurePanel>
      <Group gap="xs">
        <Button component={Link} to={`/events/${a.event}`} size="xs" variant="default" leftSection={<IconBroadcast size={15} />}><Trans>Open the event</Trans></Button>
        {mayEdit && (
          <Button size="xs" variant="default" leftSection={<IconRepeat size={15} />} loading={resend.busy} onClick={again}>
            <Trans>Send again to this endpoint</Trans>
          </Button>
        )}
      </Group>
      <Facts cols={{ base: 1, xs: 2 }}>
        <Fact label={t`Attempt`}><Copyable value={a.id} label={t`Copy the attempt's id`} /></Fact>
        <Fact label={t`Idempotency key (the event's id)`}><Copyable value={a.event} label={t`Copy the idempotency key`} /></Fact>
        <Fact label={madeRequest(a) ? t`Sent` : t`When`}><Time at={a.started_at} /> <Text span size="sm" c="dimmed">(<Time at={a.started_at} relative />)</Text></Fact>
        <Fact label={t`Took`}>{madeRequest(a) ? humanDuration(a.duration_ms) : t`No request was made`}</Fact>
        <Fact label={t`Endpoint`}><EndpointName id={a.endpoint} /> {endpoint && <HealthBadge endpoint={endpoint} size="xs" />}</Fact>
        <Fact label={t`Event type`}><span className="foreign">{a.type}</span></Fact>
        {madeRequest(a) && <Fact label={t`Try`}>{a.final ? lastOf(a.number) : a.number}</Fact>}
        <Fact label={t`Why it was sent`}>{triggers()[a.trigger]}</Fact>
        <Fact label={t`Delivery`}><Copyable value={a.delivery} label={t`Copy the delivery's id`} /></Fact>
        <Fact label={t`All of this event`}>
          <Anchor component={Link} {...linkTo("/logs", { event: a.event })} size="sm"><Trans>Its attempts in the log</Trans></Anchor>
        </Fact>
      </Facts>
      {captured.length > 0 && (
        <Stack gap="xs" component="section" aria-labelledby="captured">
          <Title order={3} id="captured"><Trans>Kept of the answer</Trans></Title>
          <Facts cols={{ base: 1, xs: 2 }}>
            {captured.map(([name, value]) => <Fact key={name} label={name}><Copyable value={value} label={t`Copy ${name}`} /></Fact>)}
          </Facts>
        </Stack>
      )}
      {madeRequest(a) && <RequestPart attempt={a} />}
      {madeRequest(a) && <ResponsePart attempt={a} />}
    </Stack>
  );
}

/** The delivery of an attempt as it is now: whether it waits, and for when. */
function useDelivery(a: Attempt): Delivery | undefined {
  const asked = a.status === "failed" && a.trigger !== "test";
  return useQuery({
    queryKey: ["delivery", a.delivery],
    queryFn: () => ok(api.GET("/v1/deliveries/{id}", { params: { path: { id: a.delivery } } })),
    enabled: asked,
    refetchInterval: (query) => (query.state.data?.status === "pending" ? 5000 : false),
  }).data;
}

const lastOf = (number: number) => t`${number}, the last one`;
