import { useCallback, useEffect, useRef, useState } from "react";
import type { Attempt } from "../../api/client.ts";
import { followAttempts } from "../../api/stream.ts";
import { emptyTail, lose, release, take } from "./tail.ts";

export type Connection = "off" | "connecting" | "connected" | "waiting" | "refused";

/** How often what arrived is drawn: hundreds a second must not mean hundreds of drawings. */
const drawEvery = 200;

/**
 * Follows attempts that fit the filters. onConnect is called whenever a connection
 * stands, so that the list can be read again: what happened before is in there.
 */
export function useTail(on: boolean, paused: boolean, query: Record<string, string | undefined>, onConnect: () => void) {
  const [tail, setTail] = useState(emptyTail);
  const [connection, setConnection] = useState<Connection>("off");
  const [error, setError] = useState<Error>();
  const hold = useRef(paused);
  hold.current = paused;
  const connected = useRef(onConnect);
  connected.current = onConnect;
  const filters = JSON.stringify(query);
  const before = useRef(on);

  useEffect(() => {
    setTail(emptyTail);
    setError(undefined);
    setConnection(on ? "connecting" : "off");
    // What was shown live is to stay when following ends.
    if (before.current && !on) connected.current();
    before.current = on;
    if (!on) return;
    const stop = new AbortController();
    let arrived: Attempt[] = [];
    let lost = 0;
    const timer = setInterval(() => {
      if (arrived.length === 0 && lost === 0) return;
      const [attempts, missing] = [arrived, lost];
      arrived = [];
      lost = 0;
      setTail((t) => {
        const taken = take(t, attempts, hold.current);
        return missing > 0 ? lose(taken, missing) : taken;
      });
    }, drawEvery);
    const listener = {
      attempt: (a: Attempt) => void arrived.push(a),
      lost: (count: number) => {
        lost += count;
      },
      state: (state: "connected" | "waiting", why?: Error) => {
        setConnection(state);
        setError(why);
        if (state !== "connected") return;
        setTail((t) => ({ ...emptyTail, waiting: t.waiting, arrived: t.arrived }));
        connected.current();
      },
    };
    void followAttempts(JSON.parse(filters) as Record<string, string>, listener, stop.signal).then(() => {
      if (!stop.signal.aborted) setConnection("refused");
    });
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [on, filters]);

  const show = useCallback(() => setTail(release), []);
  /** Forgets what arrived, once the list has it. */
  const reset = useCallback(() => setTail(emptyTail), []);
  return { tail, connection, error, show, reset };
}

export type Live = ReturnType<typeof useTail>;
