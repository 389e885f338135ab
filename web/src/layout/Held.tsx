import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Group } from "@mantine/core";
import { IconHandStop } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../api/client.ts";
import { useHold, useSession } from "../api/queries.ts";
import { Time } from "../parts/Time.tsx";
import { failed } from "../parts/notify.ts";

/** Says that nothing is sent to any endpoint until the operator releases it, and lets the operator do that. */
export function Held() {
  const { data: hold } = useHold();
  const session = useSession();
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  if (!hold?.held) return null;

  async function release() {
    setBusy(true);
    try {
      await ok(api.DELETE("/v1/hold"));
      void queries.invalidateQueries();
    } catch (error) {
      failed(t`Sending is still held`, error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Alert role="status" color="orange" icon={<IconHandStop />} title={session.portal ? t`Nothing is sent to you at the moment` : t`All sending is held`} mb="md">
      <Group justify="space-between" gap="sm">
        {session.portal ? (
          <span><Trans>Since <Time at={hold.since ?? ""} />, we hold back what is to be sent to your endpoints. None of it is lost: it is sent, oldest first, when we go on. You need not do anything.</Trans></span>
        ) : (
          <span><Trans>Since <Time at={hold.since ?? ""} />, nothing is sent to any endpoint. Events are accepted, and wait.</Trans></span>
        )}
        {session.operator && <Button size="xs" variant="default" loading={busy} onClick={() => void release()}><Trans>Release</Trans></Button>}
      </Group>
    </Alert>
  );
}
