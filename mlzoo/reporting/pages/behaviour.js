"use strict";
document.documentElement.classList.add("scripted");
const readCharts = within => {
  for (const figure of within.querySelectorAll("[data-hover]")) {
    const data = JSON.parse(figure.dataset.hover);
    const svg = figure.querySelector("svg"), cursor = figure.querySelector(".cursor");
    const readout = figure.querySelector(".readout"), keys = [...figure.querySelectorAll(".key")];
    let at = -1;
    const read = place => {
      at = Math.max(0, Math.min(place, data.x.length - 1));
      cursor.setAttribute("x1", data.x[at]);
      cursor.setAttribute("x2", data.x[at]);
      const parts = data.names.map((name, i) => [name, data.values[i][at], keys[i].getAttribute("aria-pressed")]);
      readout.textContent = data.at[at] + ": " + parts.filter(p => p[1] && p[2] === "true").map(p => p[0] + " " + p[1]).join(", ");
    };
    svg.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      let best = 0;
      data.x.forEach((value, i) => { if (Math.abs(value - x) < Math.abs(data.x[best] - x)) best = i; });
      read(best);
    });
    svg.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); read(at + step); }
    });
    keys.forEach(key => key.addEventListener("click", () => {
      const shown = key.getAttribute("aria-pressed") !== "true";
      key.setAttribute("aria-pressed", shown);
      figure.querySelector(`g[data-line="${key.dataset.line}"]`).style.display = shown ? "" : "none";
      if (at >= 0) read(at);
    }));
  }
};
document.addEventListener("DOMContentLoaded", () => {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const show = (tab, focus) => {
    for (const each of tabs) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", chosen);
      each.tabIndex = chosen ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
  };
  const named = () => tabs.find(tab => "#" + tab.getAttribute("aria-controls") === location.hash);
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => {
      show(tab);
      history.replaceState(null, "", "#" + tab.getAttribute("aria-controls"));
    });
    tab.addEventListener("keydown", event => {
      const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(tabs[(to + tabs.length) % tabs.length], true);
    });
  });
  if (tabs.length) show(named() || tabs[0]);
  addEventListener("hashchange", () => named() && show(named()));

  readCharts(document);
});
