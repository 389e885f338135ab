import { t } from "@lingui/core/macro";
import { Group, Input, SegmentedControl, Stack, Switch } from "@mantine/core";
import { idKind, pasted } from "../../lib/ids.ts";
import { EndpointFilter } from "../../parts/filters/EndpointFilter.tsx";
import { Export } from "../../parts/filters/Export.tsx";
import { MoreFilters } from "../../parts/filters/MoreFilters.tsx";
import { Refresh } from "../../parts/filters/Refresh.tsx";
import { TextFilter } from "../../parts/filters/TextFilter.tsx";
import { TimeRange } from "../../parts/filters/TimeRange.tsx";
import { TypeFilter } from "../../parts/filters/TypeFilter.tsx";
import { ResultFilter } from "./ResultFilter.tsx";
import type { Faults, LogFilters, SetFilters } from "./logFilters.tsx";

interface FiltersProps {
  filters: LogFilters;
  /** What is wrong with them. */
  faults: Faults | undefined;
  app: string | undefined;
  set: SetFilters;
  onRefresh(): void;
  refreshing: boolean;
}

/** What narrows the log. A range that ends and following exclude each other. */
export function Filters({ filters, faults, app, set, onRefresh, refreshing }: FiltersProps) {
  const live = filters.live === "1";
  // What is open, and whether new lines appear, narrows nothing.
  const exported = { ...filters, app, attempt: undefined, live: undefined };
  function find(text: string | undefined) {
    const id = pasted(text ?? "");
    if (idKind(id) === "attempt") set({ attempt: id });
    else set({ event: id || undefined });
  }
  return (
    <Group gap="xs" align={faults ? "flex-start" : "center"}>
      <Stack gap={5}>
        <SegmentedControl
          aria-label={t`Result`}
          data={[{ value: "", label: t`All` }, { value: "succeeded", label: t`Succeeded` }, { value: "failed", label: t`Failed` }]}
          value={filters.status === "succeeded" || filters.status === "failed" ? filters.status : ""}
          onChange={(status) => set({ status: status || undefined })}
        />
        {faults?.status && <Input.Error role="alert">{faults.status}</Input.Error>}
      </Stack>
      <ResultFilter status={filters.response_status} reason={filters.reason} error={faults?.response_status} onChange={(result) => set({ response_status: undefined, reason: undefined, ...result })} />
      <TypeFilter value={filters.type} onChange={(type) => set({ type })} />
      <EndpointFilter app={app} value={filters.endpoint} error={faults?.endpoint} onChange={(endpoint) => set({ endpoint })} />
      <TextFilter label={t`Id of an event or attempt`} placeholder="evt_…, att_…" value={filters.event} error={faults?.event} onChange={find} />
      <TimeRange
        value={{ since: filters.since, until: filters.until }}
        onChange={({ since, until }) => set({ since, until, ...(until ? { live: undefined } : {}) })}
      />
      <MoreFilters fields={[{ name: "channel", label: t`Channel`, value: filters.channel }, { name: "tag", label: t`Tag`, value: filters.tag }]} onChange={set} />
      <Refresh busy={refreshing} onRefresh={onRefresh} />
      {!faults && <Export path="/v1/attempts/export" query={exported} />}
      <Switch
        label={t`Live`}
        checked={live}
        onChange={(e) => set(e.currentTarget.checked ? { live: "1", until: undefined } : { live: undefined })}
      />
    </Group>
  );
}
