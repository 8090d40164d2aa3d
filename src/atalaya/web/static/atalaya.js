// The colour theme: what the device says, or what the person chose on this device. And several bars of a picture of
// events over time, chosen by drawing over them; without this script each bar is a link of its own.
"use strict";
(() => {
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];
  const stored = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-button]")) {
      const show = () => {
        const now = root.dataset.theme || "auto";
        for (const name of button.querySelectorAll("[data-theme-name]")) name.hidden = name.dataset.themeName !== now;
      };
      button.addEventListener("click", () => {
        const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
        try { localStorage.setItem("theme", next); } catch { /* the choice lasts for this page */ }
        apply(next);
        show();
      });
      show();
      button.hidden = false;
    }
  });
})();
(() => {
  const bar = (svg, event) => {
    const at = document.elementFromPoint(event.clientX, event.clientY)?.closest("a");
    return [...svg.querySelectorAll("a")].indexOf(at);
  };
  document.addEventListener("DOMContentLoaded", () => {
    for (const area of document.querySelectorAll("[data-brush]")) {
      const svg = area.querySelector("svg.chart"), edges = area.dataset.edges.split(" ");
      let from = -1, to = -1;
      const paint = () => svg.querySelectorAll("a").forEach((one, i) => {
        one.classList.toggle("picked", from >= 0 && from !== to && i >= Math.min(from, to) && i <= Math.max(from, to));
      });
      svg.addEventListener("dragstart", (event) => event.preventDefault());
      svg.addEventListener("pointerdown", (event) => { from = to = event.button ? -1 : bar(svg, event); });
      svg.addEventListener("pointermove", (event) => {
        const now = from < 0 ? -1 : bar(svg, event);
        if (now >= 0) { to = now; paint(); }
      });
      svg.addEventListener("click", (event) => {
        if (from >= 0 && from !== to) {
          event.preventDefault();
          const url = area.dataset.brush.replace("SINCE", encodeURIComponent(edges[Math.min(from, to)]));
          location.href = url.replace("UNTIL", encodeURIComponent(edges[Math.max(from, to) + 1]));
        }
      });
      document.addEventListener("pointerup", (event) => {
        if (from >= 0 && from !== to && svg.contains(event.target)) svg.dispatchEvent(new Event("click", { cancelable: true }));
        from = to = -1;
        paint();
      });
    }
  });
})();
