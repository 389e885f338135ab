import { Anchor, Group, Paper, Text, ThemeIcon, Title } from "@mantine/core";
import { IconHourglassLow } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ok, type Schemas } from "../../api/client.ts";
import { AppName } from "../../parts/AppName.tsx";
import { EndpointName } from "../../parts/EndpointName.tsx";
import { DeliveryStatus } from "../../parts/Status.tsx";
import { Time } from "../../parts/Time.tsx";
import { linkTo } from "../../lib/links.ts";
import { number } from "../../lib/text.ts";

/** The delivery that waits longest: where to look first when the backlog grows. */
export function OldestPending({ backlog }: { backlog: Schemas["Backlog"] }) {
  const id = backlog.oldest;
  const delivery = useQuery({
    queryKey: ["delivery", id],
    queryFn: () => ok(api.GET("/v1/deliveries/{id}", { params: { path: { id: id! } } })),
    enabled: id !== undefined && id !== "",
  });
  if (!id || !backlog.oldest_pending_at) return null;
  const d = delivery.data;
  return (
    <Paper withBorder p="md" component="section" aria-labelledby="oldest">
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <ThemeIcon variant="light" color="blue" size="lg" radius="xl"><IconHourglassLow size={20} /></ThemeIcon>
        <div style={{ minWidth: 0 }}>
          <Title order={2} size="h3" id="oldest">Oldest unfinished delivery: made <Time at={backlog.oldest_pending_at} relative /></Title>
          {d ? (
            <Group gap="xs" mt={4}>
              <DeliveryStatus value={d.status} />
              <Text size="sm">
                <Anchor component={Link} to={`/events/${d.event}`} size="sm" underline="always" className="foreign">{d.type}</Anchor> in <AppName id={d.app} /> to <EndpointName id={d.endpoint} />
                {d.attempts === 0 ? ", not tried yet" : `, tried ${d.attempts === 1 ? "once" : `${number(d.attempts)} times`}`}
                {d.status !== "held" && d.due && <>, {new Date(d.due) > new Date() ? "next try" : "due"} <Time at={d.due} relative /></>}
              </Text>
              {d.attempts > 0 && (
                <Anchor component={Link} {...linkTo("/logs", { endpoint: d.endpoint, event: d.event })} size="sm" underline="always">
                  See its attempts
                </Anchor>
              )}
            </Group>
          ) : (
            <Text size="sm" c="dimmed">{delivery.error ? "It has just been finished." : "Looking it up…"}</Text>
          )}
        </div>
      </Group>
    </Paper>
  );
}
