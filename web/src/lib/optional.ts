import { type ComponentType, lazy } from "react";

/**
 * A part that is loaded when needed and that the page can do without: where its
 * script cannot be had, since the server is gone, something else stands in for it,
 * nothing as a rule. Otherwise the page around it would fall, too.
 */
export function optional<P extends object>(load: () => Promise<{ default: ComponentType<P> }>, instead: ComponentType<P> = () => null) {
  return lazy(() => load().catch(() => ({ default: instead })));
}
