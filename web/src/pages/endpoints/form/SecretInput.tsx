import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Input, PasswordInput, Text, Textarea } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

interface SecretInputProps {
  label: string;
  description?: ReactNode;
  /** The server has one, which it does not show. */
  set: boolean;
  value: string;
  onChange(value: string): void;
  error?: ReactNode;
  /** Several lines, such as a key in PEM. */
  lines?: boolean;
  required?: boolean;
}

/** A secret to type. One that is set already is kept unless it is replaced; it is never shown. */
export function SecretInput({ label, description, set, value, onChange, error, lines = false, required = false }: SecretInputProps) {
  const [replacing, setReplacing] = useState(false);
  if (set && !replacing && value === "") {
    return (
      <Input.Wrapper label={label} labelElement="div" description={description} error={error}>
        <Group gap="sm" mt={6}>
          <Group gap={6}>
            <IconCircleCheck size={17} color="var(--mantine-color-teal-6)" aria-hidden />
            <Text size="sm"><Trans>Set; it is not shown again.</Trans></Text>
          </Group>
          <Button size="compact-sm" variant="default" onClick={() => setReplacing(true)} aria-label={t`Replace: ${label}`}><Trans>Replace…</Trans></Button>
        </Group>
      </Input.Wrapper>
    );
  }
  const common = { label, description, error, value, spellCheck: false, withAsterisk: required, "aria-required": required || undefined, autoFocus: replacing, autoComplete: "new-password" };
  return (
    <div>
      {lines
        ? <Textarea {...common} autosize minRows={3} maxRows={8} styles={{ input: { fontFamily: "var(--bh-mono)", fontSize: 12 } }} onChange={(e) => onChange(e.currentTarget.value)} />
        : <PasswordInput {...common} onChange={(e) => onChange(e.currentTarget.value)} visibilityToggleButtonProps={{ "aria-label": `Show: ${label}`, tabIndex: 0, "aria-hidden": false }} />}
      {set && (
        <Button size="compact-xs" variant="subtle" mt={4} onClick={() => { onChange(""); setReplacing(false); }}><Trans>Keep the one that is set</Trans></Button>
      )}
    </div>
  );
}
