import type { Event } from "../../../api/client.ts";

/** The event's time as requests carry it: RFC 3339 with milliseconds. */
function timeOf(event: Event): string {
  return new Date(event.created_at).toISOString();
}

/**
 * The body of a request, rebuilt from its event by the dialect's template; nothing
 * if the template needs more than type, id, time and data, which the log does not
 * have. The log does not keep bodies: they would hold each event's data again for
 * every attempt.
 */
export function sentBody(template: string | undefined, event: Event, data: string): string | undefined {
  if (template === undefined) return undefined;
  const values: Record<string, string> = { data, time: timeOf(event), "type|json": JSON.stringify(event.type), "id|json": JSON.stringify(event.id) };
  let known = true;
  const body = template.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) known = false;
    return value ?? "";
  });
  return known ? body : undefined;
}
