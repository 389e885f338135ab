import { Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { plural } from "../../../lib/text.ts";

/** How many endpoints are in trouble, wherever in the list they stand, and a way to see only these. */
export function Troubles({ count, only, onOnly }: { count: number; only: boolean; onOnly(only: boolean): void }) {
  if (count === 0 && !only) return null;
  const words = count >= 100 ? "100 or more endpoints are in trouble." : count === 0 ? "No endpoint is in trouble." : `${plural(count, "endpoint is", "endpoints are")} in trouble.`;
  return (
    <Group gap="xs">
      <Group gap="xs" wrap="nowrap" role="status">
        <IconAlertTriangle size={18} aria-hidden color="var(--mantine-color-orange-6)" style={{ flexShrink: 0 }} />
        <Text size="sm">{words}</Text>
      </Group>
      <Button size="compact-sm" variant="light" onClick={() => onOnly(!only)}>{only ? "Show all endpoints" : "Show only these"}</Button>
    </Group>
  );
}
