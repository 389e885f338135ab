import { Anchor, Button, Paper, SimpleGrid, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { App } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { CodeBlock } from "../../parts/Code.tsx";
import { Failure } from "../../parts/states.tsx";
import { PortalLinkDialog } from "../apps/PortalLink.tsx";
import { useCreateKey } from "../keys/queries.ts";
import { Step, type StepState } from "./Step.tsx";

/** The last step leads to the rest of the product. */
export function NextStep({ app, state }: { app: App | undefined; state: StepState }) {
  const { role } = useSession();
  const search = { app: app?.id };
  const [linking, setLinking] = useState(false);
  return (
    <Step number={5} title="What comes next" intro="That was a whole delivery. From here, make it your own." state={state} quiet>
      <SimpleGrid cols={{ base: 1, sm: 2, xl: 4 }} spacing="sm">
        {role === "admin" && <PlatformKey />}
        <Card title="Describe your event types" text="A name, a sentence, a schema and an example each: your customers choose from this catalogue.">
          <Button component={Link} {...linkTo("/event-types", search)} variant="light" size="sm">To the event types</Button>
        </Card>
        <Card title="Send to a real receiver" text="Choose events, a dialect and a schedule of retries, and get code that verifies the signature.">
          <Button component={Link} {...linkTo("/endpoints/new", search)} variant="light" size="sm">Create an endpoint</Button>
        </Card>
        {role === "admin" && app && (
          <Card title="Let your customers do it" text="A portal link opens this app's endpoints, events and logs to its own people, in your colours.">
            <Button variant="light" size="sm" onClick={() => setLinking(true)}>Create a portal link</Button>
            <PortalLinkDialog app={app} opened={linking} onClose={() => setLinking(false)} />
          </Card>
        )}
      </SimpleGrid>
      <Text size="sm">
        <Anchor component={Link} {...linkTo("/", search)} size="sm" underline="always">The overview</Anchor> shows how everything is doing, and the{" "}
        <Anchor href="/docs" target="_blank" rel="noreferrer" size="sm" underline="always">API guide</Anchor> says the rest.
      </Text>
    </Step>
  );
}

function Card({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md" style={{ display: "flex", flexDirection: "column", gap: 8, alignItems: "flex-start" }}>
      <Title order={3} size="h4">{title}</Title>
      <Text size="sm" c="dimmed" style={{ flex: 1 }}>{text}</Text>
      {children}
    </Paper>
  );
}

/** A key with which the platform's own servers publish. */
function PlatformKey() {
  const { operator, apps } = useSession();
  const create = useCreateKey();
  return (
    <Card title="Publish from your platform" text="Its servers need a key of their own, one that may publish and nothing more.">
      {create.data ? (
        <div role="status" style={{ width: "100%" }}>
          <CodeBlock title="Publisher key" code={create.data.token ?? ""} wrap />
          <Text size="xs" mt={4}>Copy it now: it is shown this once.</Text>
        </div>
      ) : (
        <Button variant="light" size="sm" loading={create.isPending} onClick={() => create.mutate({ role: "publisher", name: "platform", ...(!operator && { apps }) })}>
          Create a publisher key
        </Button>
      )}
      {create.error && <Failure error={create.error} />}
    </Card>
  );
}
