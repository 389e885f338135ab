import { Button, Group, Modal, NumberInput, Select, SimpleGrid, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { faultOf, type Inbox } from "../../api/client.ts";
import { Failure } from "../../parts/states.tsx";
import { type AnswerDraft, answers, changeOf, contentTypes, draftOf, failures } from "./answers.ts";
import { useChangeAnswer } from "./queries.ts";

/** Programs what an inbox answers: a receiver that is slow, flaky, or says something in particular. */
export function AnswerForm({ inbox, opened, onClose }: { inbox: Inbox; opened: boolean; onClose(): void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="How this inbox answers" size="lg">
      <Form inbox={inbox} onClose={onClose} />
    </Modal>
  );
}

function Form({ inbox, onClose }: { inbox: Inbox; onClose(): void }) {
  const [draft, setDraft] = useState<AnswerDraft>(() => draftOf(inbox));
  const change = useChangeAnswer(inbox.token);
  const set = (part: Partial<AnswerDraft>) => setDraft({ ...draft, ...part });
  const fault = (field: string) => faultOf(change.error, field);
  const placed = ["answer_status", "answer_delay", "fail_first", "fail_status", "answer_body"].some(fault);

  function submit(e: FormEvent) {
    e.preventDefault();
    change.mutate(changeOf(draft), { onSuccess: onClose });
  }
  return (
    <Stack component="form" onSubmit={submit}>
      <Text size="sm" c="dimmed">From now on, and as long as the inbox lives: it is kept in the server's memory.</Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <NumberInput
          label="Status"
          description={answers.find((a) => a.status === draft.status)?.effect ?? "An HTTP status, 200 to 599."}
          value={draft.status}
          onChange={(v) => set({ status: Number(v) })}
          min={200}
          max={599}
          allowDecimal={false}
          error={fault("answer_status")}
        />
        <NumberInput
          label="Answers after"
          description="Seconds, at most 30. An endpoint's timeout may end the waiting earlier."
          value={draft.delay}
          onChange={(v) => set({ delay: Number(v) })}
          min={0}
          max={30}
          decimalScale={3}
          suffix=" s"
          error={fault("answer_delay")}
        />
        <NumberInput
          label="Fail first"
          description="So many requests fail from now on, before the others."
          value={draft.failFirst}
          onChange={(v) => set({ failFirst: Number(v) })}
          min={0}
          max={1000}
          allowDecimal={false}
          error={fault("fail_first")}
        />
        <Select
          label="Fail with"
          description="What those are answered with."
          data={failures(draft.failStatus)}
          value={String(draft.failStatus)}
          onChange={(v) => v && set({ failStatus: Number(v) })}
          allowDeselect={false}
          disabled={draft.failFirst === 0}
          error={fault("fail_status")}
        />
        <Select
          label="Content type"
          description="Of the text below."
          data={contentTypes}
          value={draft.contentType}
          onChange={(v) => v && set({ contentType: v })}
          allowDeselect={false}
        />
        <NumberInput
          label="Retry-After"
          description="Seconds that the receiver asks to be left alone; 0 for no such header."
          value={draft.retryAfter}
          onChange={(v) => set({ retryAfter: Number(v) })}
          min={0}
          max={86_400}
          allowDecimal={false}
          suffix=" s"
        />
      </SimpleGrid>
      <Textarea
        label="Text"
        description="At most 16 KiB. Without one, a sentence that counts the requests."
        value={draft.body}
        onChange={(e) => set({ body: e.currentTarget.value })}
        autosize
        minRows={3}
        maxRows={12}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
        error={fault("answer_body")}
      />
      {change.error && !placed && <Failure error={change.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={change.isPending}>Answer like this</Button>
      </Group>
    </Stack>
  );
}
