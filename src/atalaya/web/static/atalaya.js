// The colour theme: what the device says, or what the person chose on this device.
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
