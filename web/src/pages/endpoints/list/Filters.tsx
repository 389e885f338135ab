import { CloseButton, Group, SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import type { StatusFilter } from "./queries.ts";

interface FiltersProps {
  /** null: none of these, since the list is limited in another way. */
  status: StatusFilter | null;
  onStatus(status: string | undefined): void;
  q: string;
  onSearch(q: string): void;
}

const states = [
  { value: "", label: "All" },
  { value: "active", label: "Active" },
  { value: "paused", label: "Paused" },
  { value: "disabled", label: "Disabled" },
];

/** Which endpoints the list shows. */
export function Filters({ status, onStatus, q, onSearch }: FiltersProps) {
  return (
    <Group justify="space-between" gap="sm">
      <SegmentedControl aria-label="Status" size="sm" data={states} value={status === null ? "other" : status ?? ""} onChange={(value) => onStatus(value || undefined)} />
      <TextInput
        aria-label="Search by name or URL"
        placeholder="Search by name or URL"
        leftSection={<IconSearch size={16} />}
        rightSection={q && <CloseButton size="sm" aria-label="Clear the search" onClick={() => onSearch("")} />}
        value={q}
        onChange={(e) => onSearch(e.currentTarget.value)}
        style={{ flex: "1 1 220px", maxWidth: 360 }}
      />
    </Group>
  );
}
