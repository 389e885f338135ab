// What a few typed letters may mean. Pure.

/** Something to go to. */
export interface Choice {
  key: string;
  /** Under which heading it stands. */
  group: "pages" | "id" | "apps" | "endpoints" | "types" | "events";
  label: string;
  /** More about it, searched too. */
  more?: string;
  /** Found by, and not shown. */
  also?: string;
}

/** The choices with all of the words, the best of each group first: those that begin with what was typed. */
export function find<C extends Choice>(choices: C[], text: string, mostOfGroup = 6): C[] {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const ranked: { choice: C; rank: number; at: number }[] = [];
  choices.forEach((choice, at) => {
    const label = choice.label.toLocaleLowerCase();
    const all = `${label} ${choice.more ?? ""} ${choice.also ?? ""}`.toLocaleLowerCase();
    if (!words.every((w) => all.includes(w))) return;
    const first = words[0] ?? "";
    ranked.push({ choice, at, rank: label.startsWith(first) ? 0 : label.includes(first) ? 1 : 2 });
  });
  const counts = new Map<string, number>();
  const order = [...new Set(choices.map((c) => c.group))];
  return ranked
    .sort((a, b) => order.indexOf(a.choice.group) - order.indexOf(b.choice.group) || a.rank - b.rank || a.at - b.at)
    .filter(({ choice: { group } }) => {
      const n = (counts.get(group) ?? 0) + 1;
      counts.set(group, n);
      return n <= mostOfGroup;
    })
    .map((r) => r.choice);
}
