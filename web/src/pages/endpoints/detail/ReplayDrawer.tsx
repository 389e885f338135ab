import { t } from "@lingui/core/macro";
import { Drawer } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { Endpoint, FailureGroup } from "../../../api/client.ts";
import classes from "./detail.module.css";
import { choiceOf, type ReplayChoice } from "./replay.ts";
import { ReplayForm } from "./ReplayForm.tsx";
import { ReplayRun } from "./ReplayRun.tsx";
import { useReplay } from "./useReplay.ts";

interface ReplayDrawerProps {
  endpoint: Endpoint;
  /** Only what failed of this cause. */
  group?: FailureGroup;
  opened: boolean;
  onClose(): void;
}

/** Sends events of the past again: choose, count, agree, follow. */
export function ReplayDrawer({ endpoint, group, opened, onClose }: ReplayDrawerProps) {
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size="lg" title={t`Send past events again`} keepMounted={false} closeOnClickOutside={false}>
      <Replay endpoint={endpoint} group={group} onClose={onClose} />
    </Drawer>
  );
}

function Replay({ endpoint, group, onClose }: { endpoint: Endpoint; group: FailureGroup | undefined; onClose(): void }) {
  const [choice, setChoice] = useState<ReplayChoice>(() => choiceOf(group));
  const replay = useReplay(endpoint.id);
  const { stop } = replay;
  // Nobody follows it any more once this is closed.
  useEffect(() => stop, []); // eslint-disable-line react-hooks/exhaustive-deps
  const step = useRef<HTMLDivElement>(null);
  const first = useRef(true);
  useEffect(() => {
    // The control that was used is gone: what came in its place takes the focus.
    if (!first.current) step.current?.focus();
    first.current = false;
  }, [replay.phase]);
  return (
    <div ref={step} tabIndex={-1} className={classes.step}>
      {replay.phase === "choosing"
        ? <ReplayForm choice={choice} onChange={setChoice} onCount={replay.start} error={replay.error} />
        : <ReplayRun endpoint={endpoint} replay={replay} onClose={onClose} />}
    </div>
  );
}
