import { Alert, Anchor, Group, Loader, Stack, Text } from "@mantine/core";
import { IconConfetti } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { InboxRequest } from "../../api/client.ts";
import { DeliveryStatus } from "../../parts/Status.tsx";
import { humanDuration } from "../../lib/time.ts";
import { useNow } from "../../lib/useNow.ts";
import { useDeliveries } from "../events/useEvent.ts";
import { RequestContent } from "../inboxes/Requests.tsx";
import { curl } from "../../lib/shell.ts";
import { Step, type StepState } from "./Step.tsx";

interface ArrivalStepProps {
  state: StepState;
  /** The token of the inbox; without one, the deliveries tell. */
  inbox: string | undefined;
  arrived: InboxRequest | undefined;
  event: string | undefined;
  published: string | undefined;
}

/** The fourth step: seeing it arrive, and that its signature verifies. */
export function ArrivalStep({ state, inbox, arrived, event, published }: ArrivalStepProps) {
  const path = inbox ? `/v1/inboxes/${inbox}` : `/v1/events/${event ?? "ID"}/deliveries`;
  return (
    <Step
      number={4}
      title="Watch it arrive"
      intro="Every request is signed, so that the receiver knows that it is from you and that nobody changed it."
      state={state}
      commands={[{ title: "Look it up with curl", code: curl(location.origin, "GET", path) }]}
    >
      {inbox ? (
        <div role="status">
          {arrived ? <Arrived request={arrived} published={published} /> : <Awaiting event={event} since={published} />}
        </div>
      ) : (
        event && <Deliveries event={event} />
      )}
      {arrived && <RequestContent request={arrived} />}
      {arrived && <Anchor component={Link} to={`/inboxes/${inbox}`} size="sm" underline="always">Open the inbox: let it fail, and see what Bellhop does</Anchor>}
    </Step>
  );
}

function Arrived({ request, published }: { request: InboxRequest; published: string | undefined }) {
  const took = published ? new Date(request.at).getTime() - new Date(published).getTime() : undefined;
  return (
    <Alert color="teal" variant="light" icon={<IconConfetti />} title="Delivered">
      {took !== undefined && took >= 0 && took < 600_000
        ? `The event arrived ${took < 1 ? "within a millisecond" : `${humanDuration(took)} after it was published`}. This is the request, as the receiver got it.`
        : "The event arrived. This is the request, as the receiver got it."}
    </Alert>
  );
}

function Awaiting({ event, since }: { event: string | undefined; since: string | undefined }) {
  const late = useNow(1000).getTime() - (since ? new Date(since).getTime() : Infinity) > 8000;
  return (
    <Stack gap="xs">
      <Group gap="sm"><Loader type="dots" size="sm" aria-hidden /><Text size="sm">Waiting for the request…</Text></Group>
      {late && event && (
        <Text size="sm" c="dimmed">
          This takes longer than usual. <Anchor component={Link} to={`/events/${event}`} size="sm" underline="always">The event</Anchor> says what became of it.
        </Text>
      )}
    </Stack>
  );
}

/** Without an inbox, what Bellhop knows: how the deliveries went. */
function Deliveries({ event }: { event: string }) {
  const deliveries = useDeliveries(event);
  return (
    <Stack gap="xs" role="status">
      {deliveries.data?.map((d) => (
        <Group key={d.id} gap="xs">
          <DeliveryStatus value={d.status} />
          <Text size="sm">
            {d.status === "succeeded" ? "The receiver took it." : d.attempts > 0 ? "The receiver did not take it; it is tried again." : "On its way…"}
          </Text>
          <Anchor component={Link} to={`/events/${event}`} size="sm" underline="always">See its attempts</Anchor>
        </Group>
      ))}
      {deliveries.data?.length === 0 && <Text size="sm" c="dimmed">No endpoint wanted it.</Text>}
    </Stack>
  );
}
