import { List, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type App, type Endpoint, ok } from "../../api/client.ts";
import { whole } from "../../api/queries.ts";
import { useConfirm } from "../../parts/confirm.tsx";
import { done, failed } from "../../parts/notify.ts";
import { plural } from "../../lib/text.ts";

/** Gives a function that says what an app's deletion takes along, asks, and deletes it. */
export function useRemoveApp() {
  const queries = useQueryClient();
  const confirm = useConfirm();
  const remove = useMutation({ mutationFn: (id: string) => ok(api.DELETE("/v1/apps/{id}", { params: { path: { id } } })) });
  return async (app: App) => {
    let endpoints: Endpoint[];
    try {
      endpoints = await whole((cursor) => ok(api.GET("/v1/endpoints", { params: { query: { app: app.id, limit: 250, cursor } } })));
    } catch (error) {
      failed("What would be lost is not known, so nothing was deleted", error);
      return;
    }
    const shared = endpoints.filter((e) => e.apps.length > 1).length;
    const own = endpoints.length - shared;
    const agreed = await confirm({
      title: `Delete the app ${app.name || app.id}?`,
      children: (
        <>
          <Text size="sm" mb="xs">This is lost for good:</Text>
          <List size="sm">
            <List.Item>{own === 0 ? "no endpoint" : plural(own, "endpoint")} of this app alone</List.Item>
            <List.Item>all of its events and their data, also those not delivered yet</List.Item>
            <List.Item>its deliveries and its log</List.Item>
          </List>
          {shared > 0 && <Text size="sm" mt="xs">{plural(shared, "endpoint listens", "endpoints listen")} to other apps, too, and only {shared === 1 ? "loses" : "lose"} this one.</Text>}
        </>
      ),
      confirm: "Delete app",
      type: app.id,
    });
    if (!agreed) return;
    try {
      await remove.mutateAsync(app.id);
      await queries.invalidateQueries();
      done(`The app ${app.id} was deleted`);
    } catch (error) {
      failed(`The app ${app.id} was not deleted`, error);
    }
  };
}
