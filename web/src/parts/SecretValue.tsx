import { t } from "@lingui/core/macro";
import { ActionIcon, Box, Group, Text, Tooltip } from "@mantine/core";
import { IconEye, IconEyeOff } from "@tabler/icons-react";
import { useState } from "react";
import { CopyWide } from "./Copy.tsx";
import classes from "./SecretValue.module.css";

/** Shows how a secret begins, so that people can tell one from another, and hides the rest. */
function masked(secret: string): string {
  const prefix = /^[a-z]+_/.exec(secret)?.[0] ?? "";
  return prefix + "•".repeat(24);
}

/** A secret, hidden until it is asked for: a screen may be shared. It can be copied unseen. */
export function SecretValue({ value, label = t`Signing secret` }: { value: string; label?: string }) {
  const [shown, setShown] = useState(false);
  const name = label.charAt(0).toLowerCase() + label.slice(1);
  return (
    <Box>
      <Text size="sm" fw={500} mb={4}>{label}</Text>
      <Group gap="xs" align="center">
        <Group className={classes.box} gap={4} wrap="nowrap" justify="space-between">
          <code className={`foreign ${classes.value}`} dir="ltr">
            {shown ? value : <span role="img" aria-label={t`Hidden`}>{masked(value)}</span>}
          </code>
          <Tooltip label={shown ? t`Hide` : t`Show`} withArrow>
            <ActionIcon variant="subtle" color="gray" onClick={() => setShown(!shown)} aria-label={`${shown ? t`Hide` : t`Show`} ${name}`} aria-pressed={shown}>
              {shown ? <IconEyeOff size={16} /> : <IconEye size={16} />}
            </ActionIcon>
          </Tooltip>
        </Group>
        <CopyWide value={value} label={t`Copy ${name}`} />
      </Group>
    </Box>
  );
}
