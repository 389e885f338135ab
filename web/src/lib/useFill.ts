import { type RefObject, useLayoutEffect, useState } from "react";

/** What stands below: the foot of a list, and the page's margin. */
const below = 52;

/**
 * The height in px that is left for an element down to the end of the window, so that a list
 * shows as many lines as fit; at least so many that it is of use.
 */
export function useFill(element: RefObject<HTMLElement | null>, least = 320): number {
  const [height, setHeight] = useState(least);
  useLayoutEffect(() => {
    function measure() {
      if (!element.current) return;
      const top = element.current.getBoundingClientRect().top + scrollY;
      setHeight(Math.max(least, Math.floor(innerHeight - top - below)));
    }
    measure();
    // What stands above grows and shrinks: filters in force, messages.
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    for (let e = element.current?.parentElement; e && e !== document.body; e = e.parentElement) observer.observe(e);
    addEventListener("resize", measure);
    return () => {
      observer.disconnect();
      removeEventListener("resize", measure);
    };
  }, [element, least]);
  return height;
}
