import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Drawer, Group, Tooltip } from "@mantine/core";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { api, ok, Problem } from "../../../api/client.ts";
import { Empty, Waiting } from "../../../parts/states.tsx";
import { AttemptView } from "./AttemptView.tsx";

interface AttemptDrawerProps {
  id: string | undefined;
  onClose(): void;
  /** Opens the line below and above, if there is one. */
  onNext?(): void;
  onPrevious?(): void;
}

/** One line of the log in full, beside the list. */
export function AttemptDrawer({ id, onClose, onNext, onPrevious }: AttemptDrawerProps) {
  // Keeps its content while it slides away.
  const last = useRef(id);
  if (id) last.current = id;
  return (
    <Drawer.Root opened={id !== undefined} onClose={onClose} position="right" size="xl">
      <Drawer.Overlay backgroundOpacity={0.25} />
      <Drawer.Content>
        {/* Not Drawer.Header: its element would be a second banner of the page. */}
        <Group justify="space-between" wrap="nowrap" p="md" pb="sm" pos="sticky" top={0} bg="var(--mantine-color-body)" style={{ zIndex: 2 }}>
          <Drawer.Title fw={600}><Trans>Attempt</Trans></Drawer.Title>
          <Group gap={4} wrap="nowrap">
            <Tooltip label={t`Previous in the list (K)`}>
              <ActionIcon variant="subtle" color="gray" aria-label={t`Previous attempt in the list`} aria-keyshortcuts="K" disabled={!onPrevious} onClick={onPrevious}><IconChevronUp size={18} /></ActionIcon>
            </Tooltip>
            <Tooltip label={t`Next in the list (J)`}>
              <ActionIcon variant="subtle" color="gray" aria-label={t`Next attempt in the list`} aria-keyshortcuts="J" disabled={!onNext} onClick={onNext}><IconChevronDown size={18} /></ActionIcon>
            </Tooltip>
            <Drawer.CloseButton aria-label={t`Close`} />
          </Group>
        </Group>
        <Drawer.Body>{last.current && <Loaded id={last.current} />}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

function Loaded({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ["attempt", id],
    queryFn: () => ok(api.GET("/v1/attempts/{id}", { params: { path: { id } } })),
    staleTime: 60_000,
  });
  if (query.data) return <AttemptView key={id} attempt={query.data} />;
  if (query.error instanceof Problem && query.error.status === 404) {
    return (
      <Empty title={t`There is no such attempt`}>
        <Trans><span className="foreign">{id}</span> does not exist, belongs to an app that you may not see, or has passed the time for which the log is kept.</Trans>
      </Empty>
    );
  }
  return <Waiting query={query} lines={10} />;
}
