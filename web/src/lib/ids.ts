/** The kinds of things whose ids people paste into a search box. */
type IdKind = "event" | "attempt" | "delivery" | "endpoint";

const kinds: Record<string, IdKind> = { evt: "event", att: "attempt", dlv: "delivery", ep: "endpoint" };

/**
 * Recognises an id of Bellhop's own: a prefix and 13 digits of Crockford's base32,
 * in either case. Others have ids with the same prefixes (Stripe's events do), so
 * all that is not exactly this is somebody else's.
 */
export function idKind(text: string): IdKind | undefined {
  const parts = /^(evt|att|dlv|ep)_[0-7OILoil][0-9A-TV-Za-tv-z]{12}$/.exec(text);
  return parts ? kinds[parts[1]!] : undefined;
}

/** What was pasted, without the spaces and quotes that come along. */
export function pasted(text: string): string {
  return text.trim().replace(/^(["'`])(.*)\1,?$/, "$2").trim();
}

/** The end of an id, which tells neighbours in a list apart: "…K3Q9F7A". */
export function shortId(id: string): string {
  return id.length > 10 ? `…${id.slice(-8)}` : id;
}

/** A UUID, such as receivers of some dialects log in place of an event's id. */
export function isUUID(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
