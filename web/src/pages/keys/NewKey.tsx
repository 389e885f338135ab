import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
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

const expiries = () => [
  { value: "", label: t`Until it is deleted` },
  { value: "1d", label: t`1 day` },
  { value: "7d", label: t`7 days` },
  { value: "30d", label: t`30 days` },
  { value: "90d", label: t`90 days` },
  { value: "365d", label: t`1 year` },
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
    <Modal opened={opened} onClose={close} title={made ? t`The key is made` : t`New key`} size="lg" closeOnClickOutside={!made} closeOnEscape={!made}>
      {made ? (
        <Stack>
          <Alert variant="light" color="yellow" icon={<IconKey />} title={t`Copy it now`}>
            <Trans>This is the only time that it is shown. Keep it where secrets are kept, not in source code.</Trans>
          </Alert>
          <CodeBlock code={made.token ?? ""} title={t`Key`} wrap />
          <Group justify="flex-end"><Button onClick={close} data-autofocus><Trans>I have copied it</Trans></Button></Group>
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
      <TextInput label={t`Name`} description={t`What it is for, such as “checkout service”. The audit log shows it.`} value={name} onChange={(e) => setName(e.currentTarget.value)} error={wrong("name")} data-autofocus />
      <Radio.Group label={t`Role`} value={role} onChange={(v) => setRole(v as Key["role"])} error={wrong("role")}>
        <Stack gap="xs" mt={6}>
          {roles.map((r) => <Radio key={r.value} value={r.value} label={i18n._(r.label)} description={i18n._(r.words)} />)}
        </Stack>
      </Radio.Group>
      <MultiSelect
        label={t`Apps`}
        description={operator ? t`Limits the key to these. Leave it empty for all apps, also those to come.` : t`Your key is limited to apps, so this one must be, too.`}
        placeholder={limits.length === 0 ? (operator ? t`All apps` : t`Choose apps`) : undefined}
        data={(apps.data ?? []).map((a) => ({ value: a.id, label: appLabel(a) }))}
        value={limits}
        onChange={setLimits}
        error={wrong("apps")}
        searchable
        limit={100}
        required={!operator}
      />
      <Select label={t`Valid for`} data={expiries()} value={expiry} onChange={(v) => setExpiry(v ?? "")} allowDeselect={false} error={wrong("expires_in")} />
      {create.error && !named && <Failure error={create.error} />}
      {role === "admin" && limits.length === 0 && operator && <Text size="sm" c="dimmed"><Trans>An admin key for all apps is an operator's: it also creates and deletes apps.</Trans></Text>}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}><Trans>Cancel</Trans></Button>
        <Button type="submit" loading={create.isPending}><Trans>Create key</Trans></Button>
      </Group>
    </Stack>
  );
}
