import { Alert, Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconBroadcast, IconCircleCheck, IconCircleMinus, IconPlayerPause, IconRepeat } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Attempt } from "../../../api/client.ts";
import { useSession } from "../../../api/queries.ts";
import { linkTo } from "../../../lib/links.ts";
import { leftHeld, madeRequest } from "../../../lib/reasons.ts";
import { humanDuration } from "../../../lib/time.ts";
import { Copyable } from "../../../parts/Copy.tsx";
import { EndpointName } from "../../../parts/EndpointName.tsx";
import { Fact, Facts } from "../../../parts/Facts.tsx";
import { Sentence } from "../../../parts/Sentence.tsx";
import { Time } from "../../../parts/Time.tsx";
import { useResend } from "../../events/useResend.tsx";
import { outcomeOf } from "./outcome.ts";
import { RequestPart } from "./RequestPart.tsx";
import { ResponsePart } from "./ResponsePart.tsx";

const looks = {
  succeeded: { color: "teal", icon: IconCircleCheck },
  failed: { color: "red", icon: IconAlertTriangle },
  canceled: { color: "gray", icon: IconCircleMinus },
  held: { color: "yellow", icon: IconPlayerPause },
};

const triggers = { publish: "The event was published", resend: "Somebody sent the event again", replay: "A replay of past events", test: "A test of the endpoint" };

/** An attempt in full: how it ended, what was sent and what came back. */
export function AttemptView({ attempt: a }: { attempt: Attempt }) {
  const { mayEdit } = useSession();
  const resend = useResend(a.event);
  const outcome = outcomeOf(a);
  const look = leftHeld(a) ? looks.held : looks[a.status];
  const captured = Object.entries(a.captured ?? {});
  return (
    <Stack gap="lg">
      <Alert variant="light" color={look.color} icon={<look.icon />} title={<span className="foreign">{outcome.title}</span>}>
        <Stack gap={6}>
          {outcome.sentence && <Text size="sm"><Sentence text={outcome.sentence} /></Text>}
          {outcome.advice && <Text size="sm">{outcome.advice}</Text>}
          <Text size="sm">{nextStep(a)}</Text>
        </Stack>
      </Alert>
      <Group gap="xs">
        <Button component={Link} to={`/events/${a.event}`} size="xs" variant="default" leftSection={<IconBroadcast size={15} />}>Open the event</Button>
        {mayEdit && (
          <Button size="xs" variant="default" leftSection={<IconRepeat size={15} />} loading={resend.busy} onClick={() => void resend.toOne(a.endpoint, a.url ?? a.endpoint)}>
            Send again to this endpoint
          </Button>
        )}
      </Group>
      <Facts cols={{ base: 1, xs: 2 }}>
        <Fact label="Attempt"><Copyable value={a.id} label="Copy the attempt's id" /></Fact>
        <Fact label="Idempotency key (the event's id)"><Copyable value={a.event} label="Copy the idempotency key" /></Fact>
        <Fact label={madeRequest(a) ? "Sent" : "When"}><Time at={a.started_at} /> <Text span size="sm" c="dimmed">(<Time at={a.started_at} relative />)</Text></Fact>
        <Fact label="Took">{madeRequest(a) ? humanDuration(a.duration_ms) : "No request was made"}</Fact>
        <Fact label="Endpoint"><EndpointName id={a.endpoint} /></Fact>
        <Fact label="Event type"><span className="foreign">{a.type}</span></Fact>
        {madeRequest(a) && <Fact label="Try">{a.number}{a.final ? ", the last one" : ""}</Fact>}
        <Fact label="Why it was sent">{triggers[a.trigger]}</Fact>
        <Fact label="Delivery"><Copyable value={a.delivery} label="Copy the delivery's id" /></Fact>
        <Fact label="All of this event">
          <Anchor component={Link} {...linkTo("/logs", { event: a.event })} size="sm">Its attempts in the log</Anchor>
        </Fact>
      </Facts>
      {captured.length > 0 && (
        <Stack gap="xs" component="section" aria-labelledby="captured">
          <Title order={3} id="captured">Kept of the answer</Title>
          <Facts cols={{ base: 1, xs: 2 }}>
            {captured.map(([name, value]) => <Fact key={name} label={name}><Copyable value={value} label={`Copy ${name}`} /></Fact>)}
          </Facts>
        </Stack>
      )}
      {madeRequest(a) && <RequestPart attempt={a} />}
      {madeRequest(a) && <ResponsePart attempt={a} />}
    </Stack>
  );
}

function nextStep(a: Attempt): ReactNode {
  if (a.next_at) return <>This was try {a.number}; the next one was set for <Time at={a.next_at} /> (<Time at={a.next_at} relative />).</>;
  if (a.status === "succeeded") return a.number > 1 ? `It took ${a.number} tries.` : "At the first try.";
  if (leftHeld(a)) return "The delivery is held until then, or until you send it again.";
  if (!madeRequest(a) && (a.final || a.status === "canceled")) return "Nothing more is sent unless you send it again.";
  if (a.final) return a.number > 1 ? `This was the last of ${a.number} tries; nothing more is sent unless you send it again.` : "Nothing more is sent unless you send it again.";
  return `This was try ${a.number}.`;
}
