import { t } from "@lingui/core/macro";
import { TagsInput } from "@mantine/core";
import type { PartProps } from "./form.ts";

/** Those who look after the endpoint. */
export function Notify({ form }: PartProps) {
  return (
    <TagsInput
      label={t`E-mail addresses`}
      description={t`Of those who look after this endpoint: each gets a mail when it breaks, and when it works again, and can unsubscribe. Press Enter after each.`}
      placeholder={form.values.notify.length === 0 ? "ann@example.com" : undefined}
      maxTags={5}
      splitChars={[",", ";", " "]}
      acceptValueOnBlur
      clearable
      clearButtonProps={{ "aria-label": t`Remove all addresses` }}
      {...form.getInputProps("notify")}
    />
  );
}
