import { Button, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type NavigateOptions, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api, ok, Problem } from "../../api/client.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { appNames } from "../../lib/apps.ts";
import { idKind, pasted } from "../../lib/ids.ts";

interface SearchBoxProps {
  value: string | undefined;
  /** Searches for an event by its UUID or the publisher's own id. */
  onSearch(text: string | undefined): void;
}

/** Where an id of the server's own leads to and of which apps that is, or nothing if there is no such thing. */
async function pageOf(id: string): Promise<{ page: NavigateOptions; apps: string[] } | undefined> {
  const path = { id };
  try {
    switch (idKind(id)) {
      case "event": {
        const event = await ok(api.GET("/v1/events/{id}", { params: { path } }));
        return { page: { to: "/events/$id", params: { id: event.id } }, apps: [event.app] };
      }
      case "attempt": {
        const attempt = await ok(api.GET("/v1/attempts/{id}", { params: { path } }));
        return { page: { to: "/logs", search: { attempt: attempt.id } }, apps: [attempt.app] };
      }
      case "delivery": {
        const delivery = await ok(api.GET("/v1/deliveries/{id}", { params: { path } }));
        return { page: { to: "/events/$id", params: { id: delivery.event } }, apps: [delivery.app] };
      }
      case "endpoint": {
        const endpoint = await ok(api.GET("/v1/endpoints/{id}", { params: { path } }));
        return { page: { to: "/endpoints/$id", params: { id: endpoint.id } }, apps: appNames(endpoint) };
      }
    }
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
  }
  return undefined;
}

/** One box for every id: the server's own lead to what they name, others search. */
export function SearchBox({ value, onSearch }: SearchBoxProps) {
  const navigate = useNavigate();
  const app = useAppFilter();
  const [text, setText] = useState(value ?? "");
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<string>();
  const asked = useRef<string>(undefined);
  useEffect(() => () => {
    asked.current = undefined; // an answer that comes later leads nowhere
  }, []);

  async function search(given: string) {
    const id = pasted(given);
    asked.current = id;
    setSaid(undefined);
    const kind = idKind(id);
    if (!kind) {
      onSearch(id || undefined);
      return;
    }
    setBusy(true);
    try {
      const found = await pageOf(id);
      if (asked.current !== id) return;
      if (found) {
        const { page, apps } = found;
        // What belongs to another app than the one shown would be hidden there.
        const search = app !== undefined && !apps.includes(app) ? { app: undefined } : {};
        await navigate({ ...page, search: { ...(page.search as object), ...search } } as NavigateOptions);
        return;
      }
      // Somebody's own id may look like one of ours.
      setSaid(`There is no ${kind} ${id}, or you may not see it.`);
      if (kind === "event") onSearch(id);
    } catch (error) {
      if (asked.current === id) setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }

  // A link may hold the search.
  useEffect(() => {
    setText(value ?? "");
    if (value && value !== asked.current && idKind(value)) void search(value);
    // Only the address matters here, not the functions of this render.
  }, [value]);

  return (
    <form role="search" onSubmit={(e: FormEvent) => { e.preventDefault(); void search(text); }}>
      <TextInput
        aria-label="Search by id"
        placeholder="Find by id: evt_…, att_…, dlv_…, a UUID, or your own"
        maw={560}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value);
          setSaid(undefined);
        }}
        error={said}
        errorProps={{ role: "alert" }}
        leftSection={<IconSearch size={16} stroke={1.6} />}
        rightSection={<Button type="submit" size="compact-sm" variant="light" loading={busy}>Find</Button>}
        rightSectionWidth={64}
        autoComplete="off"
        spellCheck={false}
      />
    </form>
  );
}
