import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Question } from "./confirm.tsx";

/** The dialog of useConfirm. */
export default function ConfirmDialog({ opened, question: q, onAnswer }: { opened: boolean; question: Question; onAnswer: (yes: boolean) => void }) {
  const [typed, setTyped] = useState("");
  const ready = q.type === undefined || typed === q.type;
  function submit(e: FormEvent) {
    e.preventDefault();
    if (ready) onAnswer(true);
  }
  return (
    <Modal opened={opened} onClose={() => onAnswer(false)} title={q.title} centered>
      <Stack component="form" onSubmit={submit}>
        <div>{q.children}</div>
        {q.type && (
          <TextInput label={`Type ${q.type} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} data-autofocus autoComplete="off" />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => onAnswer(false)}>
            Cancel
          </Button>
          <Button type="submit" color={q.danger === false ? undefined : "red.9"} disabled={!ready}>
            {q.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
