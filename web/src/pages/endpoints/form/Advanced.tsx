import { Checkbox, PasswordInput, Stack, Switch, TextInput, Title } from "@mantine/core";
import { useDialects, useSession } from "../../../api/queries.ts";
import { type PartProps, useDialectChoice } from "./form.ts";
import { Rows } from "./Rows.tsx";

/** What few need: a secret of one's own, the check of the URL, notes. */
export function Advanced({ form, create }: PartProps) {
  const dialects = useDialects();
  const { dialect } = useDialectChoice(form.values);
  const { role, portal } = useSession();
  const rule = dialects.data?.find((d) => d.name === dialect)?.verification;
  const required = rule?.required === true;
  return (
    <Stack gap="lg">
      <Checkbox
        label="Check the URL with a test event before saving"
        description={required
          ? `Receivers of the dialect ${dialect} expect this. Nothing is saved unless the answer is ${rule?.status ?? "a status from 200 to 299"}.`
          : "Nothing is saved unless the receiver answers with a status from 200 to 299."}
        checked={form.values.verify ?? (required && create)}
        onChange={(e) => form.setFieldValue("verify", e.currentTarget.checked === (required && create) ? undefined : e.currentTarget.checked)}
      />
      {create && (
        <PasswordInput
          label="Signing secret"
          description="Leave it empty, and one is made for you. Give your own to take over a receiver that already has one; it must be in the form that the dialect uses."
          placeholder="Made for you"
          autoComplete="new-password"
          spellCheck={false}
          visibilityToggleButtonProps={{ "aria-label": "Show the secret", tabIndex: 0, "aria-hidden": false }}
          {...form.getInputProps("secret")}
        />
      )}
      {role === "admin" && !portal && (
        <Stack gap="xs">
          <Switch
            label="Locked"
            description="Your hold on it as the operator: while it is locked, editors can look, but neither change it, nor pause, resume or delete it. Admins still can."
            {...form.getInputProps("locked", { type: "checkbox" })}
          />
          {form.values.locked && (
            <TextInput
              label="Why it is locked"
              description="Is shown to those who may not change it."
              placeholder="Floods the receiver; ask support."
              autoComplete="off"
              {...form.getInputProps("lockedReason")}
            />
          )}
        </Stack>
      )}
      <div>
        <Title order={3} size="sm" mb={4}>Notes</Title>
        <Rows
          form={form}
          field="metadata"
          noun="note"
          hint="Names and values for your own use, such as a team or a ticket number. They are not sent to the receiver."
          names="team"
          values="Bookkeeping"
          most={50}
        />
      </div>
    </Stack>
  );
}
