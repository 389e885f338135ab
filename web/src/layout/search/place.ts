// Where the ids of the server's own lead to.
import { t } from "@lingui/core/macro";
import type { NavigateOptions } from "@tanstack/react-router";
import { api, ok, Problem } from "../../api/client.ts";
import { appNames } from "../../lib/apps.ts";
import { idKind } from "../../lib/ids.ts";

/** A page, and the apps that what is shown on it belongs to. */
export interface Place {
  page: NavigateOptions;
  apps: string[];
  /** What was found, in a few words. */
  label: string;
}

const eventLabel = (type: string) => t`Event ${type}`;
const attemptLabel = (type: string) => t`Attempt of ${type}`;
const deliveryLabel = (type: string) => t`Delivery of ${type}`;

/** Where an id of the server's own leads to, or nothing if there is no such thing. */
export async function placeOf(id: string, signal?: AbortSignal): Promise<Place | undefined> {
  const params = { path: { id } };
  try {
    switch (idKind(id)) {
      case "event": {
        const event = await ok(api.GET("/v1/events/{id}", { params, signal }));
        return { page: { to: "/events/$id", params: { id: event.id } }, apps: [event.app], label: eventLabel(event.type) };
      }
      case "attempt": {
        const attempt = await ok(api.GET("/v1/attempts/{id}", { params, signal }));
        return { page: { to: "/logs", search: { attempt: attempt.id } }, apps: [attempt.app], label: attemptLabel(attempt.type) };
      }
      case "delivery": {
        const delivery = await ok(api.GET("/v1/deliveries/{id}", { params, signal }));
        return { page: { to: "/events/$id", params: { id: delivery.event } }, apps: [delivery.app], label: deliveryLabel(delivery.type) };
      }
      case "endpoint": {
        const endpoint = await ok(api.GET("/v1/endpoints/{id}", { params, signal }));
        return { page: { to: "/endpoints/$id", params: { id: endpoint.id } }, apps: appNames(endpoint), label: endpoint.name || endpoint.url };
      }
    }
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
  }
  return undefined;
}

/** The page, and the app filter taken off where it would hide what is on it. */
export function pageFor({ page, apps }: Place, filter: string | undefined): NavigateOptions {
  const search = filter !== undefined && !apps.includes(filter) ? { app: undefined } : {};
  return { ...page, search: { ...(page.search as object), ...search } } as NavigateOptions;
}
