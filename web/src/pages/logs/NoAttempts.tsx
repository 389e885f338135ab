import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button } from "@mantine/core";
import { IconActivity, IconCircleCheck } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { Empty } from "../../parts/states.tsx";

/** The log is empty, or nothing in it matches. */
export function NoAttempts({ filtered, status, clear, live }: { filtered: boolean; status: string | undefined; clear(): void; live: boolean }) {
  if (filtered) {
    return (
      <Empty
        title={status === "failed" ? t`Nothing failed here` : t`No attempt matches`}
        icon={status === "failed" ? IconCircleCheck : undefined}
        action={<Button variant="light" onClick={clear}><Trans>Clear all filters</Trans></Button>}
      >
        {live ? t`What fits these filters appears here as it happens.` : t`No request was made that fits these filters.`}
      </Empty>
    );
  }
  return (
    <Empty title={live ? t`Waiting for the first attempt` : t`No attempts yet`} icon={IconActivity} action={<Button component={Link} to="/endpoints" variant="light"><Trans>See the endpoints</Trans></Button>}>
      <Trans>Each request to an endpoint becomes a line here, at once. Send a test from the page of an endpoint, or wait for an event.</Trans>
    </Empty>
  );
}
