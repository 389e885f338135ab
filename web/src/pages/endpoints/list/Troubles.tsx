import { plural, t } from "@lingui/core/macro";
import { Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

/** How many endpoints are in trouble, wherever in the list they stand, and a way to see only these. */
export function Troubles({ count, only, onOnly }: { count: number; only: boolean; onOnly(only: boolean): void }) {
  if (count === 0 && !only) return null;
  const words = count >= 100 ? t`100 or more endpoints are in trouble.` : count === 0 ? t`No endpoint is in trouble.` : plural(count, { one: "# endpoint is in trouble.", other: "# endpoints are in trouble." });
  return (
    <Group gap="xs">
      <Group gap="xs" wrap="nowrap" role="status">
        <IconAlertTriangle size={18} aria-hidden color="var(--mantine-color-orange-6)" style={{ flexShrink: 0 }} />
        <Text size="sm">{words}</Text>
      </Group>
      <Button size="compact-sm" variant="light" onClick={() => onOnly(!only)}>{only ? t`Show all endpoints` : t`Show only these`}</Button>
    </Group>
  );
}
