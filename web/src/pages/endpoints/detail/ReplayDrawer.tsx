import { Drawer } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { Endpoint } from "../../../api/client.ts";
import classes from "./detail.module.css";
import type { ReplayChoice } from "./replay.ts";
import { ReplayForm } from "./ReplayForm.tsx";
import { ReplayRun } from "./ReplayRun.tsx";
import { useReplay } from "./useReplay.ts";

/** Sends events of the past again: choose, count, agree, follow. */
export function ReplayDrawer({ endpoint, opened, onClose }: { endpoint: Endpoint; opened: boolean; onClose(): void }) {
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size="lg" title="Send past events again" keepMounted={false} closeOnClickOutside={false}>
      <Replay endpoint={endpoint} onClose={onClose} />
    </Drawer>
  );
}

function Replay({ endpoint, onClose }: { endpoint: Endpoint; onClose(): void }) {
  const [choice, setChoice] = useState<ReplayChoice>({ range: "24h", since: "", until: "", status: "failed", types: [] });
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
