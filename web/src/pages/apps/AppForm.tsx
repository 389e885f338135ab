import { Button, Group, Modal, MultiSelect, NumberInput, Stack, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, type App, ok, Problem } from "../../api/client.ts";
import { useDialects } from "../../api/queries.ts";
import { done } from "../../parts/notify.ts";
import { Failure } from "../../parts/states.tsx";
import { idFault, parseNotes, writeNotes } from "./metadata.ts";

/** Creates an app, or changes the settings of one. */
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
  const [uid, setUID] = useState(app?.uid ?? "");
  const [rate, setRate] = useState<number | string>(app?.rate_limit?.per_second ?? "");
  const [notes, setNotes] = useState(() => writeNotes(app?.metadata));
  const all = useDialects().data ?? [];
  const [dialects, setDialects] = useState(app?.dialects ?? []);
  const [options, setOptions] = useState(app?.dialect_options ?? {});
  const [faults, setFaults] = useState<Record<string, string | undefined>>({});
  const save = useMutation({
    mutationFn: async (metadata: Record<string, string>) => {
      if (app) return ok(api.PATCH("/v1/apps/{id}", { params: { path: { id: app.id } }, body: { name: name.trim() || null, uid: uid || null, rate_limit: rate === "" ? null : { ...(app.rate_limit?.burst && { burst: app.rate_limit.burst }), per_second: Number(rate) }, metadata, dialects: dialects.length > 0 ? dialects : null, dialect_options: filledOptions(options) ?? null } }));
      return ok(api.POST("/v1/apps", { body: { ...(id && { id }), ...(name.trim() && { name: name.trim() }), ...(uid && { uid }), ...(rate !== "" && { rate_limit: { per_second: Number(rate) } }), metadata, ...(dialects.length > 0 && { dialects }), dialect_options: filledOptions(options) } }));
    },
    onSuccess: async (saved) => {
      await queries.invalidateQueries({ queryKey: ["apps"] });
      done(app ? "The app was changed" : `The app ${saved.id} was created`);
      onClose();
    },
    onError: (error) => {
      if (error instanceof Problem) setFaults(Object.fromEntries(error.errors.map((e) => [/^(metadata|dialects|rate_limit)\b/.exec(e.field)?.[0] ?? e.field, e.detail])));
    },
  });
  function submit(e: FormEvent) {
    e.preventDefault();
    const read = parseNotes(notes);
    const wrong = { id: !app && id ? idFault(id) : undefined, metadata: "error" in read ? read.error : undefined };
    setFaults(wrong);
    if (!wrong.id && "notes" in read) save.mutate(read.notes);
  }
  const shown = all.filter((d) => (d.options ?? []).length > 0 && (dialects.length === 0 || dialects.includes(d.name) || options[d.name]));
  const placed = ["id", "uid", "name", "rate_limit", "metadata", "dialects"].some((f) => faults[f]) || Object.keys(faults).some((f) => f.startsWith("dialect_options.") && faults[f]);
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
      <TextInput label="Other id" description="Another id by which your platform knows it, which may change. It may be empty." value={uid} onChange={(e) => setUID(e.currentTarget.value.trim())} error={faults.uid} autoComplete="off" />
      <NumberInput label="Most a second" description="So many requests a second go to each of its endpoints at most. Empty is no limit." value={rate} onChange={setRate} error={faults.rate_limit} min={0} decimalScale={3} thousandSeparator="," hideControls />
      <Textarea label="Notes" description="Your own metadata, one a line: plan: gold" autosize minRows={3} maxRows={12} value={notes} onChange={(e) => setNotes(e.currentTarget.value)} error={faults.metadata} />
      <MultiSelect
        label="Dialects"
        description="Those that the app's people may choose for their endpoints; the first is their default. Empty means all."
        data={[...new Set([...all.map((d) => d.name), ...dialects])]}
        value={dialects}
        onChange={setDialects}
        error={faults.dialects}
        searchable
        clearable
        clearButtonProps={{ "aria-label": "Offer all dialects" }}
        nothingFoundMessage="No such dialect"
      />
      {shown.flatMap((d) => (d.options ?? []).map((o) => (
        <TextInput
          key={`${d.name}.${o.name}`}
          label={`${o.name} in ${d.name}`}
          description={<span className="foreign">{o.description}</span>}
          placeholder={o.default}
          autoComplete="off"
          spellCheck={false}
          value={options[d.name]?.[o.name] ?? ""}
          error={faults[`dialect_options.${d.name}.${o.name}`]}
          onChange={(e) => setOptions({ ...options, [d.name]: { ...options[d.name], [o.name]: e.currentTarget.value } })}
        />
      )))}
      {save.error && !placed && <Failure error={save.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={save.isPending}>{app ? "Save" : "Create app"}</Button>
      </Group>
    </Stack>
  );
}

/** Options that say something; nothing if none does. */
function filledOptions(options: Record<string, Record<string, string>>): Record<string, Record<string, string>> | undefined {
  const filled = Object.entries(options).flatMap(([dialect, values]) => {
    const said = Object.entries(values).filter(([, value]) => value.trim() !== "").map(([name, value]) => [name, value.trim()]);
    return said.length > 0 ? [[dialect, Object.fromEntries(said) as Record<string, string>] as const] : [];
  });
  return filled.length > 0 ? Object.fromEntries(filled) : undefined;
}
