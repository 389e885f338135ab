import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { NumberInput, Radio, SimpleGrid, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { formatDuration } from "../../../lib/time.ts";
import { Choices } from "./Choices.tsx";
import type { PartProps } from "./form.ts";
import { pauses, presets, readPause, type RetryKind } from "./retry.ts";
import { RetryTimeline } from "./RetryTimeline.tsx";

const choices = (): { value: RetryKind; title: string; hint: string }[] => [
  ...(["standard", "quick", "patient", "none"] as const).map((value) => ({ value, title: i18n._(presets[value].title), hint: i18n._(presets[value].hint) })),
  { value: "list", title: t`Own pauses`, hint: t`List each pause yourself.` },
  { value: "growing", title: t`Growing pauses`, hint: t`Each pause is a multiple of the one before.` },
];

/** When a failed delivery is tried again: presets, or a schedule of one's own, drawn as a line. */
export function Retries({ form }: PartProps) {
  const { retry } = form.values;
  function choose(kind: RetryKind) {
    // Own pauses begin with those of the choice before, to be changed.
    const delays = kind === "list" && retry.delays.length === 0 ? pauses(retry).map(formatDuration) : retry.delays;
    for (const field of ["delays", "initial", "factor", "max", "until"]) form.clearFieldError(`retry.${field}`);
    form.setFieldValue("retry", { ...retry, kind, delays });
  }
  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed">
        <Trans>A delivery fails if the receiver cannot be reached, takes too long, or answers anything but a status from 200 to 299.
        It is then sent again, with the same id, until it arrives or the schedule ends.</Trans>
      </Text>
      <Radio.Group value={retry.kind} onChange={(kind) => choose(kind as RetryKind)} label={t`Schedule`}>
        <Choices choices={choices()} columns={3} />
      </Radio.Group>
      {retry.kind === "list" && (
        <TagsInput
          label={t`Pauses`}
          description={t`The pause after each failed attempt, in order: 30s, 5 min, 2h, 1 day. Press Enter after each.`}
          allowDuplicates
          splitChars={[","]}
          acceptValueOnBlur
          clearable
          clearButtonProps={{ "aria-label": t`Remove all pauses` }}
          {...form.getInputProps("retry.delays")}
          onChange={(values) => {
            const bad = values.find((v) => readPause(v) === undefined);
            form.setFieldValue("retry.delays", values.flatMap((v) => readPause(v) ?? []));
            if (bad !== undefined) form.setFieldError("retry.delays", t`“${bad}” is not a length of time. Write it as 30s, 5m, 2h or 1d.`);
          }}
        />
      )}
      {retry.kind === "growing" && (
        <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
          <TextInput label={t`First pause`} placeholder="10s" {...form.getInputProps("retry.initial")} />
          <NumberInput label={t`Then times`} min={1} max={100} decimalScale={2} {...form.getInputProps("retry.factor")} />
          <TextInput label={t`Longest pause`} placeholder="12h" {...form.getInputProps("retry.max")} />
          <TextInput label={t`Give up after`} placeholder="7d" {...form.getInputProps("retry.until")} />
        </SimpleGrid>
      )}
      <RetryTimeline delays={pauses(retry)} />
    </Stack>
  );
}
