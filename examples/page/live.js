"use strict";
// Keeps what is marked data-live up to date; forms and what is typed elsewhere stay.
(() => {
  const parts = () => document.querySelectorAll("[data-live]");
  if (!parts().length) return;
  let wait = 1000;
  async function refresh() {
    if (!document.hidden) {
      try {
        const page = new DOMParser().parseFromString((await (await fetch(location.href)).text()).replace(/<style[^]*?<\/style>/, ""), "text/html");
        const fresh = page.querySelectorAll("[data-live]");
        parts().forEach((old, i) => {
          const now = fresh[i];
          if (now && old.innerHTML !== now.innerHTML && !old.contains(document.activeElement)) old.innerHTML = now.innerHTML;
        });
        wait = 1000;
      } catch {
        wait = Math.min(wait * 2, 15000); // the demo has ended
      }
    }
    setTimeout(refresh, wait);
  }
  setTimeout(refresh, wait);
})();
