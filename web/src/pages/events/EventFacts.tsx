import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Paper, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Event } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { AppName } from "../../parts/AppName.tsx";
import { Copy, Copyable } from "../../parts/Copy.tsx";
import { Fact, Facts } from "../../parts/Facts.tsx";
import { Time } from "../../parts/Time.tsx";

/** A label of an event, which leads to the others that have it. */
function Label({ value, by, title }: { value: string; by: "channel" | "tag"; title: string }) {
  return <Anchor component={Link} {...linkTo("/events", { [by]: value })} size="sm" className="foreign" title={title} mr={8}>{value}</Anchor>;
}

/** What an event is, field by field. */
export function EventFacts({ event }: { event: Event }) {
  const { portal } = useSession();
  return (
    <Paper withBorder p="md">
      <Facts cols={{ base: 1, xs: 2, md: 3, xl: 4 }}>
        <Fact label={t`Event id`}><Copyable value={event.id} label={t`Copy the event id`} /></Fact>
        <Fact label={t`UUID, as some receivers log it`}><Copyable value={event.uuid} label={t`Copy the UUID`} /></Fact>
        <Fact label={t`Created`}><Time at={event.created_at} /> <Text span size="sm" c="dimmed">(<Time at={event.created_at} relative />)</Text></Fact>
        {event.deliver_at && <Fact label={t`To be delivered from`}><Time at={event.deliver_at} /></Fact>}
        <Fact label={t`Event type`}>
          <Anchor component={Link} to={`/event-types/${encodeURIComponent(event.type)}`} size="sm" className="foreign">{event.type}</Anchor>
        </Fact>
        {!portal && <Fact label={t`App`}><AppName id={event.app} /></Fact>}
        <Fact label={t`Subject`}>
          {event.subject
            ? <Anchor component={Link} {...linkTo("/events", { subject: event.subject })} size="sm" className="foreign" title={t`Events of this subject`}>{event.subject}</Anchor>
            : <Text span size="sm" c="dimmed"><Trans>none</Trans></Text>}
        </Fact>
        {event.channels && event.channels.length > 0 && (
          <Fact label={t`Channels`}>{event.channels.map((c) => <Label key={c} value={c} by="channel" title={t`Events of this channel`} />)}</Fact>
        )}
        {event.tags && event.tags.length > 0 && (
          <Fact label={t`Tags`}>{event.tags.map((c) => <Label key={c} value={c} by="tag" title={t`Events with this tag`} />)}</Fact>
        )}
        {event.data_expires_at && !event.erased && <Fact label={t`Data is erased`}><Time at={event.data_expires_at} /></Fact>}
        <Fact label={t`Your id`}>
          {event.external_id
            ? <><span className="foreign">{event.external_id}</span> <Copy value={event.external_id} label={t`Copy your id`} /></>
            : <Text span size="sm" c="dimmed"><Trans>none</Trans></Text>}
        </Fact>
      </Facts>
    </Paper>
  );
}
