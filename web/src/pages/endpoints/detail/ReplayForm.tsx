import { Button, Group, Input, Radio, SegmentedControl, SimpleGrid, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { faultOf } from "../../../api/client.ts";
import { useEventTypes } from "../../../api/queries.ts";
import { causeOf } from "../../../lib/reasons.ts";
import { Failure } from "../../../parts/states.tsx";
import { type ReplayChoice, type ReplayInput, requestOf } from "./replay.ts";

const statuses: { value: ReplayChoice["status"]; label: string; description: string }[] = [
  { value: "failed", label: "Those that failed", description: "Events whose delivery failed or waits to be tried again. What waits is tried now: the receiver gets no second copy." },
  { value: "missing", label: "Those it never got", description: "Events that were never bound for it: from before it existed, or while it was disabled or wanted others." },
  { value: "all", label: "All of them", description: "The delivered ones too: the receiver gets those a second time." },
];

interface ReplayFormProps {
  choice: ReplayChoice;
  onChange(choice: ReplayChoice): void;
  onCount(input: Omit<ReplayInput, "limit">): void;
  error: unknown;
}

/** Asks which events of the past to send again. */
export function ReplayForm({ choice, onChange, onCount, error }: ReplayFormProps) {
  const types = useEventTypes();
  const [wrong, setWrong] = useState<{ field: string; problem: string }>();
  const of = (field: string) => (wrong?.field === field ? wrong.problem : faultOf(error, field));
  const known = ["types", ...(choice.range === "custom" ? ["since", "until"] : [])].some((f) => faultOf(error, f));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const request = requestOf(choice, new Date());
    setWrong("problem" in request ? request : undefined);
    if ("input" in request) onCount(request.input);
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        <Text size="sm">Sends events of the past to this endpoint again, oldest first. First they are counted; nothing is sent before you agree.</Text>
        <div>
          <Input.Label component="div" mb={4} id="replay-range">Events from</Input.Label>
          <SegmentedControl
            aria-labelledby="replay-range"
            fullWidth
            value={choice.range}
            onChange={(range) => onChange({ ...choice, range: range as ReplayChoice["range"] })}
            data={[{ value: "1h", label: "Last hour" }, { value: "24h", label: "24 hours" }, { value: "7d", label: "7 days" }, { value: "custom", label: "Custom" }]}
          />
          {choice.range === "custom" && (
            <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs">
              <TextInput type="datetime-local" label="Start" description="In your time zone" value={choice.since} onChange={(e) => onChange({ ...choice, since: e.currentTarget.value })} error={of("since")} required />
              <TextInput type="datetime-local" label="End" description="Empty for now" value={choice.until} onChange={(e) => onChange({ ...choice, until: e.currentTarget.value })} error={of("until")} />
            </SimpleGrid>
          )}
        </div>
        <Radio.Group label="Which of them" value={choice.status} onChange={(status) => onChange({ ...choice, status: status as ReplayChoice["status"] })}>
          <Stack gap="xs" mt={6}>
            {statuses.map((s) => <Radio key={s.value} {...s} />)}
          </Stack>
        </Radio.Group>
        {choice.cause && choice.status === "failed" && (
          <Group gap="xs">
            <Text size="sm">Only those that failed of this: <b>{causeOf(choice.cause).short}</b></Text>
            <Button size="compact-xs" variant="subtle" onClick={() => onChange({ ...choice, cause: undefined })}>Of any cause</Button>
          </Group>
        )}
        <TagsInput
          label="Event types (optional)"
          description="Exact names, or a beginning and a star, such as invoice.*. Left empty: all that the endpoint wants."
          placeholder={choice.types.length === 0 ? "All that it wants" : undefined}
          data={(types.data ?? []).map((t) => t.name)}
          limit={100}
          splitChars={[",", " "]}
          acceptValueOnBlur
          value={choice.types}
          onChange={(values) => onChange({ ...choice, types: values })}
          error={of("types")}
        />
        {error && !known ? <Failure error={error} /> : null}
        <Group justify="flex-end">
          <Button type="submit">Count them</Button>
        </Group>
      </Stack>
    </form>
  );
}
