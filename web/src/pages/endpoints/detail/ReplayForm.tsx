import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Input, Radio, SegmentedControl, SimpleGrid, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { faultOf } from "../../../api/client.ts";
import { useEventTypes } from "../../../api/queries.ts";
import { causeOf } from "../../../lib/reasons.ts";
import { Failure } from "../../../parts/states.tsx";
import { type ReplayChoice, type ReplayInput, requestOf } from "./replay.ts";

const statuses = (): { value: ReplayChoice["status"]; label: string; description: string }[] => [
  { value: "failed", label: t`Those that failed`, description: t`Events whose delivery failed or waits to be tried again. What waits is tried now: the receiver gets no second copy.` },
  { value: "missing", label: t`Those it never got`, description: t`Events that were never bound for it: from before it existed, or while it was disabled or wanted others.` },
  { value: "all", label: t`All of them`, description: t`The delivered ones too: the receiver gets those a second time.` },
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
  const cause = causeOf(choice.cause ?? {}).short;
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        <Text size="sm"><Trans>Sends events of the past to this endpoint again, oldest first. First they are counted; nothing is sent before you agree.</Trans></Text>
        <div>
          <Input.Label component="div" mb={4} id="replay-range"><Trans>Events from</Trans></Input.Label>
          <SegmentedControl
            aria-labelledby="replay-range"
            fullWidth
            value={choice.range}
            onChange={(range) => onChange({ ...choice, range: range as ReplayChoice["range"] })}
            data={[{ value: "1h", label: t`Last hour` }, { value: "24h", label: t`24 hours` }, { value: "7d", label: t`7 days` }, { value: "custom", label: t`Custom` }]}
          />
          {choice.range === "custom" && (
            <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs">
              <TextInput type="datetime-local" label={t`Start`} description={t`In your time zone`} value={choice.since} onChange={(e) => onChange({ ...choice, since: e.currentTarget.value })} error={of("since")} required />
              <TextInput type="datetime-local" label={t`End`} description={t`Empty for now`} value={choice.until} onChange={(e) => onChange({ ...choice, until: e.currentTarget.value })} error={of("until")} />
            </SimpleGrid>
          )}
        </div>
        <Radio.Group label={t`Which of them`} value={choice.status} onChange={(status) => onChange({ ...choice, status: status as ReplayChoice["status"] })}>
          <Stack gap="xs" mt={6}>
            {statuses().map((s) => <Radio key={s.value} {...s} />)}
          </Stack>
        </Radio.Group>
        {choice.cause && choice.status === "failed" && (
          <Group gap="xs">
            <Text size="sm"><Trans>Only those that failed of this: <b>{cause}</b></Trans></Text>
            <Button size="compact-xs" variant="subtle" onClick={() => onChange({ ...choice, cause: undefined })}><Trans>Of any cause</Trans></Button>
          </Group>
        )}
        <TagsInput
          label={t`Event types (optional)`}
          description={t`Exact names, or a beginning and a star, such as invoice.*. Left empty: all that the endpoint wants.`}
          placeholder={choice.types.length === 0 ? t`All that it wants` : undefined}
          data={(types.data ?? []).map((type) => type.name)}
          limit={100}
          splitChars={[",", " "]}
          acceptValueOnBlur
          value={choice.types}
          onChange={(values) => onChange({ ...choice, types: values })}
          error={of("types")}
        />
        {error && !known ? <Failure error={error} /> : null}
        <Group justify="flex-end">
          <Button type="submit"><Trans>Count them</Trans></Button>
        </Group>
      </Stack>
    </form>
  );
}
