"use strict";
const at = id => document.getElementById(id);
const made = (tag, text, kind) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
};
const EVERY = 2000, MOST = {{ most }};
const rows = new Map(), chosen = new Set();
let entries = [], order = { by: "changed", down: true }, shown = "", drawn = "", asking = 0;

const address = key => "files/" + key.split("/").map(encodeURIComponent).join("/");
const query = keys => keys.map(key => "key=" + encodeURIComponent(key)).join("&");

// Scores of one metric together, the best first.
const ranks = {
  name: e => [e.name.toLowerCase()],
  state: e => [["training", "searching", "stopped", "damaged", "done"].indexOf(e.state), e.name],
  score: e => [e.value === null ? "\uffff" : e.metric, e.value === null ? 0 : e.lower ? e.value : -e.value],
  changed: e => [e.changed],
};
const compared = (a, b) => {
  const one = ranks[order.by](a), other = ranks[order.by](b);
  const place = one.findIndex((value, i) => value !== other[i]);
  return place < 0 ? 0 : (one[place] < other[place] ? -1 : 1) * (order.down ? -1 : 1);
};

function row(entry) {
  const element = made("tr"), cells = {};
  const box = made("input");
  box.type = "checkbox";
  box.setAttribute("aria-label", "curves of " + entry.name);
  box.addEventListener("change", () => {
    box.checked ? chosen.add(entry.key) : chosen.delete(entry.key);
    show();
    charts();
  });
  const first = made("td");
  first.append(box);
  element.append(first);
  for (const name of ["name", "state", "score", "verdict", "changed", "report"]) {
    cells[name] = made("td", undefined, name === "verdict" || name === "changed" ? "wide" : "");
    element.append(cells[name]);
  }
  return { element, cells, box, text: "" };
}

function fill(each, entry) {
  const text = JSON.stringify(entry);
  if (text === each.text) return;
  each.text = text;
  const cells = each.cells;
  const what = [entry.kind === "search" ? "search" : "", entry.model, entry.data && "on " + entry.data];
  cells.name.replaceChildren(made("b", entry.name), made("small", what.filter(Boolean).join(" ")));
  cells.state.replaceChildren(made("span", entry.state, "state " + entry.state), made("small", entry.progress));
  if (entry.share !== null && entry.share < 1) {
    const bar = made("progress");
    bar.value = entry.share;
    bar.setAttribute("aria-label", "progress of " + entry.name);
    cells.state.append(bar);
  }
  cells.score.replaceChildren(entry.score, made("small", entry.interval));
  cells.verdict.textContent = entry.verdict;
  cells.changed.textContent = entry.ago;
  cells.report.replaceChildren();
  if (entry.report) {
    const link = made("a", "open");
    link.href = address(entry.key + "/report.html");
    link.setAttribute("aria-label", "report of " + entry.name);
    cells.report.append(link);
  }
}

function show() {
  const wanted = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = e => [e.name, e.kind, e.model, e.data, e.task, e.state, e.metric].join(" ").toLowerCase();
  const visible = entries.filter(e => wanted.every(word => text(e).includes(word))).sort(compared);
  for (const entry of entries) {
    if (!rows.has(entry.key)) rows.set(entry.key, row(entry));
    fill(rows.get(entry.key), entry);
  }
  const keys = visible.map(e => e.key).join("\n");
  if (keys !== shown) {
    shown = keys;
    const focused = document.activeElement;
    at("rows").replaceChildren(...visible.map(e => rows.get(e.key).element));
    if (at("rows").contains(focused)) focused.focus();
  }
  at("none").hidden = entries.length > 0;
  const finished = entries.filter(e => chosen.has(e.key) && e.kind === "run" && e.state === "done");
  at("compare").hidden = finished.length < 2;
  at("compare").textContent = "Compare " + finished.length + " runs";
  at("compare").href = "compare?" + query(finished.map(e => e.key).slice(0, MOST));
}

async function charts() {
  const live = entries.find(e => e.state === "training" || e.state === "searching");
  const newest = live || entries.find(e => e.state !== "damaged");
  const keys = chosen.size ? [...chosen].slice(0, MOST) : newest ? [newest.key] : [];
  const turn = ++asking;
  const html = keys.length ? await fetch("charts?" + query(keys)).then(r => r.text()) : "";
  if (turn !== asking || html === drawn) return;
  drawn = html;
  const off = [...at("charts").querySelectorAll(".key[aria-pressed=false]")].map(key => key.textContent);
  at("charts").innerHTML = html;
  readCharts(at("charts"));
  for (const key of at("charts").querySelectorAll(".key")) if (off.includes(key.textContent)) key.click();
}

async function read() {
  let answer;
  try {
    answer = await fetch("entries").then(r => r.json());
  } catch (error) {
    at("counts").textContent = "mlzoo ui no longer answers: it was stopped. Start it again, and reload this page.";
    return;
  }
  entries = answer.entries;
  const known = new Set(entries.map(e => e.key));
  for (const key of chosen) if (!known.has(key)) chosen.delete(key);
  const states = ["training", "searching", "stopped", "done", "damaged"];
  const counts = states.map(s => [entries.filter(e => e.state === s).length, s]).filter(c => c[0]);
  const more = answer.more ? "; " + answer.more + " older ones are not shown" : "";
  const text = counts.map(c => c.join(" ")).join(", ") + more || "none yet";
  if (at("counts").textContent !== text) at("counts").textContent = text;
  show();
  await charts();
}

for (const head of document.querySelectorAll("th[data-sort]")) {
  head.querySelector("button").addEventListener("click", () => {
    const by = head.dataset.sort;
    order = { by, down: order.by === by ? !order.down : by === "changed" };
    for (const each of document.querySelectorAll("th[data-sort]")) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    show();
  });
}
at("filter").addEventListener("input", show);
const poll = async () => {
  if (!document.hidden) await read().catch(() => {});
  setTimeout(poll, EVERY);
};
poll();
