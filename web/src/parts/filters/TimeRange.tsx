import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Input, Popover, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
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
  const range = rangeLabel(value);
  const wrong = checkRange(value);
  function choose(range: Range) {
    setOpen(false);
    onChange(range);
  }
  return (
    <Stack gap={5} maw={{ base: "100%", xs: 260 }}>
      <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus returnFocus shadow="md" width={320}>
        <Popover.Target>
          <Button
            variant="default"
            fw={400}
            onClick={() => setOpen(!open)}
            leftSection={<IconCalendarTime size={16} stroke={1.6} />}
            rightSection={<IconChevronDown size={14} />}
            aria-label={t`Time: ${range}`}
          >
            {range}
          </Button>
        </Popover.Target>
        <Popover.Dropdown aria-label={t`Time`}>
          {open && <Choices value={value} choose={choose} />}
        </Popover.Dropdown>
      </Popover>
      {wrong && <Input.Error role="alert">{wrong}</Input.Error>}
    </Stack>
  );
}

function Choices({ value, choose }: { value: Range; choose(range: Range): void }) {
  const { zone } = useChoices();
  const ownZone = zoneOf();
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
            {i18n._(p.label)}
          </Button>
        ))}
        <Button size="xs" variant="default" onClick={() => choose({})}>
          <Trans>Any time</Trans>
        </Button>
      </SimpleGrid>
      <Stack component="form" gap="xs" onSubmit={submit}>
        <TextInput type="datetime-local" step={1} size="xs" label={t`From`} value={since} onChange={(e) => setSince(e.currentTarget.value)} />
        <TextInput type="datetime-local" step={1} size="xs" label={t`To`} value={until} onChange={(e) => setUntil(e.currentTarget.value)} error={wrong} />
        <Group justify="space-between" wrap="nowrap">
          <Text size="xs" c="dimmed">{zone === "utc" ? t`In UTC.` : t`In your time zone (${ownZone}).`}</Text>
          <Button type="submit" size="xs" disabled={wrong !== undefined || (!range.since && !range.until)}>
            <Trans>Show this range</Trans>
          </Button>
        </Group>
      </Stack>
    </Stack>
  );
}
