import { Button, Code, Group, Input, Text, Textarea } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useId } from "react";
import type { PartProps } from "./form.ts";
import { wrongFilter } from "./values.ts";

const JsonEditor = lazy(() => import("../../../parts/JsonEditor.tsx"));

const examples = [
  { label: "Paid or partly paid, from Switzerland", text: '{\n  "status": ["paid", {"prefix": "part"}],\n  "customer": {"country": ["CH"]}\n}' },
  { label: "More than 100, and not a test", text: '{\n  "total": [{"numeric": [">", 100]}],\n  "mode": [{"anything-but": "test"}]\n}' },
];

interface FilterInputProps {
  label: string;
  text: string;
  error: ReactNode;
  onChange(text: string): void;
}

/** A JSON pattern over the data of events. */
export function FilterField({ form }: PartProps) {
  return <FilterInput label="Filter on the data" text={form.values.filter} error={form.errors.filter} onChange={(text) => form.setFieldValue("filter", text)} />;
}

export function FilterInput({ label, text, error: given, onChange: set }: FilterInputProps) {
  const id = useId();
  const error = given ?? wrongFilter(text);
  const described = `${id}-hint${error ? ` ${id}-error` : ""}`;
  return (
    <Input.Wrapper
      label={label}
      labelProps={{ id: `${id}-label` }}
      labelElement="div"
      description={
        <>
          Sends only events whose data fits this pattern. Every field that it names must fit; behind each stands a list of values, one of which must be there.
          In place of a value may stand <Code>{'{"prefix": "x"}'}</Code>, <Code>{'{"suffix": "x"}'}</Code>, <Code>{'{"anything-but": "x"}'}</Code>,{" "}
          <Code>{'{"numeric": [">", 5]}'}</Code>, <Code>{'{"equals-ignore-case": "x"}'}</Code> or <Code>{'{"exists": false}'}</Code>.
        </>
      }
      descriptionProps={{ id: `${id}-hint` }}
      error={error}
      errorProps={{ id: `${id}-error`, role: "status" }}
      inputWrapperOrder={["label", "description", "input", "error"]}
    >
      <div data-field="filter" style={{ marginBlock: 6 }}>
        <Suspense fallback={<Textarea aria-label={label} aria-describedby={described} autosize minRows={5} value={text} onChange={(e) => set(e.currentTarget.value)} />}>
          <JsonEditor value={text} onChange={set} label={label} describedBy={described} invalid={Boolean(error)} />
        </Suspense>
      </div>
      <Group gap="xs" mb={4}>
        <Text size="xs" c="dimmed">Insert an example:</Text>
        {examples.map((e) => (
          <Button key={e.label} size="compact-xs" variant="light" onClick={() => set(e.text)}>{e.label}</Button>
        ))}
        {text !== "" && <Button size="compact-xs" variant="subtle" color="gray" onClick={() => set("")}>Remove the filter</Button>}
      </Group>
    </Input.Wrapper>
  );
}
