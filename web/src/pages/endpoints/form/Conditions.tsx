import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Autocomplete, Button, Group, Select, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { type Comparison, type Condition, condition, conditionsOf, type Field, literal, patternOf, suggestions, valuesOf } from "./conditions.ts";
import { type About, useFields } from "./fields.ts";
import classes from "./Conditions.module.css";

const comparisons: { value: Comparison; label: MessageDescriptor }[] = [
  { value: "is", label: msg`is one of` },
  { value: "isNot", label: msg`is none of` },
  { value: "more", label: msg`is more than` },
  { value: "atLeast", label: msg`is at least` },
  { value: "less", label: msg`is less than` },
  { value: "atMost", label: msg`is at most` },
  { value: "between", label: msg`is from … to` },
  { value: "begins", label: msg`begins with` },
  { value: "ends", label: msg`ends with` },
  { value: "anyCase", label: msg`is, in upper or lower case` },
  { value: "there", label: msg`is there` },
  { value: "absent", label: msg`is not there` },
];

interface ConditionsProps {
  text: string;
  onChange(text: string): void;
  about: About;
}

/** The filter as lines of field, comparison and value, all of which must hold; what lines cannot show stays as it is. */
export function Conditions({ text, onChange, about }: ConditionsProps) {
  const fields = useFields(about).data ?? [];
  const types = (field: string) => fields.find((f) => f.path === field)?.types ?? [];
  // Lines that are not complete are here alone; as soon as the text is changed elsewhere, it leads.
  const [state, setState] = useState<{ lines: Condition[]; text: string }>();
  const [tried, setTried] = useState<ReadonlySet<string>>(new Set());
  const read = state?.text === text ? state.lines : conditionsOf(text);
  const box = useRef<HTMLDivElement>(null);
  if (!Array.isArray(read)) {
    return <Text size="sm" c="dimmed" role="status"><Trans>This filter cannot be shown as lines, and is kept as it is: {read.why} Change it in the JSON.</Trans></Text>;
  }
  const lines = read;
  const { faults } = patternOf(lines, types);
  const change = (next: Condition[]) => {
    const made = patternOf(next, types).text;
    setState({ lines: next, text: made });
    if (made !== text) onChange(made);
  };
  const set = (c: Condition, part: Partial<Condition>) => change(lines.map((l) => (l.key === c.key ? { ...l, ...part } : l)));
  const add = (c: Condition) => {
    change([...lines, c]);
    setTimeout(() => box.current?.querySelector<HTMLElement>(`[data-condition="${lines.length}"]`)?.focus());
  };
  const offered = lines.length === 0 ? suggestions(fields) : [];
  return (
    <Stack gap="xs" ref={box}>
      {lines.length > 1 && <Text size="xs" c="dimmed"><Trans>All of these must hold.</Trans></Text>}
      {lines.map((c, i) => (
        <Line
          key={c.key}
          c={c}
          n={i}
          fields={fields}
          fault={tried.has(c.key) || complete(c) ? faults.get(c.key) : undefined}
          onLeave={() => setTried((before) => new Set([...before, c.key]))}
          set={(part) => set(c, part)}
          remove={() => {
            change(lines.filter((l) => l.key !== c.key));
            setTimeout(() => box.current?.querySelector<HTMLElement>("[data-add]")?.focus());
          }}
          decimal={(field) => types(field).length === 0 || types(field).includes("string")}
        />
      ))}
      <Group gap="xs">
        <Button size="xs" variant="default" data-add leftSection={<IconPlus size={14} />} onClick={() => add(condition())}><Trans>Add a condition</Trans></Button>
        {offered.length > 0 && <Text size="xs" c="dimmed"><Trans>For example:</Trans></Text>}
        {offered.map((c) => <Button key={c.field} size="compact-xs" variant="light" tt="none" onClick={() => add(c)}><span className="foreign">{inWords(c)}</span></Button>)}
      </Group>
    </Stack>
  );
}

/** Whether all of a line has been given, so that what is wrong with it can be said. */
function complete(c: Condition): boolean {
  return c.field !== "" && c.values.filter((v) => v !== "").length >= Math.min(valuesOf(c.comparison), 1);
}

function inWords(c: Condition): string {
  const how = i18n._(comparisons.find((x) => x.value === c.comparison)!.label);
  return `${c.field} ${how} ${c.values.join(", ")}`;
}

