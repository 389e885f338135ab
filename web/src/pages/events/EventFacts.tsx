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
        <Fact label={t`Your id`}>
          {event.external_id
            ? <><span className="foreign">{event.external_id}</span> <Copy value={event.external_id} label={t`Copy your id`} /></>
            : <Text span size="sm" c="dimmed"><Trans>none</Trans></Text>}
        </Fact>
      </Facts>
    </Paper>
  );
}
