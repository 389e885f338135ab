import { Alert, Button, Group, Paper, Stack, Switch, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconTrash } from "@tabler/icons-react";
import { useBlocker, useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { Problem } from "../../../api/client.ts";
import { jsonFault } from "../../../lib/json.ts";
import { useConfirm } from "../../../parts/confirm.tsx";
import { done, failed } from "../../../parts/notify.ts";
import { Failure } from "../../../parts/states.tsx";
import { editable, putText } from "../catalogue.ts";
import { type KnownType, useDeleteType, useSaveType } from "../useEventType.ts";
import { JsonField } from "./JsonField.tsx";

const startSchema = '{\n  "type": "object",\n  "required": ["id"],\n  "properties": {\n    "id": { "type": "string", "description": "What it is about." }\n  }\n}';

/** The field of the form that an error of the server names: "schema" for "schema/properties". */
function fieldOf(path: string): string {
  const field = path.split(/[.[/]/)[0] ?? path;
  return field === "schema_version" ? "schemaVersion" : field === "feature_flags" ? "featureFlags" : field;
}

/** What is wrong with a text that may be JSON or nothing. */
function faultIn(text: string): string | null {
  return text.trim() === "" ? null : jsonFault(text) ?? null;
}

/** Creates a type of the catalogue, or changes the given one. */
export function EventTypeForm({ known }: { known?: KnownType }) {
  const navigate = useNavigate();
  const ask = useConfirm();
  const save = useSaveType();
  const remove = useDeleteType();
  const leaving = useRef(false);
  const form = useForm({
    initialValues: {
      name: known?.type.name ?? "",
      description: known?.type.description ?? "",
      group: known?.type.group ?? "",
      schemaVersion: known?.type.schema_version ?? "",
      featureFlags: known?.type.feature_flags ?? [],
      deprecated: known?.type.deprecated ?? false,
      schema: editable(known?.schema),
      example: editable(known?.example),
      validate: known?.type.validate ?? false,
      archived: known?.type.archived ?? false,
    },
    validate: {
      name: (name) => (name.trim() === "" ? "Give the type a name, such as invoice.paid." : name.trim() === "new" ? "This name is taken by the page that you are on." : null),
      schema: (text) => faultIn(text),
      example: (text) => faultIn(text),
      validate: (on, values) => (on && values.schema.trim() === "" ? "Without a schema there is nothing to check against." : null),
    },
  });
  useBlocker({
    shouldBlockFn: async () => !leaving.current && form.isDirty() && !(await ask({
      title: "Leave without saving?",
      children: <Text size="sm">What you changed in this event type is lost.</Text>,
      confirm: "Leave",
    })),
    enableBeforeUnload: () => !leaving.current && form.isDirty(),
  });
  const view = (name: string) => {
    leaving.current = true;
    void navigate({ to: "/event-types/$name", params: { name } });
  };

  /** Puts the cursor where something is wrong; the editors of JSON are found by their label. */
  function focusFirst(fields: string[]) {
    const first = ["name", "description", "group", "schema", "schemaVersion", "example", "validate", "archived", "deprecated", "featureFlags"].find((f) => fields.includes(f));
    if (!first) return;
    const label = first === "schema" ? "Schema" : first === "example" ? "Example" : undefined;
    const node = label ? document.querySelector<HTMLElement>(`.cm-content[aria-label="${label}"]`) : form.getInputNode(first);
    node?.focus();
  }

  function submit(values: typeof form.values) {
    const name = values.name.trim();
    save.mutate({ name, text: putText(values, known) }, {
      onSuccess: () => {
        done(known ? "The event type is saved" : "The event type is in the catalogue");
        view(name);
      },
      onError: (error) => {
        if (!(error instanceof Problem)) return;
        for (const e of error.errors) {
          const field = fieldOf(e.field);
          const place = e.field.replace(/^\w+/, "");
          if (field in values) form.setFieldError(field, `${place ? `At ${place} it` : "It"} ${e.detail}`);
        }
        focusFirst(error.errors.map((e) => fieldOf(e.field)));
      },
    });
  }

  async function askAndDelete(name: string) {
    const yes = await ask({
      title: `Delete ${name}?`,
      children: (
        <Text size="sm">
          Its description, schema and example are lost. Events of this type stay, and endpoints that listen to it go on. To keep it readable, archive it instead.
        </Text>
      ),
      confirm: "Delete event type",
    });
    if (!yes) return;
    remove.mutate(name, {
      onSuccess: () => {
        done("The event type is deleted");
        leaving.current = true;
        void navigate({ to: "/event-types" });
      },
      onError: (error) => failed("The event type was not deleted", error),
    });
  }

  // What is said beside a field need not be said twice.
  const placed = save.error instanceof Problem && save.error.errors.length > 0 && save.error.errors.every((e) => fieldOf(e.field) in form.values);
  return (
    <form onSubmit={form.onSubmit(submit, (errors) => focusFirst(Object.keys(errors)))} noValidate>
      <Stack gap="md" maw={820}>
        {save.error && !placed && <Failure error={save.error} />}
        {placed && <Alert color="red" variant="light" role="alert" title="Not saved">Something is wrong with the fields that are marked below.</Alert>}
        <TextInput
          label="Name"
          description={known ? "A name cannot be changed: events and endpoints go by it." : "Words with dots between them, the general one first: invoice.paid. Letters, digits, hyphens and underscores."}
          withAsterisk={!known}
          readOnly={known !== undefined}
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps("name")}
        />
        <Textarea label="Description" description="What has happened when this is sent, in a sentence." autosize minRows={2} maxRows={8} {...form.getInputProps("description")} />
        <TextInput label="Group" description="A heading under which the catalogue shows it, such as Billing. Empty groups it by the first word of its name." autoComplete="off" {...form.getInputProps("group")} />
        <JsonField
          label="Schema"
          description="A JSON Schema of the data, of draft 2020-12 or 7. It is shown as a table to those who receive the events."
          value={form.values.schema}
          onChange={(text) => form.setFieldValue("schema", text)}
          error={form.errors.schema}
        >
          {form.values.schema.trim() === "" && (
            <Button size="compact-xs" variant="light" onClick={() => form.setFieldValue("schema", startSchema)}>Begin with a sample</Button>
          )}
        </JsonField>
        <TextInput
          label="Version of the schema"
          description={known?.earlierSchemas === undefined ? "What the schema is called among its versions, such as 2. It may be empty." : `What the schema is called among its versions. There are others: ${Object.keys(known.type.earlier_schemas ?? {}).join(", ")}.`}
          autoComplete="off"
          {...form.getInputProps("schemaVersion")}
        />
        <JsonField
          label="Example"
          description="Data as a receiver may get it; it is also what tests send."
          value={form.values.example}
          onChange={(text) => form.setFieldValue("example", text)}
          error={form.errors.example}
        />
        <Paper withBorder p="md">
          <Stack gap="md">
            <Switch
              label="Check data against the schema"
              description="Publishing refuses events whose data breaks the schema, and says where."
              {...form.getInputProps("validate", { type: "checkbox" })}
            />
            <Switch
              label="Deprecated"
              description="It is published and delivered as before, and marked where people choose types."
              {...form.getInputProps("deprecated", { type: "checkbox" })}
            />
            <Switch
              label="Archived"
              description="It stays readable here. Where only types of the catalogue may be published, no new events of it are taken."
              {...form.getInputProps("archived", { type: "checkbox" })}
            />
            <TagsInput
              label="Feature flags"
              description="Portal links see the type only if they were made with one of these flags. Empty shows it to all."
              clearable
              clearButtonProps={{ "aria-label": "Remove all feature flags" }}
              acceptValueOnBlur
              {...form.getInputProps("featureFlags")}
            />
          </Stack>
        </Paper>
        <Group justify="space-between">
          <Group gap="xs">
            <Button type="submit" loading={save.isPending}>{known ? "Save" : "Add to the catalogue"}</Button>
            <Button variant="default" onClick={() => void (known ? navigate({ to: "/event-types/$name", params: { name: known.type.name } }) : navigate({ to: "/event-types" }))}>Cancel</Button>
          </Group>
          {known && (
            <Button variant="subtle" color="red" leftSection={<IconTrash size={15} />} loading={remove.isPending} onClick={() => void askAndDelete(known.type.name)}>
              Delete
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
