import { Anchor, Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, type AuditEntry, type Key, ok } from "../../api/client.ts";
import { useSession, whole } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { useCursorList } from "../../lib/useCursorList.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { type Column, CursorTable } from "../../parts/CursorTable.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { actionWords, actorWords, objectLink } from "./actions.ts";
import { Entry } from "./Entry.tsx";
import { type AuditSearch, Filters } from "./Filters.tsx";

/** Who changed what. */
export function Audit() {
  const session = useSession();
  if (session.role !== "admin") {
    return <Page title="Audit log"><Empty title="Only admins see the audit log" icon={IconHistory}>Ask somebody with an admin key.</Empty></Page>;
  }
  return <Log />;
}

const rowKey = (e: AuditEntry) => e.id;

function Log() {
  const [search] = useFilters<AuditSearch>();
  const app = useAppFilter();
  const { actor, action, object } = search;
  const [open, setOpen] = useState<AuditEntry>();
  const keys = useQuery({
    queryKey: ["keys", "all"],
    queryFn: () => whole<Key>((cursor) => ok(api.GET("/v1/keys", { params: { query: { limit: 250, cursor } } }))),
  });
  const names = useMemo(() => namesOf(keys.data ?? []), [keys.data]);
  const { query: log } = useCursorList<AuditEntry>(["audit", { app, actor, action, object }], (cursor, signal) =>
    ok(api.GET("/v1/audit", { params: { query: { app, actor, action, object, cursor, limit: 100 } }, signal })));
  const columns = useMemo((): Column<AuditEntry>[] => [
    {
      key: "what", title: "What", width: "minmax(120px, 1.3fr)",
      // A button, so that the keyboard opens an entry, too.
      cell: (e) => <Anchor component="button" type="button" size="sm" aria-haspopup="dialog" onClick={() => setOpen(e)}>{actionWords(e.action)}</Anchor>,
    },
    { key: "object", title: "Object", width: "minmax(84px, 1.3fr)", cell: (e) => <ObjectName entry={e} /> },
    { key: "who", title: "Who", width: "minmax(100px, 1fr)", wide: true, cell: (e) => <span className="foreign" title={e.actor}>{actorWords(e.actor, names)}</span> },
    { key: "apps", title: "Apps", width: "minmax(80px, 0.8fr)", wide: true, cell: (e) => <span className="foreign" title={e.apps?.join(", ")}>{e.apps?.join(", ") || "–"}</span> },
    { key: "at", title: "When", width: "minmax(88px, 0.8fr)", align: "end", cell: (e) => <Time at={e.at} /> },
  ], [names]);
  const narrowed = Boolean(app || actor || action || object);
  return (
    <Page title="Audit log" description="Who changed what, newest first: people and programs by their keys, and what Bellhop did by itself. Reading a secret counts, too.">
      <Filters search={search} keys={(keys.data ?? []).filter((k) => !k.portal && !k.session)} />
      <CursorTable
        label="Audit log"
        columns={columns}
        query={log}
        rowKey={rowKey}
        onOpen={setOpen}
        selected={open?.id}
        empty={
          <Empty title={narrowed ? "Nothing fits" : "Nothing was changed yet"} icon={IconHistory}>
            {narrowed ? "Choose less, above or in the app filter." : "Changes of apps, endpoints, event types and keys will be listed here."}
          </Empty>
        }
      />
      <Entry entry={open} who={open ? actorWords(open.actor, names) : ""} onClose={() => setOpen(undefined)} />
    </Page>
  );
}

/** The names of keys by id; a session goes by the name of its key. */
function namesOf(keys: Key[]): Map<string, string> {
  const own = new Map(keys.filter((k) => k.name).map((k) => [k.id, k.name!]));
  for (const k of keys) {
    const parent = k.session && own.get(k.session);
    if (parent) own.set(k.id, parent);
    else if (k.portal && !k.name) own.set(k.id, `Portal link of ${k.apps?.join(", ") ?? ""}`);
  }
  return own;
}

function ObjectName({ entry }: { entry: AuditEntry }) {
  const link = objectLink(entry.action, entry.object);
  if (!link) return <Text span size="sm" className="foreign" title={entry.object}>{entry.object || "–"}</Text>;
  return <Anchor component={Link} {...link} size="sm" className="foreign" title={entry.object}>{entry.object}</Anchor>;
}
