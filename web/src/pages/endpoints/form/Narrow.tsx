import { t } from "@lingui/core/macro";
import { Stack, TagsInput } from "@mantine/core";
import { FilterField } from "./FilterField.tsx";
import type { PartProps } from "./form.ts";

/** Which of the chosen events: by subject, by channel, and by what is in their data. */
export function Narrow(props: PartProps) {
  const { form } = props;
  return (
    <Stack gap="lg">
      <TagsInput
        label={t`Subjects`}
        description={t`An event's subject says what it is about, such as invoice:118. List subjects, or how they begin and a * (invoice:*), and press Enter after each. Empty means all, also events without a subject. A URN names the app as well: urn:allthings:app:APP:invoice:*.`}
        placeholder={form.values.subjects.length === 0 ? t`invoice:*` : undefined}
        maxTags={200}
        splitChars={["\n"]}
        acceptValueOnBlur
        clearable
        clearButtonProps={{ "aria-label": t`Remove all subjects` }}
        {...form.getInputProps("subjects")}
      />
      <TagsInput
        label={t`Channels`}
        description={t`Labels that events are published with, such as project-1. List those that are wanted, and press Enter after each. Empty means all events, whatever their channels.`}
        placeholder={form.values.channels.length === 0 ? "project-1" : undefined}
        maxTags={10}
        splitChars={["\n", ",", " "]}
        acceptValueOnBlur
        clearable
        clearButtonProps={{ "aria-label": t`Remove all channels` }}
        {...form.getInputProps("channels")}
      />
      <FilterField {...props} />
    </Stack>
  );
}
