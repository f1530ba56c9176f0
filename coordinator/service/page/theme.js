"use strict";
// Before the page is drawn, so that nobody is dazzled: the choice of last time, if there was one.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch { /* no storage: the system's choice */ }
