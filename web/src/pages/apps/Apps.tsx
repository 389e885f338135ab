import { Button, TextInput } from "@mantine/core";
import { IconApps, IconPlus, IconSearch } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { App } from "../../api/client.ts";
import { useApps, useSession } from "../../api/queries.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { sortingFrom } from "../../parts/table.tsx";
import { useFilters } from "../../lib/useFilters.ts";
import { AppForm } from "./AppForm.tsx";
import { AppTable } from "./AppTable.tsx";
import { PortalLinkDialog } from "./PortalLink.tsx";
import { useRemoveApp } from "./useRemoveApp.tsx";

/** The platform's customers, each an app with its own endpoints, events and portal. */
export function Apps() {
  const { operator } = useSession();
  const [search, set] = useFilters<{ q?: string; sort?: string }>();
  const apps = useApps();
  const remove = useRemoveApp();
  const [form, setForm] = useState<{ opened: boolean; app?: App }>({ opened: false });
  const [link, setLink] = useState<{ opened: boolean; app?: App }>({ opened: false });
  const q = (search.q ?? "").toLowerCase();
  const found = (apps.data ?? []).filter((a) => !q || `${a.id} ${a.name ?? ""} ${Object.values(a.metadata ?? {}).join(" ")}`.toLowerCase().includes(q));
  const create = operator && <Button leftSection={<IconPlus size={16} />} onClick={() => setForm({ opened: true })}>New app</Button>;
  return (
    <Page title="Apps" description="Each customer of your platform is an app: it has its own endpoints, events and log, and its people see them in a portal." actions={create}>
      {!apps.data ? (
        <Waiting query={apps} />
      ) : apps.data.length === 0 ? (
        <Empty
          title="There are no apps yet"
          icon={IconApps}
          action={operator && <><Button component={Link} to="/start">Take the first steps</Button><Button variant="default" onClick={() => setForm({ opened: true })}>New app</Button></>}
        >
          {operator ? "The first steps lead from here to a first delivered event." : "An operator makes the first one."}
        </Empty>
      ) : (
        <>
          <TextInput
            aria-label="Search apps"
            placeholder="Id, name or notes"
            leftSection={<IconSearch size={16} />}
            maw={360}
            value={search.q ?? ""}
            onChange={(e) => set({ q: e.currentTarget.value || undefined }, true)}
          />
          {found.length === 0 ? (
            <Empty title="No app fits" icon={IconSearch}>Search for a part of an id, a name or a note.</Empty>
          ) : (
            <AppTable
              apps={found}
              sorting={sortingFrom(search.sort)}
              onSort={(sort) => set({ sort }, true)}
              onLink={(app) => setLink({ opened: true, app })}
              onEdit={(app) => setForm({ opened: true, app })}
              onDelete={(app) => void remove(app)}
            />
          )}
        </>
      )}
      <AppForm {...form} onClose={() => setForm((was) => ({ ...was, opened: false }))} />
      <PortalLinkDialog app={link.app} opened={link.opened} onClose={() => setLink((was) => ({ ...was, opened: false }))} />
    </Page>
  );
}
