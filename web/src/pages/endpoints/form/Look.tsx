import { Select, Stack, Text } from "@mantine/core";
import { useDialects } from "../../../api/queries.ts";
import { Waiting } from "../../../parts/states.tsx";
import type { PartProps } from "./form.ts";
import { Preview } from "./Preview.tsx";

/** The dialect, and the request as it will be. */
export function Look({ form, create }: PartProps) {
  const dialects = useDialects();
  if (!dialects.data) return <Waiting query={dialects} lines={3} />;
  const chosen = dialects.data.find((d) => d.name === form.values.dialect);
  const names = dialects.data.map((d) => d.name);
  if (!names.includes(form.values.dialect)) names.push(form.values.dialect);
  return (
    <Stack gap="md">
      <Select
        label="Dialect"
        description="The form of the requests: their body, headers and signature. Keep standard unless your receiver expects another one."
        data={names.map((name) => ({ value: name, label: name === "standard" ? "standard (default)" : name }))}
        searchable
        allowDeselect={false}
        nothingFoundMessage="No such dialect"
        maxDropdownHeight={360}
        renderOption={({ option }) => (
          <div>
            <Text size="sm" fw={500}>{option.label}</Text>
            <Text size="xs" c="dimmed" className="foreign">{dialects.data.find((d) => d.name === option.value)?.description}</Text>
          </div>
        )}
        {...form.getInputProps("dialect")}
      />
      <div aria-live="polite">
        {chosen?.description && <Text size="sm" className="foreign">{chosen.description}</Text>}
        {!create && <Text size="sm" c="dimmed" mt={4}>Before you change the dialect of an endpoint, make sure that its receiver understands the new one.</Text>}
      </div>
      <Preview form={form} create={create} />
    </Stack>
  );
}
