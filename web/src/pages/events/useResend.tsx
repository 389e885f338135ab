import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ok } from "../../api/client.ts";
import { useConfirm } from "../../parts/confirm.tsx";
import { done, failed } from "../../parts/notify.ts";

/** Sends an event again, to one endpoint or to all, after asking. */
export function useResend(event: string) {
  const ask = useConfirm();
  const queries = useQueryClient();
  const send = useMutation({
    mutationFn: async (endpoint: string | undefined) =>
      (await ok(api.POST("/v1/events/{id}/resend", { params: { path: { id: event } }, body: endpoint ? { endpoint } : {} }))).data,
    onSuccess: (deliveries) => {
      if (deliveries.length === 0) done(t`Nothing was sent`, t`No endpoint got this event before, and none would get it now.`);
      else done(plural(deliveries.length, { one: "Sending to # endpoint", other: "Sending to # endpoints" }), t`The attempts appear here as they are made.`);
      void queries.invalidateQueries({ queryKey: ["event", event] });
      void queries.invalidateQueries({ queryKey: ["attempts"] });
    },
    onError: (error) => failed(t`The event was not sent again`, error),
  });

  async function toOne(endpoint: string, name: string) {
    const yes = await ask({
      title: t`Send this event again?`,
      children: (
        <Text size="sm">
          <Trans>To <b className="foreign">{name}</b>, now, with the same id: a receiver that looks at the id notices that it already has it.</Trans>
        </Text>
      ),
      confirm: t`Send again`,
      danger: false,
    });
    if (yes) send.mutate(endpoint);
  }

  async function toAll(reach: { least: number; most: number }) {
    const yes = await ask({
      title: reach.most > reach.least ? plural(reach.most, { one: "Send this event again to up to # endpoint?", other: "Send this event again to up to # endpoints?" }) : plural(reach.least, { one: "Send this event again to # endpoint?", other: "Send this event again to # endpoints?" }),
      children: (
        <Text size="sm">
          <Trans>It goes to every endpoint that got it before, and to those that would get it by their settings of today; not to disabled ones.
          It keeps its id: a receiver that looks at the id notices that it already has it.</Trans>
        </Text>
      ),
      confirm: t`Send again`,
      danger: false,
    });
    if (yes) send.mutate(undefined);
  }

  return { toOne, toAll, busy: send.isPending, sending: send.isPending ? (send.variables ?? "all") : undefined };
}
