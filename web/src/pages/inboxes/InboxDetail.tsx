import { Button, Center, Group, Loader, Paper, Stack, Text, Title } from "@mantine/core";
import { IconInbox, IconTrash } from "@tabler/icons-react";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Problem } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { plural } from "../../lib/text.ts";
import { InboxSettings } from "./InboxSettings.tsx";
import { useInbox } from "./queries.ts";
import { Requests } from "./Requests.tsx";
import { useRemoveInbox } from "./useRemoveInbox.tsx";

const crumbs = [{ label: "Inboxes", to: "/inboxes" }];

/** One inbox: what arrived so far, as it arrives. */
export function InboxDetail() {
  const { token } = useParams({ strict: false }) as { token: string };
  const { mayEdit } = useSession();
  const inbox = useInbox(token);
  const remove = useRemoveInbox();
  const navigate = useNavigate();
  if (inbox.error instanceof Problem && inbox.error.status === 404) {
    return (
      <Page title="Inbox" crumbs={crumbs}>
        <Empty title="This inbox has ended" icon={IconInbox} action={<Button component={Link} to="/inboxes">To the inboxes</Button>}>
          It expired or was deleted. Requests to its URL are answered 410 Gone.
        </Empty>
      </Page>
    );
  }
  if (!inbox.data) return <Page title="Inbox" crumbs={crumbs}><Waiting query={inbox} /></Page>;
  const data = inbox.data;
  const requests = data.requests ?? [];
  return (
    <Page
      title={`Inbox of ${data.app}`}
      crumbs={crumbs}
      actions={mayEdit && (
        <Button variant="default" leftSection={<IconTrash size={16} />} onClick={() => void remove(data).then((gone) => { if (gone) void navigate({ to: "/inboxes" }); })}>
          Delete
        </Button>
      )}
    >
      <InboxSettings inbox={data} />
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2}>Requests</Title>
          <Text size="sm" c="dimmed" role="status">
            {plural(data.received, "request")} received
            {data.received > requests.length ? `, the newest ${requests.length} kept` : ""}
          </Text>
        </Group>
        {requests.length === 0 ? (
          <Paper withBorder p="xl">
            <Center>
              <Stack align="center" gap="xs" ta="center">
                <Loader type="dots" aria-hidden />
                <Text fw={600}>Waiting for the first request</Text>
                <Text size="sm" c="dimmed" maw={460}>Send something to its URL: publish an event that an endpoint with this URL listens to, or send that endpoint a test event. It shows here at once.</Text>
              </Stack>
            </Center>
          </Paper>
        ) : (
          <Requests requests={requests} />
        )}
      </Stack>
    </Page>
  );
}
