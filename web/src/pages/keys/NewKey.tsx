import { Alert, Button, Group, Modal, MultiSelect, Radio, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { faultOf, type Key } from "../../api/client.ts";
import { useApps, useSession } from "../../api/queries.ts";
import { appLabel } from "../../lib/text.ts";
import { CodeBlock } from "../../parts/Code.tsx";
import { Failure } from "../../parts/states.tsx";
import { useCreateKey } from "./queries.ts";
import { roles } from "./kinds.ts";

const expiries = [
  { value: "", label: "Until it is deleted" },
  { value: "1d", label: "1 day" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
  { value: "90d", label: "90 days" },
  { value: "365d", label: "1 year" },
];

/** Asks for what a new key may do, makes it and shows its token, this once. */
export function NewKey({ opened, onClose }: { opened: boolean; onClose(): void }) {
  const create = useCreateKey();
  const close = () => {
    onClose();
    create.reset();
  };
  const made = create.data;
  return (
    <Modal opened={opened} onClose={close} title={made ? "The key is made" : "New key"} size="lg" closeOnClickOutside={!made} closeOnEscape={!made}>
      {made ? (
        <Stack>
          <Alert variant="light" color="yellow" icon={<IconKey />} title="Copy it now">
            This is the only time that it is shown. Keep it where secrets are kept, not in source code.
          </Alert>
          <CodeBlock code={made.token} title="Key" wrap />
          <Group justify="flex-end"><Button onClick={close} data-autofocus>I have copied it</Button></Group>
        </Stack>
      ) : (
        <Form create={create} onClose={close} />
      )}
    </Modal>
  );
}

function Form({ create, onClose }: { create: ReturnType<typeof useCreateKey>; onClose(): void }) {
  const apps = useApps();
  const { operator } = useSession();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Key["role"]>("publisher");
  const [limits, setLimits] = useState<string[]>([]);
  const [expiry, setExpiry] = useState("");
  const wrong = (field: string) => faultOf(create.error, field);
  const named = ["name", "role", "apps", "expires_in"].some((f) => wrong(f));

  function submit(e: FormEvent) {
    e.preventDefault();
    create.mutate({ role, ...(name.trim() && { name: name.trim() }), ...(limits.length > 0 && { apps: limits }), ...(expiry && { expires_in: expiry }) });
  }
  return (
    <Stack component="form" onSubmit={submit}>
      <TextInput label="Name" description="What it is for, such as “checkout service”. The audit log shows it." value={name} onChange={(e) => setName(e.currentTarget.value)} error={wrong("name")} data-autofocus />
      <Radio.Group label="Role" value={role} onChange={(v) => setRole(v as Key["role"])} error={wrong("role")}>
        <Stack gap="xs" mt={6}>
          {roles.map((r) => <Radio key={r.value} value={r.value} label={r.label} description={r.words} />)}
        </Stack>
      </Radio.Group>
      <MultiSelect
        label="Apps"
        description={operator ? "Limits the key to these. Leave it empty for all apps, also those to come." : "Your key is limited to apps, so this one must be, too."}
        placeholder={limits.length === 0 ? (operator ? "All apps" : "Choose apps") : undefined}
        data={(apps.data ?? []).map((a) => ({ value: a.id, label: appLabel(a) }))}
        value={limits}
        onChange={setLimits}
        error={wrong("apps")}
        searchable
        limit={100}
        required={!operator}
      />
      <Select label="Valid for" data={expiries} value={expiry} onChange={(v) => setExpiry(v ?? "")} allowDeselect={false} error={wrong("expires_in")} />
      {create.error && !named && <Failure error={create.error} />}
      {role === "admin" && limits.length === 0 && operator && <Text size="sm" c="dimmed">An admin key for all apps is an operator's: it also creates and deletes apps.</Text>}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create key</Button>
      </Group>
    </Stack>
  );
}
