import { t } from "@lingui/core/macro";
import { Alert, Stack, Text } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Endpoint, Session } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";

/** Whether the operator's lock keeps the viewer from changing an endpoint. */
export function heldFrom(session: Pick<Session, "role">, endpoint: Pick<Endpoint, "locked">): boolean {
  return endpoint.locked && session.role !== "admin";
}

/** Says that the operator holds an endpoint, why, and who can change that. */
export function Locked({ endpoint, action }: { endpoint: Endpoint; action?: ReactNode }) {
  const session = useSession();
  return (
    <Alert color="yellow" variant="light" icon={<IconLock />} title={session.portal ? t`Locked` : t`Locked by the operator`}>
      <Stack gap={4} align="flex-start">
        {endpoint.locked_reason && <Text size="sm" className="foreign">{endpoint.locked_reason}</Text>}
        <Text size="sm">
          {heldFrom(session, endpoint)
            ? t`It cannot be changed, paused, resumed or deleted here. Ask those who run this service.`
            : t`Editors can look, but not change it. You can, since you are an admin; unlock it under Edit, Advanced.`}
        </Text>
        {action}
      </Stack>
    </Alert>
  );
}
