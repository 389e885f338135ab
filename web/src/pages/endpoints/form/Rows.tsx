import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Button, Group, Input, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useRef } from "react";
import type { EndpointFormState } from "./form.ts";
import { row } from "./values.ts";

interface RowsProps {
  form: EndpointFormState;
  field: "headers" | "metadata" | "capture";
  /** "header": what one row is. */
  noun: string;
  hint: string;
  names: string;
  values: string;
  most: number;
}

/** Names and values, a row each. */
export function Rows({ form, field, noun, hint, names, values, most }: RowsProps) {
  const list = form.values[field];
  const box = useRef<HTMLDivElement>(null);
  // The browser moves the focus to the page when what had it is gone.
  const focus = (selector: string) => setTimeout(() => box.current?.querySelector<HTMLElement>(selector)?.focus());
  return (
    <Stack gap="sm" ref={box} data-field={field} tabIndex={-1}>
      <Text size="sm" c="dimmed">{hint}</Text>
      {list.map((r, i) => (
        <Group key={r.key} gap="xs" wrap="nowrap" align="flex-start">
          <Group gap="xs" style={{ flex: 1 }} align="flex-start">
            <TextInput
              aria-label={labelOf.name(noun, i + 1)}
              placeholder={names}
              style={{ flex: "1 1 180px" }}
              spellCheck={false}
              autoComplete="off"
              data-row={i}
              {...form.getInputProps(`${field}.${i}.name`)}
            />
            <TextInput
              aria-label={labelOf.value(noun, i + 1)}
              placeholder={values}
              style={{ flex: "2 1 220px" }}
              spellCheck={false}
              autoComplete="off"
              {...form.getInputProps(`${field}.${i}.value`)}
            />
          </Group>
          <ActionIcon
            variant="subtle"
            color="gray"
            size={36}
            aria-label={labelOf.remove(noun, r.name || i + 1)}
            onClick={() => {
              form.removeListItem(field, i);
              focus("[data-add]");
            }}
          >
            <IconTrash size={17} />
          </ActionIcon>
        </Group>
      ))}
      {form.errors[field] && <Input.Error>{form.errors[field]}</Input.Error>}
      <div>
        <Button
          size="xs"
          variant="default"
          data-add
          leftSection={<IconPlus size={14} />}
          disabled={list.length >= most}
          onClick={() => {
            form.insertListItem(field, row());
            focus(`[data-row="${list.length}"]`);
          }}
        >
          <Trans>Add a {noun}</Trans>
        </Button>
      </div>
    </Stack>
  );
}

const labelOf = {
  name: (noun: string, number: number) => t`Name of ${noun} ${number}`,
  value: (noun: string, number: number) => t`Value of ${noun} ${number}`,
  remove: (noun: string, name: string | number) => t`Remove ${noun} ${name}`,
};
