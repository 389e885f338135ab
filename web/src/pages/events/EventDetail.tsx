import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Badge, Button, Grid, Group, Stack, Text, Title } from "@mantine/core";
import { IconEraser, IconListDetails } from "@tabler/icons-react";
import { Link, useParams } from "@tanstack/react-router";
import { Problem } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { Json } from "../../parts/Json.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { Deliveries } from "./Deliveries.tsx";
import { EraseMenu } from "./EraseMenu.tsx";
import { EventFacts } from "./EventFacts.tsx";
import { useEventText, useFate } from "./useEvent.ts";
import { useResend } from "./useResend.tsx";
import { WhyNot } from "./WhyNot.tsx";

const crumbsTo = () => [{ label: t`Events`, to: "/events" }];

/** One event: its data, and what became of it at every endpoint. */
export function EventDetail() {
  const { id }: { id?: string } = useParams({ strict: false });
  const query = useEventText(id ?? "");
  if (query.data) return <Known key={id} {...query.data} />;
  if (query.error instanceof Problem && (query.error.status === 404 || query.error.status === 422)) {
    return (
      <Page title={t`Event`} crumbs={crumbsTo()}>
        <Empty title={t`There is no such event`} action={<Button component={Link} to="/events" variant="light"><Trans>All events</Trans></Button>}>
          <Trans><span className="foreign">{id}</span> does not exist, belongs to an app that you may not see, or has passed the time for which events are kept.</Trans>
        </Empty>
      </Page>
    );
  }
  return <Page title={t`Event`} crumbs={crumbsTo()}><Waiting query={query} lines={8} /></Page>;
}

type KnownProps = NonNullable<ReturnType<typeof useEventText>["data"]>;

function Known({ event, data }: KnownProps) {
  const session = useSession();
  const fate = useFate(event.id);
  const resend = useResend(event.id);
  return (
    <Page
      title={event.type}
      heading={
        <Group gap="xs" component="span">
          {event.type}
          {event.test && <Badge component="span" variant="light" color="grape" tt="none"><Trans>Test</Trans></Badge>}
          {event.erased && <Badge component="span" variant="light" color="gray" tt="none"><Trans>Erased</Trans></Badge>}
        </Group>
      }
      crumbs={crumbsTo()}
      actions={
        <>
          <Button component={Link} {...linkTo("/logs", { event: event.id })} size="xs" variant="default" leftSection={<IconListDetails size={15} />}>
            <Trans>In the log</Trans>
          </Button>
          {session.role === "admin" && !event.erased && <EraseMenu event={event} />}
        </>
      }
    >
      <EventFacts event={event} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <Stack gap="lg">
            <Deliveries event={event} fate={fate} resend={resend} />
            <WhyNot event={event} fate={fate} resend={resend} />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <Stack gap="xs" component="section" aria-labelledby="data">
            <Title order={2} id="data"><Trans>Data</Trans></Title>
            {event.erased
              ? (
                <Alert variant="light" color="gray" icon={<IconEraser />} title={t`The data was erased`}>
                  <Text size="sm"><Trans>Somebody erased it for good, with all that was kept of requests and answers. That the event happened, and its deliveries, stay on record.</Trans></Text>
                </Alert>
              )
              : data === undefined ? <Text size="sm" c="dimmed"><Trans>This event has no data.</Trans></Text> : <Json text={data} title={t`Data of the event`} />}
          </Stack>
        </Grid.Col>
      </Grid>
    </Page>
  );
}
