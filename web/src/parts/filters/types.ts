/** The patterns that take in more than one type of the catalogue: "invoice.*", "invoice.line.*". */
export function typeGroups(names: string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    const parts = name.split(".");
    for (let n = 1; n < parts.length; n++) {
      const prefix = `${parts.slice(0, n).join(".")}.*`;
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts].filter(([, n]) => n > 1).map(([prefix]) => prefix).sort();
}
