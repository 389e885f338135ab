import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, VisuallyHidden } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";

/** A filter that is in force. */
export interface Chip {
  label: string;
  value: string;
  /** Stands in place of value, which then only names it. */
  shown?: ReactNode;
  remove(): void;
}

/** The filters in force, each with a way to remove it. */
export function Chips({ chips, clear }: { chips: Chip[]; clear(): void }) {
  if (chips.length === 0) return null;
  return (
    <Group gap={6} role="group" aria-label={t`Filters in force`}>
      {chips.map((c) => (
        <Button
          key={`${c.label} ${c.value}`}
          size="compact-sm"
          variant="light"
          fw={400}
          maw="100%"
          onClick={c.remove}
          rightSection={<IconX size={13} aria-hidden />}
        >
          <VisuallyHidden><Trans>Remove the filter:</Trans>{" "}</VisuallyHidden>
          <span>{c.label}:&nbsp;</span>
          <span className="foreign" style={{ overflow: "hidden", textOverflow: "ellipsis", lineHeight: 1.5 }}>{c.shown ?? c.value}</span>
        </Button>
      ))}
      {chips.length > 1 && (
        <Button size="compact-sm" variant="subtle" color="gray" onClick={clear}>
          <Trans>Clear all</Trans>
        </Button>
      )}
    </Group>
  );
}
