import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { api, type Endpoint, ok } from "../../../api/client.ts";
import { endpointQuery, endpointsChanged } from "../../../api/queries.ts";
import { useConfirm } from "../../../parts/confirm.tsx";
import { nameOf } from "../../../parts/EndpointName.tsx";
import { done, failed } from "../../../parts/notify.ts";
import { useResume } from "../../../parts/useResume.ts";
import { laneQuery } from "./queries.ts";


/** What can be done to an endpoint; each asks first where something would be lost. */
export function useActions(endpoint: Endpoint) {
  const queries = useQueryClient();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const path = { id: endpoint.id };
  const name = nameOf(endpoint);
  // Counted now, since the page may have been open for long.
  const pending = async () => (await queries.fetchQuery({ ...laneQuery(endpoint.id), staleTime: 0 })).pending;
  const changed = (e: Endpoint) => {
    queries.setQueryData(endpointQuery(endpoint.id).queryKey, (old) => old && { ...old, ...e }); // the filters stay as they are
    endpointsChanged(queries, endpoint.id);
  };

  const pause = useMutation({
    mutationFn: () => ok(api.POST("/v1/endpoints/{id}/pause", { params: { path } })),
    onSuccess: (e) => {
      changed(e);
      done(t`Paused`, t`Deliveries are held from now on; none is lost.`);
    },
    onError: (error) => failed(t`It could not be paused`, error),
  });

  const resume = useResume(endpoint);

  const disable = useMutation({
    mutationFn: async () => {
      const held = await pending();
      const sure = await confirm({
        title: t`Disable this endpoint?`,
        children: (
          <Stack gap="xs">
            <Text size="sm"><Trans>Events that happen while it is disabled are not sent to it, not even later. To hold them instead, pause it.</Trans></Text>
            {held > 0 && <Text size="sm">{plural(held, { one: "# delivery that waits will be held until it is enabled again.", other: "# deliveries that wait will be held until it is enabled again." })}</Text>}
          </Stack>
        ),
        confirm: t`Disable endpoint`,
      });
      if (!sure) return undefined;
      return ok(api.PATCH("/v1/endpoints/{id}", { params: { path }, body: { status: "disabled" } }));
    },
    onSuccess: (e) => {
      if (!e) return;
      changed(e);
      done(t`Disabled`, t`It gets no new events until it is enabled.`);
    },
    onError: (error) => failed(t`It could not be disabled`, error),
  });

  const remove = useMutation({
    mutationFn: async () => {
      const lost = await pending();
      const sure = await confirm({
        title: t`Delete this endpoint?`,
        children: (
          <Stack gap="xs">
            <Text size="sm" className="foreign" fw={600}>{nameOf(endpoint)}</Text>
            <Text size="sm">
              {lost > 0
                ? plural(lost, { one: "# delivery that waits will be canceled and never sent.", other: "# deliveries that wait will be canceled and never sent." })
                : t`No delivery waits.`}{" "}
              <Trans>Its settings and its secret are gone for good. The log of its attempts stays.</Trans>
            </Text>
          </Stack>
        ),
        confirm: lost > 0 ? plural(lost, { one: "Delete and cancel # delivery", other: "Delete and cancel # deliveries" }) : t`Delete endpoint`,
        type: lost > 0 ? "delete" : undefined,
      });
      if (sure) await ok(api.DELETE("/v1/endpoints/{id}", { params: { path } }));
      return sure;
    },
    onSuccess: async (deleted) => {
      if (!deleted) return;
      done(t`Deleted`, t`${name} is gone.`);
      await navigate({ to: "/endpoints" });
      queries.removeQueries({ queryKey: ["endpoint", endpoint.id] });
      endpointsChanged(queries);
    },
    onError: (error) => failed(t`It could not be deleted`, error),
  });

  return { pause, resume, disable, remove };
}
