import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Popover, Stack, TextInput } from "@mantine/core";
import { IconAdjustmentsHorizontal, IconChevronDown } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";

interface MoreFiltersProps<Name extends string> {
  fields: { name: Name; label: string; placeholder?: string; value: string | undefined }[];
  onChange(values: Record<Name, string | undefined>): void;
}

/** Filters by free text that are rarely used, behind a button; they count when it closes. */
export function MoreFilters<Name extends string>({ fields, onChange }: MoreFiltersProps<Name>) {
  const [open, setOpen] = useState(false);
  const [texts, setTexts] = useState<Partial<Record<Name, string>>>({});
  const inForce = fields.filter((f) => f.value !== undefined).length;
  function show() {
    setTexts(Object.fromEntries(fields.map((f) => [f.name, f.value ?? ""])) as Record<Name, string>);
    setOpen(true);
  }
  function close() {
    setOpen(false);
    const values = fields.map((f) => [f.name, texts[f.name]?.trim() || undefined] as const);
    if (fields.some((f, i) => values[i]?.[1] !== f.value)) onChange(Object.fromEntries(values) as Record<Name, string | undefined>);
  }
  function submit(e: FormEvent) {
    e.preventDefault();
    close();
  }
  return (
    <Popover opened={open} onChange={(opened) => (opened ? show() : close())} position="bottom-start" trapFocus returnFocus shadow="md" width={280}>
      <Popover.Target>
        <Button
          variant="default"
          fw={400}
          onClick={() => (open ? close() : show())}
          leftSection={<IconAdjustmentsHorizontal size={16} stroke={1.6} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          {inForce > 0 ? <Trans>More filters: {inForce}</Trans> : <Trans>More filters</Trans>}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t`More filters`}>
        <form onSubmit={submit} noValidate>
          <Stack gap="sm">
            {fields.map((f) => (
              <TextInput key={f.name} label={f.label} placeholder={f.placeholder} value={texts[f.name] ?? ""} onChange={(e) => setTexts({ ...texts, [f.name]: e.currentTarget.value })} />
            ))}
            <Group justify="flex-end">
              <Button type="submit" size="xs"><Trans>Apply</Trans></Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
