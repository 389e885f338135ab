import { EndpointName } from "../../parts/EndpointName.tsx";
import type { Chip } from "../../parts/filters/Chips.tsx";
import { rangeLabel } from "../../parts/filters/range.ts";

/** What the address of the log holds. */
export interface LogFilters {
  app?: string;
  status?: string;
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
  const { status, type, endpoint, event, since, until } = filters;
  const chips: Chip[] = [];
  if (status && status !== "succeeded" && status !== "failed") chips.push({ label: "Status", value: status, remove: () => set({ status: undefined }) });
  if (type) chips.push({ label: "Type", value: type, remove: () => set({ type: undefined }) });
  if (endpoint) chips.push({ label: "Endpoint", value: endpoint, shown: <EndpointName id={endpoint} link={false} />, remove: () => set({ endpoint: undefined }) });
  if (event) chips.push({ label: "Event", value: event, remove: () => set({ event: undefined }) });
  if (since || until) chips.push({ label: "Time", value: rangeLabel({ since, until }), remove: () => set({ since: undefined, until: undefined }) });
  return chips;
}
