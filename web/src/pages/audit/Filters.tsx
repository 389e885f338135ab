import { Button, Group, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch, IconX } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import type { Key } from "../../api/client.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { actionChoices, actionWords } from "./actions.ts";

export interface AuditSearch {
  actor?: string;
  action?: string;
  object?: string;
}

/** Narrows the audit log; what was chosen is in the address. */
export function Filters({ search, keys }: { search: AuditSearch; keys: Key[] }) {
  const [, set] = useFilters<AuditSearch>();
  const change = (part: AuditSearch) => set(part, true);
  const [object, setObject] = useState(search.object ?? "");
  useEffect(() => setObject(search.object ?? ""), [search.object]);
  const later = useDebouncedCallback((text: string) => change({ object: text.trim() || undefined }), 400);

  const actors = [{ value: "system", label: "Bellhop itself" }, ...keys.map((k) => ({ value: k.id, label: k.name ? `${k.name} (${k.id})` : k.id }))];
  if (search.actor && !actors.some((a) => a.value === search.actor)) actors.push({ value: search.actor, label: search.actor });
  const actions = [...actionChoices];
  if (search.action && !actions.some((a) => a.value === search.action)) actions.push({ value: search.action, label: actionWords(search.action) });
  return (
    <Group gap="sm" role="search" aria-label="Narrow the audit log">
      <Select aria-label="Who" placeholder="Anybody" data={actors} value={search.actor ?? null} onChange={(v) => change({ actor: v ?? undefined })} clearable searchable limit={100} w={{ base: "100%", xs: 220 }} />
      <Select aria-label="What" placeholder="Anything" data={actions} value={search.action ?? null} onChange={(v) => change({ action: v ?? undefined })} clearable searchable w={{ base: "100%", xs: 260 }} />
      <TextInput
        aria-label="Object"
        placeholder="Id or name of the object"
        leftSection={<IconSearch size={16} />}
        value={object}
        onChange={(e) => {
          setObject(e.currentTarget.value);
          later(e.currentTarget.value);
        }}
        w={{ base: "100%", xs: 260 }}
      />
      {(search.actor || search.action || search.object) && (
        <Button variant="subtle" leftSection={<IconX size={14} />} onClick={() => change({ actor: undefined, action: undefined, object: undefined })}>Show all</Button>
      )}
    </Group>
  );
}
