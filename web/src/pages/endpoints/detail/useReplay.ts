import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api, ok } from "../../../api/client.ts";
import { endpointsChanged } from "../../../api/queries.ts";
import { replay, type ReplayInput, type ReplayProgress } from "./replay.ts";

/** How many events one call covers: many when counting, fewer when sending, so that it can be followed and stopped. */
const countStep = 10_000;
const sendStep = 500;

type Phase = "choosing" | "counting" | "counted" | "sending" | "stopped" | "failed" | "done";

/** Drives the count of a replay and the replay itself. */
export function useReplay(endpoint: string) {
  const queries = useQueryClient();
  const [phase, setPhase] = useState<Phase>("choosing");
  const [count, setCount] = useState<ReplayProgress>();
  const [sent, setSent] = useState<ReplayProgress>();
  const input = useRef<Omit<ReplayInput, "limit">>(undefined);
  const stop = useRef(false);
  const call = (body: ReplayInput) => ok(api.POST("/v1/endpoints/{id}/replay", { params: { path: { id: endpoint } }, body }));

  const counting = useMutation({
    mutationFn: async (chosen: Omit<ReplayInput, "limit">) => {
      input.current = chosen;
      stop.current = false;
      setCount(undefined);
      setSent(undefined);
      setPhase("counting");
      for await (const so of replay(call, { ...chosen, limit: countStep, dry_run: true })) {
        if (stop.current) return setPhase("choosing");
        setCount(so);
      }
      setPhase("counted");
    },
    onError: () => setPhase("choosing"),
  });

  const sending = useMutation({
    mutationFn: async () => {
      if (!input.current) return;
      stop.current = false;
      setPhase("sending");
      for await (const so of replay(call, { ...input.current, limit: sendStep }, sent)) {
        setSent(so);
        if (stop.current && !so.done) return setPhase("stopped");
      }
      setPhase("done");
    },
    onError: () => setPhase("failed"),
    onSettled: () => endpointsChanged(queries, endpoint),
  });

  return {
    phase,
    count,
    sent,
    error: counting.error ?? sending.error,
    start: (chosen: Omit<ReplayInput, "limit">) => {
      sending.reset();
      counting.mutate(chosen);
    },
    send: () => sending.mutate(),
    /** Makes no further call; what was enqueued stays so. */
    stop: () => {
      stop.current = true;
    },
    back: () => {
      stop.current = true;
      counting.reset();
      sending.reset();
      setPhase("choosing");
    },
  };
}

export type ReplayState = ReturnType<typeof useReplay>;
