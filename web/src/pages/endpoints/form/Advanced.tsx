import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
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
  const status = rule?.status ?? t`a status from 200 to 299`;
  return (
    <Stack gap="lg">
      <Checkbox
        label={t`Check the URL with a test event before saving`}
        description={required
          ? t`Receivers of the dialect ${dialect} expect this. Nothing is saved unless the answer is ${status}.`
          : t`Nothing is saved unless the receiver answers with a status from 200 to 299.`}
        checked={form.values.verify ?? (required && create)}
        onChange={(e) => form.setFieldValue("verify", e.currentTarget.checked === (required && create) ? undefined : e.currentTarget.checked)}
      />
      {create && (
        <PasswordInput
          label={t`Signing secret`}
          description={t`Leave it empty, and one is made for you. Give your own to take over a receiver that already has one; it must be in the form that the dialect uses.`}
          placeholder={t`Made for you`}
          autoComplete="new-password"
          spellCheck={false}
          visibilityToggleButtonProps={{ "aria-label": t`Show the secret`, tabIndex: 0, "aria-hidden": false }}
          {...form.getInputProps("secret")}
        />
      )}
      {role === "admin" && !portal && (
        <Stack gap="xs">
          <Switch
            label={t`Locked`}
            description={t`Your hold on it as the operator: while it is locked, editors can look, but neither change it, nor pause, resume or delete it. Admins still can.`}
            {...form.getInputProps("locked", { type: "checkbox" })}
          />
          {form.values.locked && (
            <TextInput
              label={t`Why it is locked`}
              description={t`Is shown to those who may not change it.`}
              placeholder={t`Floods the receiver; ask support.`}
              autoComplete="off"
              {...form.getInputProps("lockedReason")}
            />
          )}
        </Stack>
      )}
      <div>
        <Title order={3} size="sm" mb={4}><Trans>Notes</Trans></Title>
        <Rows
          form={form}
          field="metadata"
          noun={t`note`}
          hint={t`Names and values for your own use, such as a team or a ticket number. They are not sent to the receiver.`}
          names="team"
          values={t`Bookkeeping`}
          most={50}
        />
      </div>
    </Stack>
  );
}
