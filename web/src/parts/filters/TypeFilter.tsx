import { t } from "@lingui/core/macro";
import { Autocomplete } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import { useEventTypes } from "../../api/queries.ts";
import { typeGroups } from "./types.ts";

interface TypeFilterProps {
  value: string | undefined;
  onChange(pattern: string | undefined): void;
}

/** An event type of the catalogue, or any pattern such as "invoice.*". */
export function TypeFilter({ value, onChange }: TypeFilterProps) {
  const types = useEventTypes();
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  const data = useMemo(() => {
    const names = types.data?.map((type) => type.name) ?? [];
    const groups = typeGroups(names);
    return groups.length > 0 ? [{ group: t`Groups`, items: groups }, { group: t`Event types`, items: names }] : names;
  }, [types.data]);
  function commit(chosen: string) {
    const pattern = chosen.trim();
    if (pattern !== (value ?? "")) onChange(pattern || undefined);
  }
  return (
    <Autocomplete
      aria-label={t`Event type`}
      placeholder={t`Event type, or invoice.*`}
      w={{ base: "100%", xs: 220 }}
      value={text}
      onChange={setText}
      data={data}
      limit={50}
      clearable
      onClear={() => commit("")}
      onOptionSubmit={commit}
      onBlur={() => commit(text)}
      onKeyDown={(e) => {
        if (e.key === "Enter" && !e.currentTarget.getAttribute("aria-activedescendant")) commit(text);
      }}
    />
  );
}
