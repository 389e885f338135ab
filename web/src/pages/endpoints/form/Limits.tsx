import { t } from "@lingui/core/macro";
import { NumberInput, Radio, SimpleGrid, Stack } from "@mantine/core";
import { Choices } from "./Choices.tsx";
import type { PartProps } from "./form.ts";

const orders = () => [
  { value: "none", title: t`Fastest, in no order`, hint: t`Deliveries go out side by side. One that failed is sent again later, so newer ones may arrive before it. Right for most.` },
  { value: "subject", title: t`In order per subject`, hint: t`Events about the same subject, such as invoice:118, arrive one after the other. A failure holds back only its own subject.` },
  { value: "endpoint", title: t`Strictly in order`, hint: t`One delivery at a time. While one fails and is retried, everything after it waits, up to the end of the schedule.` },
];

/** How much the receiver is sent at once, and in which order. */
export function Limits({ form }: PartProps) {
  return (
    <Stack gap="lg">
      <Radio.Group label={t`Order`} {...form.getInputProps("ordering")}>
        <Choices choices={orders()} columns={3} />
      </Radio.Group>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
        <NumberInput
          label={t`Deliveries a second`}
          description={t`Spreads deliveries over time. Empty means no limit.`}
          placeholder={t`No limit`}
          decimalScale={3}
          {...form.getInputProps("perSecond")}
        />
        <NumberInput
          label={t`Burst`}
          description={t`How many may go at once after a quiet time.`}
          placeholder="1"
          allowDecimal={false}
          disabled={form.values.perSecond === "" && form.values.burst === ""}
          {...form.getInputProps("burst")}
        />
        <NumberInput
          label={t`Requests at once`}
          description={form.values.ordering === "endpoint" ? t`With the strict order it is always one.` : t`How many may be under way at the same time. Empty means that it adapts to the receiver.`}
          placeholder={t`Adapts`}
          allowDecimal={false}
          {...form.getInputProps("concurrency")}
        />
        <NumberInput
          label={t`Timeout`}
          description={t`How long an answer may take, in seconds.`}
          placeholder="15"
          suffix=" s"
          decimalScale={3}
          {...form.getInputProps("timeout")}
        />
      </SimpleGrid>
    </Stack>
  );
}
