import { Button, Stack, Text } from "@mantine/core";
import { IconBroadcast } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useApps, useEventTypes, useSession } from "../../api/queries.ts";
import { curl } from "../../lib/shell.ts";
import { CodeBlock } from "../../parts/Code.tsx";
import { Empty } from "../../parts/states.tsx";

/** Nothing was published yet: how to. */
export function NoEvents({ app }: { app: string | undefined }) {
  const session = useSession();
  const mayPublish = session.role === "admin" || session.role === "publisher";
  if (session.portal || !mayPublish) {
    return (
      <Empty title="No events yet" icon={IconBroadcast} action={<Button component={Link} to="/endpoints" variant="light">See the endpoints</Button>}>
        Events appear here as soon as they happen{app ? "" : " in one of your apps"}. Until then, you can send a test from the page of an endpoint.
      </Empty>
    );
  }
  return <HowToPublish app={app} />;
}

function HowToPublish({ app }: { app: string | undefined }) {
  const apps = useApps();
  const types = useEventTypes();
  const body = {
    app: app ?? apps.data?.[0]?.id ?? "acme",
    type: types.data?.find((t) => !t.archived)?.name ?? "invoice.paid",
    data: { hello: "world" },
  };
  return (
    <Stack>
      <Empty title="No events yet" icon={IconBroadcast}>
        {app ? "Nothing was published in this app. " : "Nothing was published. "}
        Publish an event from your program, or try it with the command below and a key of role publisher.
      </Empty>
      <CodeBlock title="Publish an event" code={curl(location.origin, "POST", "/v1/events", body)} />
      {apps.data?.length === 0 && <Text size="sm" c="dimmed">An event belongs to an app, and there is none yet: create one first.</Text>}
    </Stack>
  );
}
