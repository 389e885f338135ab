import { t } from "@lingui/core/macro";
import { ActionIcon, Button, Code, CopyButton, Group, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";

/** Copies a value to the clipboard. */
export function Copy({ value, label = t`Copy` }: { value: string; label?: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t`Copied` : t`Copy`} withArrow>
          <ActionIcon variant="subtle" color={copied ? "teal" : "gray"} size="sm" onClick={copy} aria-label={copied ? t`Copied` : label}>
            {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** The same as a button with words. */
export function CopyWide({ value, label = t`Copy` }: { value: string; label?: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Button size="xs" variant="default" onClick={copy} leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}>
          {copied ? t`Copied` : label}
        </Button>
      )}
    </CopyButton>
  );
}

/** An id or another short value, with a button to copy it. */
export function Copyable({ value, label }: { value: string; label?: string }) {
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex">
      <Code className="foreign">{value}</Code>
      <Copy value={value} label={label} />
    </Group>
  );
}
