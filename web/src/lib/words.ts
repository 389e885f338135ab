// One word for one thing, on every page. Whoever shows a state takes its word from
// here; sentences use the same ones.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Attempt, Delivery, Health, Outcome } from "../api/client.ts";

/** How an endpoint is doing. */
export const healthWords: Record<Health["state"], MessageDescriptor> = {
  healthy: msg`Healthy`,
  failing: msg`Failing`,
  on_hold: msg`On hold`,
  paused: msg`Paused`,
  disabled: msg`Disabled`,
  unknown: msg`Not known yet`,
};

/** What can become of an event at an endpoint. */
export type Fate = Delivery["status"] | "retrying" | "not_sent";

/** What became of one event at one endpoint. A delivery that fails is not tried again; one that waits is, or was not yet. */
export const deliveryWords: Record<Fate, MessageDescriptor> = {
  pending: msg`Waiting`,
  retrying: msg`Waiting to be tried again`,
  succeeded: msg`Delivered`,
  failed: msg`Failed`,
  held: msg`Held`,
  canceled: msg`Canceled`,
  not_sent: msg`Not sent`,
};

/** What became of an event at all of its endpoints. */
export const outcomeWords: Record<Outcome["state"], MessageDescriptor> = {
  none: msg`No endpoint`,
  waiting: deliveryWords.pending,
  held: deliveryWords.held,
  failed: deliveryWords.failed,
  delivered: deliveryWords.succeeded,
  canceled: deliveryWords.canceled,
};

/** How one request ended. */
export const attemptWords: Record<Attempt["status"], MessageDescriptor> = {
  succeeded: msg`Succeeded`,
  failed: msg`Failed`,
  canceled: msg`Canceled`,
};
