import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import { Select } from "@mantine/core";
import type { Event } from "../../api/client.ts";

export type Outcome = NonNullable<Event["outcome"]>["state"];

const outcomes: { value: Outcome; label: MessageDescriptor }[] = [
  { value: "failed", label: msg`Failed` },
  { value: "held", label: msg`Held` },
  { value: "waiting", label: msg`Waiting` },
  { value: "canceled", label: msg`Canceled` },
  { value: "delivered", label: msg`Delivered` },
  { value: "none", label: msg`No endpoint` },
];

/** The outcome that an address names, if there is such a one. */
export function outcomeFrom(text: string | undefined): Outcome | undefined {
  return outcomes.find((o) => o.value === text)?.value;
}

export function outcomeWord(outcome: Outcome): string {
  return i18n._(outcomes.find((o) => o.value === outcome)?.label ?? msg`Not known yet`);
}

/** Events by what became of them. */
export function OutcomeFilter({ value, onChange }: { value: Outcome | undefined; onChange(outcome: string | undefined): void }) {
  return (
    <Select
      aria-label={t`Outcome`}
      placeholder={t`Any outcome`}
      w={{ base: "100%", xs: 150 }}
      clearable
      data={outcomes.map((o) => ({ value: o.value, label: i18n._(o.label) }))}
      value={value ?? null}
      onChange={(v) => onChange(v ?? undefined)}
    />
  );
}