interface LineProps {
  c: Condition;
  n: number;
  fields: Field[];
  fault: string | undefined;
  set(part: Partial<Condition>): void;
  remove(): void;
  onLeave(): void;
  decimal(field: string): boolean;
}

function Line({ c, n, fields, fault, set, remove, onLeave, decimal }: LineProps) {
  const which = n + 1;
  const known = fields.find((f) => f.path === c.field);
  const example = known?.example;
  const placeholder = example !== undefined && typeof example !== "object" ? literal(example) : t`Value`;
  const value = t`Value of condition ${which}`;
  const most = valuesOf(c.comparison);
  return (
    <div className={classes.line} role="group" aria-label={t`Condition ${which}`} onBlur={(e) => !e.currentTarget.contains(e.relatedTarget) && onLeave()}>
      <div><Autocomplete
        aria-label={t`Field of condition ${which}`}
        placeholder="customer.country"
        data={fields.map((f) => f.path)}
        renderOption={({ option }) => <FieldOption field={fields.find((f) => f.path === option.value)} path={option.value} />}
        limit={100}
        value={c.field}
        onChange={(text) => {
          const field = text.replace(/^data\./, (prefix) => (fields.some((f) => f.path.startsWith(prefix)) ? prefix : ""));
          set({ field, decimal: decimal(field) });
        }}
        spellCheck={false}
        data-condition={n}
      /></div>
      <div><Select
        aria-label={t`Comparison of condition ${which}`}
        data={comparisons.map((x) => ({ value: x.value, label: i18n._(x.label) }))}
        value={c.comparison}
        allowDeselect={false}
        maxDropdownHeight={320}
        onChange={(next) => set({ comparison: next as Comparison, decimal: decimal(c.field), values: c.values.slice(0, valuesOf(next as Comparison)) })}
      /></div>
      <div>{most === 0 ? null : most === Infinity ? (
        <TagsInput
          aria-label={value}
          placeholder={c.values.length === 0 ? placeholder : undefined}
          description={c.values.length === 0 ? t`Press Enter after each.` : undefined}
          inputWrapperOrder={["input", "description", "error"]}
          value={c.values}
          onChange={(values) => set({ values })}
          data={typeof example === "boolean" ? ["true", "false"] : example !== undefined && typeof example !== "object" ? [literal(example)] : []}
          splitChars={["\n"]}
          acceptValueOnBlur
          error={fault}
        />
      ) : most === 2 ? (
        <div>
          <div className={classes.bounds}>
            <TextInput aria-label={t`From, in condition ${which}`} inputMode="decimal" value={c.values[0] ?? ""} onChange={(e) => set({ values: [e.currentTarget.value, c.values[1] ?? ""] })} error={fault !== undefined} />
            <Text size="sm"><Trans>to</Trans></Text>
            <TextInput aria-label={t`To, in condition ${which}`} inputMode="decimal" value={c.values[1] ?? ""} onChange={(e) => set({ values: [c.values[0] ?? "", e.currentTarget.value] })} error={fault !== undefined} />
          </div>
          {fault && <Text size="xs" c="var(--mantine-color-error)" mt={4}>{fault}</Text>}
        </div>
      ) : <TextInput aria-label={value} placeholder={placeholder} value={c.values[0] ?? ""} onChange={(e) => set({ values: [e.currentTarget.value] })} error={fault} spellCheck={false} />}</div>
      <ActionIcon variant="subtle" color="gray" size={36} aria-label={t`Remove condition ${which}`} onClick={remove}><IconTrash size={17} /></ActionIcon>
      {most === 0 && fault && <Text size="xs" c="var(--mantine-color-error)" style={{ gridColumn: "1 / -1" }}>{fault}</Text>}
    </div>
  );
}

/** A field with what it holds, and an example of it. */
function FieldOption({ field, path }: { field: Field | undefined; path: string }) {
  const example = field?.example;
  return (
    <Stack gap={0} miw={0}>
      <Text size="sm" className="foreign" truncate>{path}</Text>
      {field && <Text size="xs" c="dimmed" className="foreign" truncate>{field.types.join(", ")}{example !== undefined && typeof example !== "object" ? ` · ${String(example)}` : ""}</Text>}
    </Stack>
  );
}
