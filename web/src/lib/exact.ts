// JSON with parts that are texts. What goes through JSON.parse comes out as another
// number, in another order, without its spaces.

/** JSON as text, to stand as it is within an object that is written. */
export class Raw {
  constructor(readonly text: string) {}
}

/** JSON.stringify that leaves raw parts as they are. */
export function written(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map((v) => written(v === undefined ? null : v)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).filter(([, v]) => v !== undefined).map(([name, v]) => `${JSON.stringify(name)}:${written(v)}`).join(",")}}`;
}

/** What a request takes that has raw parts: a body of its type, and how to write it. */
export function exactly<T>(body: T): { body: T; bodySerializer: (body: unknown) => string } {
  return { body, bodySerializer: written };
}
