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
      done("The event's data is erased");
      void queries.invalidateQueries({ queryKey: ["event", event.id] });
      void queries.invalidateQueries({ queryKey: ["events"] });
      void queries.invalidateQueries({ queryKey: ["attempts"] });
      void queries.invalidateQueries({ queryKey: ["attempt"] });
    },
    onError: (error) => failed("The event was not erased", error),
  });

  async function askAndErase() {
    const yes = await ask({
      title: "Erase this event's data?",
      children: (
        <Stack gap="xs">
          <Text size="sm">For good, also for you, are lost:</Text>
          <List size="sm">
            <List.Item>the data (JSON) of the event</List.Item>
            <List.Item>headers and answers that were kept of its attempts</List.Item>
            <List.Item>deliveries that are not finished: they are canceled</List.Item>
          </List>
          <Text size="sm">It cannot be sent again. The lines in the log stay, and receivers keep what they got.</Text>
        </Stack>
      ),
      confirm: "Erase for good",
      type: "erase",
    });
    if (yes) erase.mutate();
  }

  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size={30} aria-label="More" loading={erase.isPending}>
          <IconDotsVertical size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item color="red" leftSection={<IconEraser size={16} />} onClick={() => void askAndErase()}>
          Erase the data…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
