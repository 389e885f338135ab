import { t } from "@lingui/core/macro";
import { reasonOf } from "../../lib/reasons.ts";
import { EndpointName } from "../../parts/EndpointName.tsx";
import type { Chip } from "../../parts/filters/Chips.tsx";
import { rangeLabel } from "../../parts/filters/range.ts";
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
  since?: string;
  until?: string;
  attempt?: string;
  live?: string;
}

export type SetFilters = (change: Partial<Record<keyof LogFilters, string | undefined>>, replace?: boolean) => void;

/** The filters in force; the status has its own tabs, but for the rare one without. */
export function chipsOf(filters: LogFilters, set: SetFilters): Chip[] {
  const { status, response_status, reason, type, endpoint, event, since, until } = filters;
  const chips: Chip[] = [];
  if (status && status !== "succeeded" && status !== "failed") chips.push({ label: t`Status`, value: status, remove: () => set({ status: undefined }) });
  if (response_status) chips.push({ label: t`Answer`, value: response_status, shown: response_status === "none" ? statusWord("none") : response_status, remove: () => set({ response_status: undefined }) });
  if (reason) chips.push({ label: t`Cause`, value: reason, shown: reasonOf(reason).short, remove: () => set({ reason: undefined }) });
  if (type) chips.push({ label: t`Type`, value: type, remove: () => set({ type: undefined }) });
  if (endpoint) chips.push({ label: t`Endpoint`, value: endpoint, shown: <EndpointName id={endpoint} link={false} />, remove: () => set({ endpoint: undefined }) });
  if (event) chips.push({ label: t`Event`, value: event, remove: () => set({ event: undefined }) });
  if (since || until) chips.push({ label: t`Time`, value: rangeLabel({ since, until }), remove: () => set({ since: undefined, until: undefined }) });
  return chips;
}
