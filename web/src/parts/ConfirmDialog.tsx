import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Question } from "./confirm.tsx";

/** The dialog of useConfirm. */
export default function ConfirmDialog({ opened, question: q, onAnswer }: { opened: boolean; question: Question; onAnswer: (yes: boolean) => void }) {
  const [typed, setTyped] = useState("");
  const text = q.type;
  const ready = text === undefined || typed === text;
  function submit(e: FormEvent) {
    e.preventDefault();
    if (ready) onAnswer(true);
  }
  return (
    <Modal opened={opened} onClose={() => onAnswer(false)} title={q.title} centered>
      <Stack component="form" onSubmit={submit}>
        <div>{q.children}</div>
        {text && (
          <TextInput label={t`Type ${text} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} data-autofocus autoComplete="off" />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => onAnswer(false)}>
            <Trans>Cancel</Trans>
          </Button>
          <Button type="submit" color={q.danger === false ? undefined : "red.9"} disabled={!ready}>
            {q.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
