import { useEffect, useState } from "react";

/** Tells when the page has painted its first content: what can wait is loaded after that. */
export function usePainted(): boolean {
  const [painted, setPainted] = useState(false);
  useEffect(() => {
    const observer = new PerformanceObserver((list) => {
      if (list.getEntriesByName("first-contentful-paint").length > 0) setPainted(true);
    });
    observer.observe({ type: "paint", buffered: true });
    const late = setTimeout(() => setPainted(true), 3000); // not every browser tells
    return () => {
      observer.disconnect();
      clearTimeout(late);
    };
  }, []);
  return painted;
}
