// Conditions on the data of events, as the address holds them: one a line.

export function conditionsFrom(text: string | undefined): string[] {
  return (text ?? "").split("\n").map((c) => c.trim()).filter((c) => c !== "");
}

export function withCondition(text: string | undefined, added: string): string {
  return [...new Set([...conditionsFrom(text), withData(added)])].join("\n");
}

export function withoutCondition(text: string | undefined, removed: string): string | undefined {
  return conditionsFrom(text).filter((c) => c !== removed).join("\n") || undefined;
}

/** "customer.id = 42" is meant as data.customer.id = 42: a path begins with data. */
export function withData(condition: string): string {
  const text = condition.trim().replace(/\s*\n\s*/g, " ");
  return text === "" || /^data\s*[.[=!<>~]/.test(text) ? text : `data.${text}`;
}

/** How much of a range of time a search has gone through, from 0 to 1; undefined where the range has no beginning. */
export function progress(searchedUntil: string | undefined, since: string | undefined, until: string | undefined, now: number): number | undefined {
  if (!since || !searchedUntil) return undefined;
  const [from, to, at] = [new Date(since).getTime(), until ? new Date(until).getTime() : now, new Date(searchedUntil).getTime()];
  if (!(to > from)) return undefined;
  return Math.min(1, Math.max(0, (to - at) / (to - from)));
}
