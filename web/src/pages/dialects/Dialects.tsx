import { NavLink, Select } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Dialect } from "../../api/client.ts";
import { useDialects } from "../../api/queries.ts";
import { linkHere } from "../../lib/links.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { Detail } from "./Detail.tsx";
import classes from "./Dialects.module.css";

/** How events can look on the wire. */
export function Dialects() {
  const dialects = useDialects();
  const [search, set] = useFilters<{ name?: string }>();
  return (
    <Page
      title="Dialects"
      description="How events look on the wire: body, headers and signature. Each endpoint speaks one. An operator can add others in the configuration file."
    >
      {!dialects.data ? <Waiting query={dialects} lines={8} /> : (
        <div className={classes.sides}>
          <Select
            hiddenFrom="md"
            label="Dialect"
            data={dialects.data.map((d) => d.name)}
            value={search.name ?? dialects.data[0]?.name ?? null}
            onChange={(name) => set({ name: name ?? undefined })}
            allowDeselect={false}
          />
          <List dialects={dialects.data} shown={search.name ?? dialects.data[0]?.name} />
          <Shown dialects={dialects.data} name={search.name} />
        </div>
      )}
    </Page>
  );
}

function List({ dialects, shown }: { dialects: Dialect[]; shown: string | undefined }) {
  return (
    <nav aria-label="Dialects" className={classes.list}>
      {dialects.map((d) => (
        <NavLink
          key={d.name}
          component={Link}
          {...linkHere("/dialects", { name: d.name })}
          label={<span className="foreign">{d.name}</span>}
          description={d.description?.split(/[.:] /)[0]}
          active={d.name === shown}
          aria-current={d.name === shown ? "page" : undefined}
          className={classes.item}
        />
      ))}
    </nav>
  );
}

function Shown({ dialects, name }: { dialects: Dialect[]; name: string | undefined }) {
  const found = name ? dialects.find((d) => d.name === name) : dialects[0];
  if (!found) return <Empty title="There is no such dialect">Choose one of the list.</Empty>;
  return <Detail key={found.name} dialect={found} />;
}
