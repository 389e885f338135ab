import { t } from "@lingui/core/macro";
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";

/** Reads a list anew. */
export function Refresh({ busy, onRefresh }: { busy: boolean; onRefresh(): void }) {
  return (
    <Tooltip label={t`Refresh`}>
      <ActionIcon variant="default" size={36} aria-label={t`Refresh`} loading={busy} onClick={onRefresh}>
        <IconRefresh size={16} />
      </ActionIcon>
    </Tooltip>
  );
}
