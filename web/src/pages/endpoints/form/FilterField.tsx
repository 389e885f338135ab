import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Code, Group, Input, Stack, Text, Textarea } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useId } from "react";
import { Conditions } from "./Conditions.tsx";
import { wrongFilter } from "./conditions.ts";
import type { About } from "./fields.ts";
import type { PartProps } from "./form.ts";

const JsonEditor = lazy(() => import("../../../parts/JsonEditor.tsx"));

interface FilterInputProps {
  label: string;
  text: string;
  error: ReactNode;
  onChange(text: string): void;
  about: About;
}

/** What may stand in place of a value. */
const codes = {
  prefix: '{"prefix": "x"}', suffix: '{"suffix": "x"}', other: '{"anything-but": "x"}', numeric: '{"numeric": [">", 5]}',
  decimal: '{"decimal": [">", 5]}', ignoreCase: '{"equals-ignore-case": "x"}', exists: '{"exists": false}',
};

/** A JSON pattern over the data of events. */
export function FilterField({ form }: PartProps) {
  const v = form.values;
  return (
    <FilterInput
      label={t`Filter on the data`}
      text={v.filter}
      error={form.errors.filter}
      onChange={(text) => form.setFieldValue("filter", text)}
      about={{ app: v.apps[0], events: v.allEvents ? [] : v.events }}
    />
  );
}

/** A filter as lines and as JSON, each of which follows the other. */
export function FilterInput({ label, text, error: given, onChange: set, about }: FilterInputProps) {
  const id = useId();
  const error = given ?? wrongFilter(text);
  const described = `${id}-hint${error ? ` ${id}-error` : ""}`;
  const json = t`${label}, as JSON`;
  return (
    <Stack gap="xs" role="group" aria-labelledby={`${id}-label`}>
      <div>
        <Input.Label labelElement="div" id={`${id}-label`}>{label}</Input.Label>
        <Input.Description><Trans>Sends only events whose data fits. Fields are those of the schemas and of recent events; others can be typed.</Trans></Input.Description>
      </div>
      <Conditions text={text} onChange={set} about={about} />
      <Input.Wrapper
        label={<Text span size="xs" fw={500}><Trans>The same as JSON</Trans></Text>}
        labelElement="div"
        description={
          <Trans>
            Behind each field stands a list of values, one of which must be there. In place of a value may stand <Code>{codes.prefix}</Code>, <Code>{codes.suffix}</Code>,{" "}
            <Code>{codes.other}</Code>, <Code>{codes.numeric}</Code> for numbers, <Code>{codes.decimal}</Code> also for those in texts, such as "118.00",{" "}
            <Code>{codes.ignoreCase}</Code> or <Code>{codes.exists}</Code>.
          </Trans>
        }
        descriptionProps={{ id: `${id}-hint` }}
        error={error}
        errorProps={{ id: `${id}-error`, role: "status" }}
        inputWrapperOrder={["label", "description", "input", "error"]}
      >
        <div data-field="filter" style={{ marginBlock: 6 }}>
          <Suspense fallback={<Textarea aria-label={json} aria-describedby={described} autosize minRows={5} value={text} onChange={(e) => set(e.currentTarget.value)} />}>
            <JsonEditor value={text} onChange={set} label={json} describedBy={described} invalid={Boolean(error)} />
          </Suspense>
        </div>
      </Input.Wrapper>
      {text !== "" && <Group><Button size="compact-xs" variant="subtle" color="gray" onClick={() => set("")}><Trans>Remove the filter</Trans></Button></Group>}
    </Stack>
  );
}
