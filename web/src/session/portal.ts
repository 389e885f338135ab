// A portal link is /portal#token=bh_…: the fragment never reaches a server or its
// log. The token is kept for this tab only, in memory and, so that reloading the
// page works, in sessionStorage, which browsers keep apart for each embedding site.
// There is no cookie: it would not reach a frame of another site, and it would sign
// an operator who looks at a portal out of the dashboard.

const storageKey = "bellhop-portal";

/** Whether this page is a portal: one app, for its own people. */
export const inPortal = location.pathname === "/portal" || location.pathname.startsWith("/portal/");

/** Where this page's paths begin. */
export const basePath = inPortal ? "/portal" : "/";

let token: string | undefined;

/** The token of the portal link, if this is a portal that was opened by one. */
export function portalToken(): string | undefined {
  return inPortal ? token : undefined;
}

/** Takes the token out of the address, where it would be copied along with a link. */
export function takePortalToken(): void {
  if (!inPortal) return;
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  try {
    if (given) sessionStorage.setItem(storageKey, given);
    token = given ?? sessionStorage.getItem(storageKey) ?? undefined;
  } catch {
    token = given ?? undefined; // a frame without storage: it works until it is reloaded
  }
  if (given) history.replaceState(history.state, "", location.pathname + location.search);
}
