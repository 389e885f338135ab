import { Button, Group, Modal, Stack, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type App, ok, Problem } from "../../api/client.ts";
import { done } from "../../parts/notify.ts";
import { Failure } from "../../parts/states.tsx";
import { idFault, parseNotes, writeNotes } from "./metadata.ts";

/** Creates an app, or changes the name and notes of one. */
export function AppForm({ app, opened, onClose }: { app?: App; opened: boolean; onClose(): void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={app ? `Change ${app.id}` : "New app"}>
      <Form key={app?.id} app={app} onClose={onClose} />
    </Modal>
  );
}

function Form({ app, onClose }: { app?: App; onClose(): void }) {
  const queries = useQueryClient();
  const [id, setId] = useState(app?.id ?? "");
  const [name, setName] = useState(app?.name ?? "");
  const [notes, setNotes] = useState(() => writeNotes(app?.metadata));
  const [faults, setFaults] = useState<Record<string, string | undefined>>({});
  const save = useMutation({
    mutationFn: async (metadata: Record<string, string>) => {
      if (app) return ok(api.PATCH("/v1/apps/{id}", { params: { path: { id: app.id } }, body: { name: name.trim() || null, metadata } }));
      return ok(api.POST("/v1/apps", { body: { ...(id && { id }), ...(name.trim() && { name: name.trim() }), metadata } }));
    },
    onSuccess: async (saved) => {
      await queries.invalidateQueries({ queryKey: ["apps"] });
      done(app ? "The app was changed" : `The app ${saved.id} was created`);
      onClose();
    },
    onError: (error) => {
      if (error instanceof Problem) setFaults(Object.fromEntries(error.errors.map((e) => [e.field.startsWith("metadata") ? "metadata" : e.field, e.detail])));
    },
  });
  function submit(e: FormEvent) {
    e.preventDefault();
    const read = parseNotes(notes);
    const wrong = { id: !app && id ? idFault(id) : undefined, metadata: "error" in read ? read.error : undefined };
    setFaults(wrong);
    if (!wrong.id && "notes" in read) save.mutate(read.notes);
  }
  const placed = ["id", "name", "metadata"].some((f) => faults[f]);
  return (
    <Stack component="form" onSubmit={submit}>
      {!app && (
        <TextInput
          label="Id"
          description="Your own tenant's name, such as acme. It cannot be changed later. Left empty, one is made."
          value={id}
          onChange={(e) => setId(e.currentTarget.value.trim())}
          error={faults.id}
          autoComplete="off"
          data-autofocus
        />
      )}
      <TextInput label="Name" description="For people, such as Acme Events." value={name} onChange={(e) => setName(e.currentTarget.value)} error={faults.name} data-autofocus={app ? true : undefined} />
      <Textarea label="Notes" description="Your own metadata, one a line: plan: gold" autosize minRows={3} maxRows={12} value={notes} onChange={(e) => setNotes(e.currentTarget.value)} error={faults.metadata} />
      {save.error && !placed && <Failure error={save.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={save.isPending}>{app ? "Save" : "Create app"}</Button>
      </Group>
    </Stack>
  );
}
