import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
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
        {endpoint.status === "active" && <Button variant="default" px="sm" leftSection={<IconSend size={16} />} onClick={onTest}><Trans>Send test</Trans></Button>}
        {endpoint.status !== "disabled" && <Button variant="default" px="sm" leftSection={<IconHistory size={16} />} onClick={onReplay}><Trans>Send past events again…</Trans></Button>}
      </>
    );
  }
  return (
    <>
      <Button variant="default" px="sm" leftSection={<IconSend size={16} />} onClick={onTest}><Trans>Send test</Trans></Button>
      {endpoint.status === "active" && (
        <Button variant="default" px="sm" leftSection={<IconPlayerPause size={16} />} loading={pause.isPending} onClick={() => pause.mutate()}><Trans>Pause</Trans></Button>
      )}
      {endpoint.status === "paused" && <Button px="sm" leftSection={<IconPlayerPlay size={16} />} loading={resume.isPending} onClick={() => resume.mutate()}><Trans>Resume</Trans></Button>}
      {endpoint.status === "disabled" && <Button px="sm" leftSection={<IconPlugConnected size={16} />} loading={resume.isPending} onClick={() => resume.mutate()}><Trans>Enable</Trans></Button>}
      <Button variant="default" px="sm" visibleFrom="xs" leftSection={<IconPencil size={16} />} component={Link} to={`/endpoints/${endpoint.id}/edit`}><Trans>Edit</Trans></Button>
      <Menu position="bottom-end" withinPortal={false}>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t`More actions`} loading={disable.isPending || remove.isPending}><IconDots size={18} /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item hiddenFrom="xs" leftSection={<IconPencil size={16} />} component={Link} to={`/endpoints/${endpoint.id}/edit`}><Trans>Edit</Trans></Menu.Item>
          <Menu.Item leftSection={<IconHistory size={16} />} onClick={onReplay}><Trans>Send past events again…</Trans></Menu.Item>
          <Menu.Item leftSection={<IconKey size={16} />} onClick={onRotate}><Trans>Rotate secret…</Trans></Menu.Item>
          {endpoint.status !== "disabled" && <Menu.Item leftSection={<IconPlugX size={16} />} onClick={() => disable.mutate()}><Trans>Disable…</Trans></Menu.Item>}
          <Menu.Divider />
          <Menu.Item c="var(--mantine-color-error)" leftSection={<IconTrash size={16} />} onClick={() => remove.mutate()}><Trans>Delete…</Trans></Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
