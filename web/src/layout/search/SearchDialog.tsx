import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Combobox, Group, Kbd, Loader, Modal, Text, TextInput, useCombobox } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type NavigateOptions, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { useApps, useEventTypes, useSession } from "../../api/queries.ts";
import { idKind, isUUID, pasted } from "../../lib/ids.ts";
import { nameOf } from "../../parts/EndpointName.tsx";
import { useEndpointChoices } from "../../parts/filters/EndpointFilter.tsx";
import { useAppFilter } from "../AppFilter.tsx";
import { pagesOf } from "../pages.ts";
import { type Choice, find } from "./find.ts";
import { pageFor, placeOf } from "./place.ts";

interface Goal extends Choice {
  go: NavigateOptions;
}

const headings: Record<Choice["group"], MessageDescriptor> = {
  id: msg`Found by id`, pages: msg`Pages`, apps: msg`Apps`, endpoints: msg`Endpoints`, types: msg`Event types`, events: msg`Events`,
};

/** As many endpoints as are searched here; the list of endpoints searches all. */
const mostEndpoints = 1000;

/** One box that leads to every app, endpoint, event type, page, and to what an id names. */
export default function SearchDialog({ opened, onClose }: { opened: boolean; onClose(): void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={t`Go to`} size="lg" yOffset="10vh" transitionProps={{ duration: 0 }}>
      <Box onClose={onClose} />
    </Modal>
  );
}

function Box({ onClose }: { onClose(): void }) {
  const navigate = useNavigate();
  const filter = useAppFilter();
  const [text, setText] = useState("");
  const id = pasted(text);
  const byId = useById(id);
  const goals = useGoals(id);
  const combobox = useCombobox({ opened: true });
  const place = byId.data;
  const found: Goal[] = [
    ...(place ? [{ key: "id", group: "id" as const, label: place.label, more: id, go: pageFor(place, filter) }] : []),
    ...goals,
  ];
  const groups = [...new Set(found.map((g) => g.group))];
  const keys = found.map((g) => g.key).join(" ");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const first = combobox.selectFirstOption();
    // Mantine tells screen readers of what the arrow keys choose, and not of this.
    if (first) input.current?.setAttribute("aria-activedescendant", first);
    else input.current?.removeAttribute("aria-activedescendant");
    // With what is found, not with each render of the store.
  }, [keys]);
  function go(key: string) {
    const goal = found.find((g) => g.key === key);
    if (!goal) return;
    onClose();
    void navigate(goal.go);
  }
  const nothing = id !== "" && found.length === 0 && !byId.isFetching;
  return (
    <Combobox store={combobox} onOptionSubmit={go} withinPortal={false}>
      <Combobox.EventsTarget withExpandedAttribute>
        <TextInput
          ref={input}
          aria-label={t`Search apps, endpoints, event types, pages and ids`}
          placeholder={t`A name, a URL, an id (evt_, ep_, att_, dlv_), or your own id of an event`}
          leftSection={byId.isFetching ? <Loader size={14} /> : <IconSearch size={16} stroke={1.6} />}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          // The dialog is not told of keys that the list may use.
          onKeyDown={(e) => e.key === "Escape" && !e.nativeEvent.isComposing && onClose()}
          role="combobox"
          aria-autocomplete="list"
          data-autofocus
          autoComplete="off"
          spellCheck={false}
        />
      </Combobox.EventsTarget>
      <Combobox.Options mt="xs" mah="50vh" style={{ overflowY: "auto" }} tabIndex={0} aria-label={t`Found`}>
        {groups.map((group) => (
          <Combobox.Group key={group} label={i18n._(headings[group])}>
            {found.filter((g) => g.group === group).map((g) => (
              <Combobox.Option key={g.key} value={g.key}>
                <Group gap="xs" wrap="nowrap" justify="space-between">
                  <Text size="sm" className="foreign" truncate>{g.label}</Text>
                  {g.more && <Text size="xs" c="dimmed" className="foreign" truncate maw="55%">{g.more}</Text>}
                </Group>
              </Combobox.Option>
            ))}
          </Combobox.Group>
        ))}
        {nothing && <Combobox.Empty>{idKind(id) ? t`There is no ${id}, or you may not see it.` : t`Nothing is called that.`}</Combobox.Empty>}
      </Combobox.Options>
      <Text size="sm" role="alert" c="red">{byId.error?.message}</Text>
      <Text size="xs" c="dimmed" mt="xs"><Trans><Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> to choose, <Kbd size="xs">Enter</Kbd> to go, <Kbd size="xs">Esc</Kbd> to close</Trans></Text>
    </Combobox>
  );
}

/** What an id names. */
function useById(id: string) {
  return useQuery({
    queryKey: ["place", id],
    queryFn: async ({ signal }) => (await placeOf(id, signal)) ?? null,
    enabled: idKind(id) !== undefined,
    staleTime: 10_000,
    retry: false,
  });
}

/** All that can be gone to that has what was typed. */
function useGoals(text: string): Goal[] {
  const session = useSession();
  const publisher = session.role === "publisher"; // who may not see endpoints
  const apps = useApps().data;
  const types = useEventTypes().data;
  const endpoints = useEndpointChoices(undefined, !publisher).data;
  const all = useMemo((): Goal[] => {
    const { everyday, manage } = pagesOf(session);
    return [
      ...[...everyday, ...manage].map((p): Goal => ({ key: p.to, group: "pages", label: i18n._(p.label), go: { to: p.to } as NavigateOptions })),
      ...(session.portal ? [] : (apps ?? []).map((a): Goal => ({ key: `app ${a.id}`, group: "apps", label: a.name || a.id, more: a.name ? a.id : undefined, go: { to: "/", search: { app: a.id } } as NavigateOptions }))),
      ...(endpoints ?? []).map((e): Goal => ({ key: `endpoint ${e.id}`, group: "endpoints", label: nameOf(e), more: e.name ? e.url : undefined, also: `${e.id} ${e.description ?? ""}`, go: pageFor({ page: { to: "/endpoints/$id", params: { id: e.id } }, apps: [], label: "" }, "") })),
      ...(types ?? []).map((t): Goal => ({ key: `type ${t.name}`, group: "types", label: t.name, more: t.description, go: { to: "/event-types/$name", params: { name: t.name } } as NavigateOptions })),
    ];
  }, [session, apps, types, endpoints]);
  return useMemo(() => {
    if (text === "") return all.filter((g) => g.group === "pages");
    const found = find(all, text);
    const events: Goal[] = idKind(text) ? [] : [{ key: "own", group: "events", label: isUUID(text) ? t`Events with the UUID or own id ${text}` : t`Events with your id ${text}`, go: { to: "/events", search: { q: text } } as NavigateOptions }];
    const beyond: Goal[] = (endpoints?.length ?? 0) >= mostEndpoints ? [{ key: "beyond", group: "endpoints", label: t`Search all endpoints for ${text}`, more: t`Here, the newest ${mostEndpoints} are searched`, go: { to: "/endpoints", search: { q: text } } as NavigateOptions }] : [];
    return [...found, ...beyond, ...events];
  }, [all, text, endpoints]);
}
