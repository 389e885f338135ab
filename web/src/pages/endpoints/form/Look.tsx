import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Select, Stack, Text, TextInput } from "@mantine/core";
import { useDialects, useSession } from "../../../api/queries.ts";
import { Waiting } from "../../../parts/states.tsx";
import { type PartProps, useDialectChoice } from "./form.ts";
import { Preview } from "./Preview.tsx";
import { Transformation } from "./script/Transformation.tsx";

/** The dialect, and the request as it will be. */
export function Look({ form, create }: PartProps) {
  const dialects = useDialects();
  const mayScript = useSession().features.transformations && form.values.recipe === "";
  const { dialect, offered } = useDialectChoice(form.values);
  if (!dialects.data) return <Waiting query={dialects} lines={3} />;
  const chosen = dialects.data.find((d) => d.name === dialect);
  const names = dialects.data.map((d) => d.name).filter((name) => !offered || offered.includes(name) || name === form.values.dialect);
  if (!names.includes(dialect)) names.push(dialect);
  return (
    <Stack gap="md">
      <Select
        label={t`Dialect`}
        description={t`The form of the requests: their body, headers and signature. Keep the default unless your receiver expects another one.`}
        data={names.map((name) => ({ value: name, label: form.values.dialect === "" && name === dialect ? t`${name} (default)` : name }))}
        searchable
        allowDeselect={false}
        nothingFoundMessage={t`No such dialect`}
        maxDropdownHeight={360}
        renderOption={({ option }) => (
          <div>
            <Text size="sm" fw={500}>{option.label}</Text>
            <Text size="xs" c="dimmed" className="foreign">{dialects.data.find((d) => d.name === option.value)?.description}</Text>
          </div>
        )}
        {...form.getInputProps("dialect")}
        value={dialect}
        onChange={(name) => {
          form.clearFieldError("dialect");
          // Options are those of the dialect.
          form.setValues({ dialect: name ?? "", dialectOptions: {} });
        }}
      />
      {(chosen?.options ?? []).map((o) => (
        <TextInput
          key={o.name}
          label={optionLabel(o.name)}
          description={<span className="foreign">{o.description} {leftEmpty(o.default)}</span>}
          placeholder={o.default}
          autoComplete="off"
          spellCheck={false}
          value={form.values.dialectOptions[o.name] ?? ""}
          error={form.errors[`dialectOptions.${o.name}`]}
          onChange={(e) => {
            form.clearFieldError(`dialectOptions.${o.name}`);
            form.setFieldValue("dialectOptions", { ...form.values.dialectOptions, [o.name]: e.currentTarget.value });
          }}
        />
      ))}
      <div aria-live="polite">
        {chosen?.description && <Text size="sm" className="foreign">{chosen.description}</Text>}
        {!create && <Text size="sm" c="dimmed" mt={4}><Trans>Before you change the dialect of an endpoint, make sure that its receiver understands the new one.</Trans></Text>}
      </div>
      {mayScript && <Transformation form={form} />}
      {!mayScript && form.values.scripted && form.values.recipe === "" && <Text size="sm"><Trans>A script makes the requests. You may not change it; what you see here is the request without it.</Trans></Text>}
      {!(form.values.scripted && mayScript) && <Preview form={form} />}
    </Stack>
  );
}

const optionLabel = (name: string) => t`Option ${name}`;

const leftEmpty = (value: string | undefined) => value && t`Left empty: ${value}`;
