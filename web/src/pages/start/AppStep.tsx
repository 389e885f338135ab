import { Alert, Anchor, Button, Group, Select, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type App, faultOf, ok } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { appLabel } from "../../lib/text.ts";
import { Failure } from "../../parts/states.tsx";
import { idFault } from "../apps/metadata.ts";
import { curl } from "../../lib/shell.ts";
import { Step } from "./Step.tsx";

interface AppStepProps {
  apps: App[];
  app: App | undefined;
  onUse(id: string): void;
}

/** The first step: an app to work with. */
export function AppStep({ apps, app, onUse }: AppStepProps) {
  const { operator } = useSession();
  const [another, setAnother] = useState(false);
  const [id, setId] = useState("acme");
  const [name, setName] = useState("Acme");
  const making = operator && (!app || another);
  const shown = making ? { id: id || "acme", ...(name.trim() && { name: name.trim() }) } : { id: app?.id ?? "acme", ...(app?.name && { name: app.name }) };
  return (
    <Step
      number={1}
      title="Create an app"
      intro="An app stands for one customer of your platform: their endpoints, their events, their log."
      state={app && !making ? "done" : "current"}
      commands={[{ title: "Create it with curl", code: curl(location.origin, "POST", "/v1/apps", shown) }]}
    >
      {making ? (
        <Form
          id={id}
          name={name}
          setId={setId}
          setName={setName}
          onMade={(made) => {
            setAnother(false);
            onUse(made.id);
          }}
          onCancel={app ? () => setAnother(false) : undefined}
        />
      ) : app ? (
        <>
          <Text size="sm">
            These steps use the app <Text span fw={600} className="foreign">{appLabel(app)}</Text>.
          </Text>
          <Group align="flex-end">
            {apps.length > 1 && (
              <Select
                label="Use another app"
                size="sm"
                data={apps.map((a) => ({ value: a.id, label: appLabel(a) }))}
                value={app.id}
                onChange={(v) => v && onUse(v)}
                searchable
                limit={100}
                allowDeselect={false}
                w={260}
              />
            )}
            {operator && <Anchor component="button" type="button" size="sm" onClick={() => { setId(""); setName(""); setAnother(true); }}>Create another app</Anchor>}
          </Group>
        </>
      ) : (
        <Alert color="yellow" variant="light">Your key cannot create apps. Ask an operator for one: somebody with an admin key that is not limited to apps.</Alert>
      )}
    </Step>
  );
}

interface FormProps {
  id: string;
  name: string;
  setId(id: string): void;
  setName(name: string): void;
  onMade(app: App): void;
  onCancel?(): void;
}

function Form({ id, name, setId, setName, onMade, onCancel }: FormProps) {
  const queries = useQueryClient();
  const [fault, setFault] = useState<string>();
  const create = useMutation({
    mutationFn: () => ok(api.POST("/v1/apps", { body: { id, ...(name.trim() && { name: name.trim() }) } })),
    onSuccess: async (made) => {
      await queries.invalidateQueries({ queryKey: ["apps"] });
      onMade(made);
    },
  });
  const wrong = (field: string) => faultOf(create.error, field);
  function submit(e: FormEvent) {
    e.preventDefault();
    const bad = idFault(id);
    setFault(bad);
    if (!bad) create.mutate();
  }
  return (
    <form onSubmit={submit} noValidate>
      <Group align="flex-start" gap="sm">
        <TextInput label="Id" description="Your own name of the customer" value={id} onChange={(e) => setId(e.currentTarget.value.trim())} error={fault ?? wrong("id")} autoComplete="off" style={{ flex: "1 1 200px" }} />
        <TextInput label="Name" description="For people" value={name} onChange={(e) => setName(e.currentTarget.value)} error={wrong("name")} autoComplete="off" style={{ flex: "1 1 200px" }} />
      </Group>
      {create.error && !wrong("id") && !wrong("name") && <div style={{ marginTop: 12 }}><Failure error={create.error} /></div>}
      <Group mt="md">
        <Button type="submit" loading={create.isPending}>Create app</Button>
        {onCancel && <Button variant="default" onClick={onCancel}>Keep the one before</Button>}
      </Group>
    </form>
  );
}
