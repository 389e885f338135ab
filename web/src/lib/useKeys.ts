import { useEffect, useRef } from "react";
import { chosen } from "./choices.ts";

/** Whether what is typed there is text. */
function takesText(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/**
 * Does something at a key: "mod+k" is Ctrl or ⌘ and K, wherever one is; a single letter or
 * sign only where no text is written, and only if the viewer has not switched these off.
 */
export function useKeys(keys: Record<string, (() => void) | undefined>): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    function press(e: KeyboardEvent) {
      if (e.defaultPrevented || e.isComposing || e.altKey) return;
      const mod = e.ctrlKey || e.metaKey;
      const run = current.current[mod ? `mod+${e.key.toLowerCase()}` : e.key.toLowerCase()];
      if (!run || (!mod && (chosen().keys === "off" || takesText(e.target)))) return;
      e.preventDefault();
      run();
    }
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
