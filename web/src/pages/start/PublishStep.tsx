import { Alert, Anchor, Button, Code, Text, Textarea, TextInput } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, type App, type Endpoint, faultOf, ok, type Schemas } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { Failure } from "../../parts/states.tsx";
import { exactly, Raw } from "../../lib/exact.ts";
import { jsonFault } from "../../lib/json.ts";
import { plural } from "../../lib/text.ts";
import { curl } from "../../lib/shell.ts";
import { publication } from "./publication.ts";
import { Step, type StepState } from "./Step.tsx";

const sample = `{
  "invoice": "inv_118",
  "total": "123.90",
  "currency": "EUR"
}`;

interface Published {
  event: string;
  at: string;
  /** How many endpoints it is bound for. */
  deliveries: number;
}

interface PublishStepProps {
  app: App | undefined;
  endpoint: Endpoint | undefined;
  event: string | undefined;
  state: StepState;
  onPublished(event: string, at: string): void;
}

/** The third step: an event. Editors may not publish, so theirs is a test event. */
export function PublishStep({ app, endpoint, event, state, onPublished }: PublishStepProps) {
  const mayPublish = useSession().role === "admin";
  const queries = useQueryClient();
  const [type, setType] = useState("invoice.paid");
  const [data, setData] = useState(sample);
  const [fault, setFault] = useState<string>();
  const publish = useMutation({
    mutationFn: async (): Promise<Published> => {
      if (!mayPublish) {
        const attempt = await ok(api.POST("/v1/endpoints/{id}/test", { params: { path: { id: endpoint!.id } }, ...exactly({ type, data: new Raw(data.trim()) }) }));
        return { event: attempt.event, at: attempt.started_at, deliveries: 1 };
      }
      // The text as it was typed: going through JSON.parse would round large numbers.
      const body = publication(app!.id, type, data);
      const receipt = await ok(api.POST("/v1/events", { body: {} as Schemas["Publication"], bodySerializer: () => body }));
      return { event: receipt.id, at: receipt.created_at, deliveries: receipt.deliveries };
    },
    onSuccess: (published) => {
      onPublished(published.event, published.at);
      for (const list of ["inbox", "events", "attempts"]) void queries.invalidateQueries({ queryKey: [list] });
    },
  });
  const wrong = (field: string) => faultOf(publish.error, field);
  function submit(e: FormEvent) {
    e.preventDefault();
    const bad = jsonFault(data);
    setFault(bad);
    if (!bad) publish.mutate();
  }
  const made = publish.data;
  const path = mayPublish ? "/v1/events" : `/v1/endpoints/${endpoint?.id ?? "ID"}/test`;
  const body = mayPublish ? publication(app?.id ?? "acme", type, data) : `{"type":${JSON.stringify(type)},"data":${data.trim()}}`;
  return (
    <Step
      number={3}
      title={mayPublish ? "Publish an event" : "Send a test event"}
      intro="Something happened in your platform: you say what (the type) and with what (the data), once. Bellhop keeps it and sends it to every endpoint that wants it."
      state={state}
      commands={[{ title: mayPublish ? "Publish it with curl" : "Send it with curl", code: curl(location.origin, "POST", path, body) }]}
    >
      <form onSubmit={submit} noValidate>
        <TextInput label="Event type" description="A dotted name" value={type} onChange={(e) => setType(e.currentTarget.value.trim())} error={wrong("type")} mb="sm" autoComplete="off" />
        <Textarea
          label="Data"
          description="Any JSON. It is sent as it stands here."
          value={data}
          onChange={(e) => setData(e.currentTarget.value)}
          error={fault ?? wrong("data")}
          autosize
          minRows={4}
          maxRows={16}
          spellCheck={false}
          styles={{ input: { fontFamily: "var(--bh-mono)", fontSize: 13 } }}
        />
        <Button type="submit" mt="sm" loading={publish.isPending} leftSection={<IconSend size={16} />}>
          {mayPublish ? (event ? "Publish another" : "Publish") : event ? "Send another" : "Send"}
        </Button>
      </form>
      {publish.error && !wrong("type") && !wrong("data") && <Failure error={publish.error} />}
      <div role="status">
        {made && made.deliveries === 0 && (
          <Alert color="yellow" variant="light" title="No endpoint wants it">
            It was accepted, but no endpoint of this app listens to {type}. Is the endpoint paused or narrowed to other event types?
          </Alert>
        )}
        {event && (!made || made.deliveries > 0) && (
          <Text size="sm">
            Accepted as <Anchor component={Link} to={`/events/${event}`} size="sm" underline="always"><Code>{event}</Code></Anchor>
            {made ? `, bound for ${plural(made.deliveries, "endpoint")}.` : "."}
          </Text>
        )}
      </div>
    </Step>
  );
}
