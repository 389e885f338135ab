// Which dialects the people of some apps may choose, and which an endpoint gets where
// none is chosen. The server decides alike.
import type { App } from "../api/client.ts";

/** Those that every one of the chosen apps offers; undefined if none of them narrows the choice. */
export function offeredDialects(apps: App[], chosen: string[]): string[] | undefined {
  const lists = chosen.flatMap((id) => {
    const own = apps.find((a) => a.id === id)?.dialects ?? [];
    return own.length > 0 ? [own] : [];
  });
  const [first, ...rest] = lists;
  return first?.filter((name) => rest.every((l) => l.includes(name)));
}

/** The dialect that an endpoint of these apps has where none is chosen. */
export function defaultDialect(apps: App[], chosen: string[], installation: string): string {
  return offeredDialects(apps, chosen)?.[0] ?? installation;
}
