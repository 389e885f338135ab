import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Group, Indicator, Text } from "@mantine/core";
import { IconArrowUp, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import type { Connection, Live } from "./useTail.ts";

const states: Record<Exclude<Connection, "off">, { words: MessageDescriptor; color: string }> = {
  connecting: { words: msg`Connecting…`, color: "gray" },
  connected: { words: msg`Live: attempts appear as they happen`, color: "teal" },
  waiting: { words: msg`Not connected; trying again…`, color: "orange" },
  refused: { words: msg`Not live`, color: "red" },
};

interface LiveBarProps {
  live: Live;
  paused: boolean;
  onPause(paused: boolean): void;
  /** Reads the list again. */
  onReload(): void;
}

/** How following goes: the connection, pause and continue, and what was left out. */
export function LiveBar({ live, paused, onPause, onReload }: LiveBarProps) {
  if (live.connection === "off") return null;
  const { color } = states[live.connection];
  const words = i18n._(states[live.connection].words);
  const { arrived, left } = live.tail;
  return (
    <Group gap="sm" justify="space-between" wrap="wrap">
      <Group gap="sm" role="status" wrap="nowrap">
        <Indicator color={paused ? "yellow" : color} position="middle-center" size={10} w={12} aria-hidden processing={live.connection === "connected" && !paused}>
          <span />
        </Indicator>
        <Text size="sm">
          {paused && live.connection === "connected" ? t`Paused: what happens meanwhile waits` : words}
          {live.error && live.connection !== "connected" && <Text span c="dimmed" size="sm"> ({live.error.message})</Text>}
        </Text>
      </Group>
      <Group gap="xs">
        {arrived > 0 && (
          <Button size="compact-sm" variant="light" leftSection={<IconArrowUp size={14} />} onClick={live.show}>
            {plural(arrived, { one: "# new attempt – show", other: "# new attempts – show" })}
          </Button>
        )}
        {live.connection === "refused"
          ? <Button size="compact-sm" variant="default" onClick={() => location.reload()}><Trans>Try again</Trans></Button>
          : (
            <Button
              size="compact-sm"
              variant="default"
              leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
              onClick={() => {
                if (paused) live.show();
                onPause(!paused);
              }}
            >
              {paused ? t`Continue` : t`Pause`}
            </Button>
          )}
      </Group>
      {left > 0 && (
        <Alert variant="light" color="yellow" p="xs" w="100%" role="status">
          <Group justify="space-between" gap="xs">
            <Text size="sm">{plural(left, {
              one: "# attempt was left out, because more happened than can be shown live. It is in the log.",
              other: "# attempts were left out, because more happened than can be shown live. They are in the log.",
            })}</Text>
            <Button size="compact-sm" variant="default" onClick={onReload}><Trans>Reload the list</Trans></Button>
          </Group>
        </Alert>
      )}
    </Group>
  );
}
