import { Button, Group, Popover, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { IconCalendarTime, IconChevronDown } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { useChoices } from "../../lib/choices.ts";
import { zoneOf } from "../../lib/time.ts";
import { checkRange, fromField, presetRange, presets, type Range, rangeLabel, toField } from "./range.ts";

interface TimeRangeProps {
  value: Range;
  onChange(range: Range): void;
}

/** Chooses a range of time: one of the usual ones, or any. */
export function TimeRange({ value, onChange }: TimeRangeProps) {
  const [open, setOpen] = useState(false);
  useChoices(); // of the zone
  function choose(range: Range) {
    setOpen(false);
    onChange(range);
  }
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus returnFocus shadow="md" width={320}>
      <Popover.Target>
        <Button
          variant="default"
          fw={400}
          onClick={() => setOpen(!open)}
          leftSection={<IconCalendarTime size={16} stroke={1.6} />}
          rightSection={<IconChevronDown size={14} />}
          aria-label={`Time: ${rangeLabel(value)}`}
        >
          {rangeLabel(value)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time">
        {open && <Choices value={value} choose={choose} />}
      </Popover.Dropdown>
    </Popover>
  );
}

function Choices({ value, choose }: { value: Range; choose(range: Range): void }) {
  const { zone } = useChoices();
  const [since, setSince] = useState(toField(value.since));
  const [until, setUntil] = useState(toField(value.until));
  const range = { since: fromField(since), until: fromField(until) };
  const wrong = checkRange(range);
  function submit(e: FormEvent) {
    e.preventDefault();
    if (!wrong) choose(range);
  }
  return (
    <Stack gap="sm">
      <SimpleGrid cols={2} spacing={6} verticalSpacing={6}>
        {presets.map((p) => (
          <Button key={p.ms} size="xs" variant="default" onClick={() => choose(presetRange(p.ms))}>
            {p.label}
          </Button>
        ))}
        <Button size="xs" variant="default" onClick={() => choose({})}>
          Any time
        </Button>
      </SimpleGrid>
      <Stack component="form" gap="xs" onSubmit={submit}>
        <TextInput type="datetime-local" step={1} size="xs" label="From" value={since} onChange={(e) => setSince(e.currentTarget.value)} />
        <TextInput type="datetime-local" step={1} size="xs" label="To" value={until} onChange={(e) => setUntil(e.currentTarget.value)} error={wrong} />
        <Group justify="space-between" wrap="nowrap">
          <Text size="xs" c="dimmed">{zone === "utc" ? "In UTC." : `In your time zone (${zoneOf()}).`}</Text>
          <Button type="submit" size="xs" disabled={wrong !== undefined || (!range.since && !range.until)}>
            Show this range
          </Button>
        </Group>
      </Stack>
    </Stack>
  );
}
