"use strict";
const token = new URLSearchParams(location.search).get("token") ?? "";
const address = (path) => `${path}?token=${encodeURIComponent(token)}`;
const at = (id) => document.getElementById(id);
const CAUSES = {
  row: "a row that an open transaction changed or locked", tupleQueue: "the queue for a row", relation: "a lock on a table",
  behindDdl: "a lock on a table, queued behind another waiter", advisory: "an advisory lock", extend: "the extension of a table",
  virtualTransaction: "a snapshot of another transaction", other: "a lock",
};
// One colour for each pair, told apart also by those who see no red or green (Okabe and Ito).
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442", "#8c8c8c"];
const coloured = new Map();
const colour = (pair) => {
  if (!coloured.has(pair)) coloured.set(pair, COLOURS[Math.min(coloured.size, COLOURS.length - 1)]);
  return coloured.get(pair);
};
let seconds = [];
let waiting = new Set();

// Everything from the database is put in as text, never as markup.
const element = (name, attributes = {}, ...children) => {
  const made = ["svg", "line", "rect", "text", "path", "title", "g"].includes(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const time = (s) => s < 10 ? `${s.toFixed(1)} s` : s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
const rate = (r) => r >= 10 ? r.toFixed(0) : r.toFixed(1);
const who = (one) => one.role + (one.application && one.application !== one.role ? ` (${one.application})` : "") + (one.pid ? `, process ${one.pid}` : "");
const rows = (id, all, cells, nothing) => {
  const lines = all.map((one) => element("tr", {}, ...cells(one).map(([text, attributes]) => element("td", attributes ?? {}, text))));
  at(id).replaceChildren(...(lines.length ? lines : [element("tr", {}, element("td", { colspan: 4 }, nothing))]));
};

function tree(blocked) {
  const known = new Map(blocked.map((one) => [one.pid, one]));
  const waitFor = (pid) => blocked.filter((one) => one.waits?.blockers.includes(pid));
  const drawn = new Set();
  const node = (one) => {
    drawn.add(one.pid);
    const line = element("div", {}, element("span", { class: "who" }, who(one)));
    if (one.waits) {
      const on = one.waits.relation ? ` (${one.waits.relation})` : "";
      line.append(" has waited ", element("b", {}, time(one.waits.seconds)), " for ", element("span", { class: "why" }, (CAUSES[one.waits.cause] ?? one.waits.cause) + on));
    } else {
      const open = one.transactionS == null ? "" : `, transaction open for ${time(one.transactionS)}`;
      line.append(element("span", { class: "state" }, ` ${one.state || "state unknown"}${open}`));
    }
    const item = element("li", { class: one.waits ? "waits" : "root" }, line);
    if (one.statement) item.append(element("code", {}, one.statement));
    // Who waits for several is drawn once: under the last of them in the queue.
    const below = element("ul");
    for (const next of waitFor(one.pid)) if (!drawn.has(next.pid)) below.append(node(next));
    if (below.children.length) item.append(below);
    return item;
  };
  const roots = blocked.filter((one) => !one.waits || !one.waits.blockers.some((pid) => known.has(pid)));
  const items = roots.map(node);
  // A cycle has no root: a deadlock that the server is about to end.
  for (const one of blocked) if (!drawn.has(one.pid)) items.push(node(one));
  at("tree").replaceChildren(items.length ? element("ul", {}, ...items) : element("p", {}, "Nobody waits for a lock."));
}

function graph(view) {
  // A service without sessions keeps its place; a harm of the lab that is over leaves none behind.
  const names = Object.keys(view.services).filter((name) => !name.startsWith("lab_") || view.services[name].sessions).sort();
  const shown = names.slice(0, 14);
  const spot = new Map(shown.map((name, n) => {
    const angle = 2 * Math.PI * n / Math.max(shown.length, 1) - Math.PI / 2;
    return [name, [300 + 222 * Math.cos(angle), 200 + 172 * Math.sin(angle)]];
  }));
  const byPid = new Map(view.blocked.map((one) => [one.pid, one]));
  const root = (one, seen) => {
    const next = one.waits?.blockers.map((pid) => byPid.get(pid)).find((other) => other && !seen.has(other.pid));
    return next ? root(next, seen.add(next.pid)) : one;
  };
  const blocks = new Map();
  for (const one of view.blocked) if (one.waits) {
    const by = root(one, new Set([one.pid]));
    if (by.service !== one.service) blocks.set(`${one.service}\n${by.service}`, (blocks.get(`${one.service}\n${by.service}`) ?? 0) + 1);
  }
  const parts = [];
  const line = (from, to, attributes, label, side) => {
    const [a, b] = [spot.get(from), spot.get(to)];
    if (!a || !b) return;
    // Bent to one side, so that both directions are seen.
    const [x, y] = [(a[0] + b[0]) / 2 + side * (b[1] - a[1]) * 0.12, (a[1] + b[1]) / 2 - side * (b[0] - a[0]) * 0.12];
    parts.push(element("path", { d: `M${a[0]},${a[1]} Q${x},${y} ${b[0]},${b[1]}`, ...attributes }, element("title", {}, label)));
    parts.push(element("text", { x, y, class: "small", "text-anchor": side * (b[1] - a[1]) > 0 ? "start" : "end" }, label.split(": ")[1] ?? ""));
  };
  for (const one of view.uses) line(one.from, one.to, { class: "use", "stroke-width": 1 + Math.log10(1 + one.callsPerSecond) * 2 }, `${one.from} uses tables of ${one.to}: ${rate(one.callsPerSecond)}/s`, 1);
  for (const [pair, sessions] of blocks) {
    const [from, to] = pair.split("\n");
    line(from, to, { class: "blocks", "data-waiting": from, "data-by": to }, `${from} is blocked by ${to}: ${sessions} waiting`, -1);
  }
  for (const name of shown) {
    const [one, [x, y]] = [view.services[name], spot.get(name)];
    const calls = one.callsPerSecond == null ? `${one.sessions} sessions` : `${rate(one.callsPerSecond)}/s, ${one.sessions} sessions`;
    parts.push(element("rect", { x: x - 75, y: y - 22, width: 150, height: 44, rx: 6, class: one.waiting ? "box waits" : "box" }));
    parts.push(element("text", { x, y: y - 3, "text-anchor": "middle" }, name.length > 16 ? `${name.slice(0, 15)}…` : name));
    parts.push(element("text", { x, y: y + 13, "text-anchor": "middle", class: "small" }, calls));
  }
  if (names.length > shown.length) parts.push(element("text", { x: 8, y: 392, class: "small" }, `and ${names.length - shown.length} more`));
  at("graph").replaceChildren(...parts);
}

function past() {
  const end = seconds.length ? seconds[seconds.length - 1].atMs : 0;
  const sums = seconds.map((second) => second.blocked.reduce((sum, one) => sum + one.seconds, 0));
  const top = Math.max(1, ...sums);
  const bars = [];
  for (const second of seconds) {
    const x = 600 - (end - second.atMs) / 1000;
    let y = 170;
    for (const one of second.blocked) {
      const height = one.seconds / top * 165;
      y -= height;
      bars.push(element("rect", { x: x - 1, y, width: 1.2, height, fill: colour(`${one.waiting} waits for ${one.by}`) }));
    }
  }
  at("history").replaceChildren(...bars);
  at("top").textContent = sums.some((sum) => sum > 0) ? `highest: ${top.toFixed(1)} s of waiting in a second` : "nobody was blocked";
  const totals = new Map();
  for (const second of seconds) for (const one of second.blocked) {
    const pair = `${one.waiting} waits for ${one.by}`;
    totals.set(pair, (totals.get(pair) ?? 0) + one.seconds);
  }
  const largest = [...totals].sort((a, b) => b[1] - a[1]).slice(0, 8);
  at("pairs").replaceChildren(...largest.map(([pair, sum]) => {
    const mark = element("b");
    mark.style.background = colour(pair);
    return element("li", {}, mark, `${pair}: ${time(sum)}`);
  }));
}

function show(view) {
  if (!view.server) return;
  at("title").textContent = `${view.database} on ${view.server}`;
  document.title = `${view.database}: dba watch`;
  at("status").textContent = view.trouble ? `no answer, trying again: ${view.trouble}` : `live, ${new Date(view.atMs).toLocaleTimeString()}`;
  at("status").classList.toggle("trouble", Boolean(view.trouble));
  waiting = new Set(view.blocked.filter((one) => one.waits).map((one) => one.service));
  tree(view.blocked);
  graph(view);
  rows("waits", view.waits, (one) => [[one.service], [one.what], [String(one.sessions), { class: "number" }]], "Every session is idle.");
  rows("transactions", view.transactions, (one) => [[time(one.transactionS), { class: "number" }], [who(one)], [one.state], [element("code", {}, one.statement)]], "None is open.");
  rows("horizon", view.horizon, (one) => [[one.what], [String(one.transactions), { class: "number" }]], "Nothing.");
  at("rights").hidden = !view.roles;
  if (view.roles) {
    const { findings, lines } = view.roles;
    at("sync").textContent = findings == null ? "The comparison failed:" : findings === 0 ? "In sync with the roles file." : `${findings} differences from the roles file:`;
    at("findings").replaceChildren(...lines.map((line) => element("li", {}, line)));
  }
  at("notes").replaceChildren(...view.notes.map((note) => element("li", {}, note)));
  at("cost").textContent = `Locks are looked at every ${view.gapMs} ms; waits shorter than that may be missed. Asking has cost the server ${view.costPercent.toFixed(2)} % of a core.`;
}

async function history() {
  try {
    const answer = await fetch(address("seconds"));
    if (answer.ok) { seconds = await answer.json(); past(); }
  } catch { /* The status line says that there is no connection. */ }
}

const events = new EventSource(address("events"));
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => {
  at("status").textContent = "dba watch doesn't answer: trying again";
  at("status").classList.add("trouble");
};
history();
setInterval(history, 1000);
