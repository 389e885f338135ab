import { Button, Group, Modal, Select, Stack, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { faultOf } from "../../api/client.ts";
import { useApps } from "../../api/queries.ts";
import { appLabel } from "../../lib/text.ts";
import { Failure } from "../../parts/states.tsx";
import { useCreateInbox } from "./queries.ts";

const lives = [
  { value: "15m", label: "15 minutes" },
  { value: "1h", label: "1 hour" },
  { value: "6h", label: "6 hours" },
  { value: "24h", label: "24 hours" },
];

/** Asks for the app and how long the inbox lives, makes it and goes there. */
export function NewInbox({ opened, onClose, app }: { opened: boolean; onClose(): void; app: string | undefined }) {
  return (
    <Modal opened={opened} onClose={onClose} title="New inbox">
      <Form app={app} onClose={onClose} />
    </Modal>
  );
}

function Form({ app, onClose }: { app: string | undefined; onClose(): void }) {
  const apps = useApps();
  const create = useCreateInbox();
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<string | undefined>(app);
  const [life, setLife] = useState("1h");
  const value = chosen ?? (apps.data?.length === 1 ? apps.data[0]!.id : undefined);
  const fault = faultOf(create.error, "app");

  function submit(e: FormEvent) {
    e.preventDefault();
    if (!value) return;
    create.mutate({ app: value, expires_in: life }, {
      onSuccess: (inbox) => {
        onClose();
        void navigate({ to: "/inboxes/$token", params: { token: inbox.token } });
      },
    });
  }
  return (
    <Stack component="form" onSubmit={submit}>
      <Text size="sm" c="dimmed">A temporary receiver inside Bellhop. Give its URL to an endpoint and see exactly what arrives.</Text>
      <Select
        label="App"
        description="Whose people can look into it."
        data={(apps.data ?? []).map((a) => ({ value: a.id, label: appLabel(a) }))}
        value={value ?? null}
        onChange={(v) => setChosen(v ?? undefined)}
        error={fault}
        searchable
        limit={100}
        allowDeselect={false}
        required
      />
      <Select label="It lives for" data={lives} value={life} onChange={(v) => setLife(v ?? "1h")} allowDeselect={false} />
      {create.error && !fault && <Failure error={create.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={create.isPending} disabled={!value}>Create inbox</Button>
      </Group>
    </Stack>
  );
}
