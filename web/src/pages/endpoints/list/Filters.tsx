import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { CloseButton, Group, Select, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { healthWords } from "../../../lib/words.ts";
import type { HealthFilter } from "./queries.ts";

interface FiltersProps {
  health: HealthFilter;
  onHealth(health: string | undefined): void;
  q: string;
  onSearch(q: string): void;
}

const states = ["failing", "on_hold", "disabled", "paused", "unknown", "healthy"] as const;

/** Which endpoints the list shows. */
export function Filters({ health, onHealth, q, onSearch }: FiltersProps) {
  return (
    <Group gap="sm">
      <TextInput
        aria-label={t`Search by name or URL`}
        placeholder={t`Search by name or URL`}
        leftSection={<IconSearch size={16} />}
        rightSection={q && <CloseButton size="sm" aria-label={t`Clear the search`} onClick={() => onSearch("")} />}
        value={q}
        onChange={(e) => onSearch(e.currentTarget.value)}
        style={{ flex: "1 1 220px", maxWidth: 360 }}
      />
      <Select
        aria-label={t`Health`}
        placeholder={t`Any health`}
        clearable
        w={{ base: "100%", xs: 180 }}
        data={states.map((s) => ({ value: s, label: i18n._(healthWords[s]) }))}
        value={health ?? null}
        onChange={(value) => onHealth(value ?? undefined)}
      />
    </Group>
  );
}
