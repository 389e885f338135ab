import { Anchor, Button, Code, Group, Text, TextInput } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, type App, type Endpoint, faultOf, type Inbox, ok } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { Copy } from "../../parts/Copy.tsx";
import { Failure } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { curl } from "../../lib/shell.ts";
import { Step, type StepState } from "./Step.tsx";

const name = "First steps";
const inboxLife = "24h";

interface ReceiverStepProps {
  app: App | undefined;
  inbox: Inbox | undefined;
  endpoint: Endpoint | undefined;
  /** The step before was finished in this visit. */
  reached: boolean;
  state: StepState;
  onMade(endpoint: Endpoint): void;
}

/** The second step: somewhere to send to. An inbox if there may be one, else a URL of the viewer's own. */
export function ReceiverStep({ app, inbox, endpoint, reached, state, onMade }: ReceiverStepProps) {
  const { features } = useSession();
  const id = app?.id ?? "acme";
  const [url, setUrl] = useState("");
  const target = endpoint?.url ?? inbox?.url ?? (url || (features.inbox ? "URL_OF_THE_INBOX" : "https://example.com/hooks"));
  const commands = [{ title: features.inbox ? "Then an endpoint with its URL" : "Create the endpoint with curl", code: curl(location.origin, "POST", "/v1/endpoints", { apps: [id], url: target, name }) }];
  if (features.inbox) commands.unshift({ title: "Create an inbox with curl", code: curl(location.origin, "POST", "/v1/inboxes", { app: id, expires_in: inboxLife }) });
  return (
    <Step
      number={2}
      title="Create a receiver"
      intro={features.inbox
        ? "An endpoint is a URL that wants to hear about events. For now, let it be an inbox: a temporary receiver inside Bellhop that shows what arrives."
        : "An endpoint is a URL that wants to hear about events."}
      state={state}
      reached={reached}
      commands={commands}
    >
      {endpoint ? (
        <>
          <Text size="sm">
            The endpoint <Anchor component={Link} to={`/endpoints/${endpoint.id}`} size="sm" underline="always" className="foreign">{endpoint.name || endpoint.id}</Anchor> sends every event of this app to
          </Text>
          <Group gap={4} wrap="nowrap"><Code className="foreign">{endpoint.url}</Code><Copy value={endpoint.url} label="Copy URL" /></Group>
          {inbox && <Text size="xs" c="dimmed">The inbox ends <Time at={inbox.expires_at} relative />.</Text>}
        </>
      ) : features.inbox ? (
        <WithInbox app={id} inbox={inbox} onMade={onMade} />
      ) : (
        <WithUrl app={id} url={url} setUrl={setUrl} onMade={onMade} />
      )}
    </Step>
  );
}

function useCreateEndpoint(app: string, onMade: (endpoint: Endpoint) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (given: { url: string } | { inbox: Inbox | undefined }) => {
      let url: string;
      if ("url" in given) url = given.url;
      else url = (given.inbox ?? (await ok(api.POST("/v1/inboxes", { body: { app, expires_in: inboxLife } })))).url;
      return ok(api.POST("/v1/endpoints", { body: { apps: [app], url, name } }));
    },
    onSuccess: onMade,
    // Also after a failure: the inbox may be there already.
    onSettled: () => Promise.all([queries.invalidateQueries({ queryKey: ["inboxes"] }), queries.invalidateQueries({ queryKey: ["endpoints"] })]),
  });
}

function WithInbox({ app, inbox, onMade }: { app: string; inbox: Inbox | undefined; onMade(endpoint: Endpoint): void }) {
  const create = useCreateEndpoint(app, onMade);
  return (
    <>
      <div>
        <Button leftSection={<IconInbox size={16} />} loading={create.isPending} onClick={() => create.mutate({ inbox })}>
          {inbox ? "Create an endpoint for the inbox" : "Create an inbox and its endpoint"}
        </Button>
      </div>
      {create.error && <Failure error={create.error} />}
    </>
  );
}

function WithUrl({ app, url, setUrl, onMade }: { app: string; url: string; setUrl(url: string): void; onMade(endpoint: Endpoint): void }) {
  const create = useCreateEndpoint(app, onMade);
  const wrong = faultOf(create.error, "url");
  return (
    <form
      noValidate
      onSubmit={(e: FormEvent) => {
        e.preventDefault();
        if (url) create.mutate({ url });
      }}
    >
      <TextInput
        label="URL"
        description="A receiver of yours, reachable from the internet: https://…"
        type="url"
        value={url}
        onChange={(e) => setUrl(e.currentTarget.value.trim())}
        error={wrong}
        required
      />
      {create.error && !wrong && <Failure error={create.error} />}
      <Button type="submit" mt="md" loading={create.isPending} disabled={!url}>Create endpoint</Button>
      <Text size="sm" c="dimmed" mt="sm">
        No receiver at hand? Start the server with <Code>--inbox</Code>, and Bellhop offers a temporary one that shows what arrives.
      </Text>
    </form>
  );
}
