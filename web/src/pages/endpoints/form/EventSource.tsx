import { t } from "@lingui/core/macro";
import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../../../api/client.ts";
import { useEventTypes } from "../../../api/queries.ts";
import { Raw } from "../../../lib/exact.ts";
import { zonedTime } from "../../../lib/time.ts";
import { testTypes } from "../../../parts/TestSend.tsx";
import { useEventText } from "../../events/useEvent.ts";

/** An event to try something with: "" for a sample, a type's sample, or one of the past by its id. */
export type Source = "" | `type ${string}` | `event ${string}`;

/** What the API is told of a source; undefined while the event is loaded. */
export function useSourceEvent(source: Source): { type?: string; subject?: string; data?: Raw } | undefined {
  const id = source.startsWith("event ") ? source.slice(6) : undefined;
  const event = useEventText(id);
  if (id === undefined) return source === "" ? {} : { type: source.slice(5) };
  if (!event.data) return undefined;
  const { event: e, data } = event.data;
  return { type: e.type, ...(e.subject ? { subject: e.subject } : {}), ...(data === undefined ? {} : { data: new Raw(data) }) };
}

interface EventSourceProps {
  label: string;
  /** What an empty choice stands for. */
  first: string;
  app: string | undefined;
  /** The patterns that the endpoint listens to; none for all. */
  events: string[];
  value: Source;
  onChange(source: Source): void;
}

/** Chooses a sample or one of the newest events. */
export function EventSource({ label, first, app, events, value, onChange }: EventSourceProps) {
  const types = useEventTypes();
  const recent = useQuery({
    queryKey: ["events", "newest", app],
    queryFn: async () => (await ok(api.GET("/v1/events", { params: { query: { limit: 20, app } } }))).data,
    staleTime: 10_000,
  });
  const past = (recent.data ?? []).filter((e) => !e.erased).map((e) => ({ value: `event ${e.id}`, label: `${e.type}${e.subject ? ` · ${e.subject}` : ""} · ${zonedTime(new Date(e.created_at))}` }));
  const samples = testTypes(events, types.data ?? []).map(({ group, items }) => ({ group, items: items.map((type) => ({ value: `type ${type}`, label: type })) }));
  return (
    <Select
      label={label}
      placeholder={first}
      data={past.length === 0 ? samples : [{ group: t`The newest events`, items: past }, ...samples]}
      value={value || null}
      onChange={(v) => onChange((v ?? "") as Source)}
      searchable
      clearable
      limit={200}
      maxDropdownHeight={340}
      nothingFoundMessage={t`No such event type`}
      style={{ flex: "1 1 240px", maxWidth: 440 }}
      clearButtonProps={{ "aria-label": t`Back to: ${first}` }}
    />
  );
}
