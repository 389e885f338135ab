// Runs before the first paint, so that a dark page does not flash white. It is a
// file of its own because the page's policy allows no inline script.
(function () {
  var wanted = new URLSearchParams(location.hash.slice(1)).get("theme");
  try {
    if (wanted === "light" || wanted === "dark" || wanted === "auto") localStorage.setItem("bellhop-theme", wanted);
    wanted = localStorage.getItem("bellhop-theme");
  } catch (e) {
    // A frame without storage: the device decides.
  }
  var dark = wanted === "dark" || (wanted !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
