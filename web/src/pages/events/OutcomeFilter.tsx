import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Select } from "@mantine/core";
import type { Event } from "../../api/client.ts";
import { outcomeWords } from "../../lib/words.ts";

export type Outcome = NonNullable<Event["outcome"]>["state"];

const outcomes: Outcome[] = ["failed", "held", "waiting", "canceled", "delivered", "none"];

/** The outcome that an address names, if there is such a one. */
export function outcomeFrom(text: string | undefined): Outcome | undefined {
  return outcomes.find((o) => o === text);
}

/** Events by what became of them. */
export function OutcomeFilter({ value, onChange }: { value: Outcome | undefined; onChange(outcome: string | undefined): void }) {
  return (
    <Select
      aria-label={t`Outcome`}
      placeholder={t`Any outcome`}
      w={{ base: "100%", xs: 150 }}
      clearable
      data={outcomes.map((o) => ({ value: o, label: i18n._(outcomeWords[o]) }))}
      value={value ?? null}
      onChange={(v) => onChange(v ?? undefined)}
    />
  );
}
