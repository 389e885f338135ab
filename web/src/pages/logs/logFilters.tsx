import { t } from "@lingui/core/macro";
import type { Attempt } from "../../api/client.ts";
import { idKind } from "../../lib/ids.ts";
import { reasonOf } from "../../lib/reasons.ts";
import { EndpointName } from "../../parts/EndpointName.tsx";
import type { Chip } from "../../parts/filters/Chips.tsx";
import { checkRange, rangeLabel } from "../../parts/filters/range.ts";
import { statusWord } from "./ResultFilter.tsx";

/** What the address of the log holds. */
export interface LogFilters {
  app?: string;
  status?: string;
  response_status?: string;
  reason?: string;
  type?: string;
  endpoint?: string;
  event?: string;
  channel?: string;
  tag?: string;
  since?: string;
  until?: string;
  attempt?: string;
  live?: string;
}

export type SetFilters = (change: Partial<Record<keyof LogFilters, string | undefined>>, replace?: boolean) => void;

const statuses: string[] = ["succeeded", "failed", "canceled"] satisfies Attempt["status"][];

/** What is wrong with filters, by name. */
export type Faults = Partial<Record<"status" | "response_status" | "endpoint" | "event" | "time", string>>;

/** Says what is wrong with filters; undefined if nothing is. What no attempt can have is not asked for. */
export function faultsOf({ status, response_status, endpoint, event, since, until }: LogFilters): Faults | undefined {
  const known = "succeeded, failed, canceled";
  const faults = {
    ...(status && !statuses.includes(status) && { status: t`No attempt has this result; there are ${known}.` }),
    ...(response_status && !/^([1-9]\d\d|[1-9]xx|none)$/.test(response_status) && { response_status: t`This is no status of an answer, such as 503 or 5xx.` }),
    ...(endpoint && idKind(endpoint) !== "endpoint" && { endpoint: t`This is no id of an endpoint: it begins with ep_ and has 13 characters after that.` }),
    ...(event && idKind(event) !== "event" && { event: t`This is no id of an event or attempt: it begins with evt_ or att_ and has 13 characters after that.` }),
    ...(checkRange({ since, until }) && { time: checkRange({ since, until }) }),
  };
  return Object.keys(faults).length > 0 ? faults : undefined;
}

/** The filters in force; the status has its own tabs, but for the rare one without. */
export function chipsOf(filters: LogFilters, set: SetFilters): Chip[] {
  const { status, response_status, reason, type, endpoint, event, channel, tag, since, until } = filters;
  const chips: Chip[] = [];
  if (status && status !== "succeeded" && status !== "failed") chips.push({ label: t`Status`, value: status, remove: () => set({ status: undefined }) });
  if (response_status) chips.push({ label: t`Answer`, value: response_status, shown: response_status === "none" ? statusWord("none") : response_status, remove: () => set({ response_status: undefined }) });
  if (reason) chips.push({ label: t`Cause`, value: reason, shown: reasonOf(reason).short, remove: () => set({ reason: undefined }) });
  if (type) chips.push({ label: t`Type`, value: type, remove: () => set({ type: undefined }) });
  if (endpoint) chips.push({ label: t`Endpoint`, value: endpoint, shown: <EndpointName id={endpoint} link={false} />, remove: () => set({ endpoint: undefined }) });
  if (event) chips.push({ label: t`Event`, value: event, remove: () => set({ event: undefined }) });
  if (channel) chips.push({ label: t`Channel`, value: channel, remove: () => set({ channel: undefined }) });
  if (tag) chips.push({ label: t`Tag`, value: tag, remove: () => set({ tag: undefined }) });
  if (since || until) chips.push({ label: t`Time`, value: rangeLabel({ since, until }), remove: () => set({ since: undefined, until: undefined }) });
  return chips;
}
