import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, List, Menu, Stack, Text } from "@mantine/core";
import { IconDotsVertical, IconEraser } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Event, ok } from "../../api/client.ts";
import { useConfirm } from "../../parts/confirm.tsx";
import { done, failed } from "../../parts/notify.ts";

/** What is seldom done with an event: for admins, erasing its data. */
export function EraseMenu({ event }: { event: Event }) {
  const ask = useConfirm();
  const queries = useQueryClient();
  const erase = useMutation({
    mutationFn: () => ok(api.DELETE("/v1/events/{id}", { params: { path: { id: event.id } } })),
    onSuccess: () => {
      done(t`The event's data is erased`);
      void queries.invalidateQueries({ queryKey: ["event", event.id] });
      void queries.invalidateQueries({ queryKey: ["events"] });
      void queries.invalidateQueries({ queryKey: ["attempts"] });
      void queries.invalidateQueries({ queryKey: ["attempt"] });
    },
    onError: (error) => failed(t`The event was not erased`, error),
  });

  async function askAndErase() {
    const yes = await ask({
      title: t`Erase this event's data?`,
      children: (
        <Stack gap="xs">
          <Text size="sm"><Trans>For good, also for you, are lost:</Trans></Text>
          <List size="sm">
            <List.Item><Trans>the data (JSON) of the event</Trans></List.Item>
            <List.Item><Trans>headers and answers that were kept of its attempts</Trans></List.Item>
            <List.Item><Trans>deliveries that are not finished: they are canceled</Trans></List.Item>
          </List>
          <Text size="sm"><Trans>It cannot be sent again. The lines in the log stay, and receivers keep what they got.</Trans></Text>
        </Stack>
      ),
      confirm: t`Erase for good`,
      type: "erase",
    });
    if (yes) erase.mutate();
  }

  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size={30} aria-label={t`More`} loading={erase.isPending}>
          <IconDotsVertical size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item color="red" leftSection={<IconEraser size={16} />} onClick={() => void askAndErase()}>
          <Trans>Erase the data…</Trans>
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
