import type { App } from "../api/client.ts";
import { useApps } from "../api/queries.ts";

const maps = new WeakMap<App[], Map<string, App>>();

/** The apps by their ids: a list of a thousand lines must not look through all of them for each. */
function byId(apps: App[]): Map<string, App> {
  let map = maps.get(apps);
  if (!map) maps.set(apps, (map = new Map(apps.map((a) => [a.id, a]))));
  return map;
}

/** Gives a function that says what an app is called: by its id, where it has no name or is gone. */
export function useAppNames(): (id: string) => string {
  const apps = useApps().data;
  return (id) => (apps && byId(apps).get(id)?.name) || id;
}

/** An app by its name, with its id on hover. */
export function AppName({ id }: { id: string }) {
  const name = useAppNames()(id);
  return <span className="foreign" title={name === id ? undefined : id}>{name}</span>;
}
