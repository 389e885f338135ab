import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { reachable, useLostSince } from "../api/reach.ts";
import { Time } from "../parts/Time.tsx";
import classes from "./Shell.module.css";

const every = 3000;

/** Says that what the page shows is old while the server does not answer, and brings all of it up to date once it does. */
export function Unreachable() {
  const since = useLostSince();
  const queries = useQueryClient();
  const before = useRef(since);
  useEffect(() => {
    if (before.current && !since) void queries.invalidateQueries();
    before.current = since;
    if (!since) return;
    const timer = setInterval(() => void reachable(), every);
    return () => clearInterval(timer);
  }, [since, queries]);
  return (
    <div role="status" className={classes.unreachable}>
      {since && (
        <Alert color="orange" variant="filled" autoContrast icon={<IconPlugConnectedX />} title={t`The server does not answer`} mb="md">
          <Trans>No answer since <Time at={since.toISOString()} />. What you see may be older than that. Trying again every few seconds…</Trans>
        </Alert>
      )}
    </div>
  );
}
