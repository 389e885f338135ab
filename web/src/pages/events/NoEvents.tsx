import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
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
      <Empty title={t`No events yet`} icon={IconBroadcast} action={<Button component={Link} to="/endpoints" variant="light"><Trans>See the endpoints</Trans></Button>}>
        {app
          ? <Trans>Events appear here as soon as they happen. Until then, you can send a test from the page of an endpoint.</Trans>
          : <Trans>Events appear here as soon as they happen in one of your apps. Until then, you can send a test from the page of an endpoint.</Trans>}
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
    type: types.data?.find((type) => !type.archived)?.name ?? "invoice.paid",
    data: { hello: "world" },
  };
  return (
    <Stack>
      <Empty title={t`No events yet`} icon={IconBroadcast}>
        {app ? t`Nothing was published in this app.` : t`Nothing was published.`}{" "}
        <Trans>Publish an event from your program, or try it with the command below and a key of role publisher.</Trans>
      </Empty>
      <CodeBlock title={t`Publish an event`} code={curl(location.origin, "POST", "/v1/events", body)} />
      {apps.data?.length === 0 && <Text size="sm" c="dimmed"><Trans>An event belongs to an app, and there is none yet: create one first.</Trans></Text>}
    </Stack>
  );
}
