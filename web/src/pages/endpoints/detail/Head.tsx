import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDots, IconHistory, IconKey, IconPencil, IconPlayerPause, IconPlayerPlay, IconPlugConnected, IconPlugX, IconSend, IconTrash } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Endpoint } from "../../../api/client.ts";
import { useActions } from "./useActions.tsx";

interface HeadActionsProps {
  endpoint: Endpoint;
  /** The operator's lock forbids the viewer to change it. */
  held: boolean;
  onTest(): void;
  onRotate(): void;
  onReplay(): void;
}

/** What can be done to an endpoint: the everyday things as buttons, the rest in a menu. */
export function HeadActions({ endpoint, held, onTest, onRotate, onReplay }: HeadActionsProps) {
  const { pause, resume, disable, remove } = useActions(endpoint);
  if (held) {
    return (
      <>
        {endpoint.status === "active" && <Button variant="default" px="sm" leftSection={<IconSend size={16} />} onClick={onTest}>Send test</Button>}
        {endpoint.status !== "disabled" && <Button variant="default" px="sm" leftSection={<IconHistory size={16} />} onClick={onReplay}>Send past events again…</Button>}
      </>
    );
  }
  return (
    <>
      <Button variant="default" px="sm" leftSection={<IconSend size={16} />} onClick={onTest}>Send test</Button>
      {endpoint.status === "active" && (
        <Button variant="default" px="sm" leftSection={<IconPlayerPause size={16} />} loading={pause.isPending} onClick={() => pause.mutate()}>Pause</Button>
      )}
      {endpoint.status === "paused" && <Button px="sm" leftSection={<IconPlayerPlay size={16} />} loading={resume.isPending} onClick={() => resume.mutate()}>Resume</Button>}
      {endpoint.status === "disabled" && <Button px="sm" leftSection={<IconPlugConnected size={16} />} loading={resume.isPending} onClick={() => resume.mutate()}>Enable</Button>}
      <Button variant="default" px="sm" visibleFrom="xs" leftSection={<IconPencil size={16} />} component={Link} to={`/endpoints/${endpoint.id}/edit`}>Edit</Button>
      <Menu position="bottom-end" withinPortal={false}>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label="More actions" loading={disable.isPending || remove.isPending}><IconDots size={18} /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item hiddenFrom="xs" leftSection={<IconPencil size={16} />} component={Link} to={`/endpoints/${endpoint.id}/edit`}>Edit</Menu.Item>
          <Menu.Item leftSection={<IconHistory size={16} />} onClick={onReplay}>Send past events again…</Menu.Item>
          <Menu.Item leftSection={<IconKey size={16} />} onClick={onRotate}>Rotate secret…</Menu.Item>
          {endpoint.status !== "disabled" && <Menu.Item leftSection={<IconPlugX size={16} />} onClick={() => disable.mutate()}>Disable…</Menu.Item>}
          <Menu.Divider />
          <Menu.Item c="var(--mantine-color-error)" leftSection={<IconTrash size={16} />} onClick={() => remove.mutate()}>Delete…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
