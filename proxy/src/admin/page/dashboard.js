// The dashboard of Belay's admin port: asks for /metrics, /drain, /filters and a page of /sessions every two seconds, and shows
// what came. Nothing is kept but the last two minutes of a few rates, and the token until the tab is closed.
"use strict";

const EVERY = 2_000;
const KEPT = 60;
const ROWS = 25;
const $ = (id) => document.getElementById(id);

// ---- asking ----

class Refused extends Error {}

async function ask(path, options = {}) {
  const headers = { "Belay-Admin": "dashboard", ...options.headers };
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.status === 401) {
    await askForToken();
    return ask(path, options);
  }
  if (!answer.ok) throw new Refused((await answer.json().catch(() => ({}))).detail ?? `${path}: ${answer.status}`);
  return answer;
}

let asking;
function askForToken() {
  asking ??= new Promise((known) => {
    sessionStorage.removeItem("token");
    $("token").value = "";
    $("ask").showModal();
    $("ask").oncancel = (event) => event.preventDefault();
    $("ask-form").onsubmit = () => {
      sessionStorage.setItem("token", $("token").value);
      asking = undefined;
      known();
    };
  });
  return asking;
}

// ---- numbers ----

// Prometheus' text: a map from a name to its series, each with labels and a value.
function read(text) {
  const families = new Map();
  const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
  for (const row of text.split("\n")) {
    const found = row.startsWith("#") ? null : line.exec(row);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = value.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
    }
    if (!families.has(found[1])) families.set(found[1], []);
    families.get(found[1]).push({ labels, value: Number(found[3]) });
  }
  return families;
}

class Numbers {
  constructor(text) {
    this.at = performance.now();
    this.families = read(text);
  }
  series(name, wanted = {}) {
    const all = this.families.get(name) ?? [];
    return all.filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value));
  }
  sum(name, wanted) {
    return this.series(name, wanted).reduce((sum, { value }) => sum + value, 0);
  }
}

function rate(now, before, name, wanted) {
  const seconds = before ? (now.at - before.at) / 1_000 : 0;
  return seconds > 0 ? Math.max(0, (now.sum(name, wanted) - before.sum(name, wanted)) / seconds) : 0;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "compact" });
const count = (number) => (number < 100_000 ? whole.format(number) : short.format(number));
const perSecond = (number) => `${short.format(number)}/s`;
const units = (number, names, step) => {
  let unit = 0;
  while (number >= step && unit < names.length - 1) [number, unit] = [number / step, unit + 1];
  return `${new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(number)} ${names[unit]}`;
};
const bytes = (number) => units(number, ["B", "KiB", "MiB", "GiB", "TiB"], 1024);
const time = (seconds) => (seconds >= 1 ? `${short.format(seconds)} s` : units(seconds * 1e9, ["ns", "µs", "ms"], 1_000));
const age = (seconds) => {
  if (seconds == null) return "–";
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h ${Math.floor((seconds % 3_600) / 60)}m`;
  return `${Math.floor(seconds / 86_400)}d ${Math.floor((seconds % 86_400) / 3_600)}h`;
};

// ---- drawing ----

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
const cell = (text, className = "") => make("td", { className, title: className === "wide" ? text : "" }, text);
const nothing = (columns, text) => make("tr", {}, make("td", { colSpan: columns, className: "empty" }, text));

const both = (name) => [
  { direction: "to_backend", word: "to backends" },
  { direction: "to_client", word: "to clients" },
].map(({ direction, word }) => ({ name, wanted: { direction }, word }));

// Each card: its title, its value, what is said beneath, and what its line follows, if it has one.
const CARDS = [
  ["Sessions", (now) => count(now.sum("belay_sessions")), (now, before) => `${perSecond(rate(now, before, "belay_sessions_opened_total"))} opened`, (now) => now.sum("belay_sessions")],
  ["Connected", (now) => count(now.sum("belay_sessions") - now.sum("belay_sessions_holding")), () => "client and backend"],
  ["Holding", (now) => count(now.sum("belay_sessions_holding")), (now) => `${count(now.sum("belay_holds_total"))} holds, ${count(now.sum("belay_rebounds_total"))} ended well`, (now) => now.sum("belay_sessions_holding")],
  ...both("belay_messages_accepted_total").map(({ name, wanted, word }) => [
    `Messages ${word}`,
    (now, before) => perSecond(rate(now, before, name, wanted)),
    (now, before) => `${bytes(rate(now, before, "belay_payload_accepted_bytes_total", wanted))}/s`,
    (now, before) => rate(now, before, name, wanted),
  ]),
  ["Messages held", (now) => count(now.sum("belay_messages_held")), (now) => bytes(now.sum("belay_payload_held_bytes"))],
  ["Messages lost", (now) => count(now.sum("belay_messages_lost_total")), (now) => worst(now)],
  ["Heartbeats answered", (now, before) => perSecond(rate(now, before, "belay_heartbeats_answered_total")), (now) => `${count(now.sum("belay_heartbeats_answered_total"))} in all`, (now, before) => rate(now, before, "belay_heartbeats_answered_total")],
  ["Clients found dead", (now) => count(now.sum("belay_clients_dead_total") + now.sum("belay_clients_silent_total")), (now) => `${count(now.sum("belay_probes_sent_total"))} probes sent`],
  ["Handshakes refused", (now) => count(now.sum("belay_handshakes_refused_total")), (now) => `${count(now.sum("belay_connections_refused_total"))} connections`],
  ["Memory", (now) => bytes(now.sum("process_resident_memory_bytes")), (now) => `${count(now.sum("process_open_fds"))} files open`],
  ["Processor", (now, before) => `${short.format(rate(now, before, "process_cpu_seconds_total") * 100)} %`, (now) => `${count(now.sum("belay_workers"))} workers`, (now, before) => rate(now, before, "process_cpu_seconds_total")],
];

function worst(now) {
  const reasons = now.series("belay_messages_lost_total").filter(({ value }) => value > 0).sort((a, b) => b.value - a.value);
  return reasons.length ? `most: ${reasons[0].labels.reason}` : "none";
}

const histories = CARDS.map(() => []);

function drawCards(now, before) {
  CARDS.forEach(([title, value, note, line], index) => {
    const old = $("cards").children[index];
    const card = old ?? $("cards").appendChild(make("div", {}, make("dt", {}, title), make("dd", { className: "value" }), make("dd", { className: "note" })));
    card.children[1].textContent = value(now, before);
    card.children[2].textContent = note(now, before);
    if (!line || (!before && title !== "Sessions" && title !== "Holding")) return;
    const history = histories[index];
    history.push(line(now, before));
    if (history.length > KEPT) history.shift();
    drawLine(card, history);
  });
}

function drawLine(card, history) {
  const SVG = "http://www.w3.org/2000/svg";
  let svg = card.querySelector("svg");
  if (!svg) {
    svg = card.appendChild(document.createElementNS(SVG, "svg"));
    svg.setAttribute("viewBox", `0 0 ${KEPT - 1} 20`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.appendChild(document.createElementNS(SVG, "polyline"));
  }
  const most = Math.max(...history, 1e-9);
  const points = history.map((value, x) => `${KEPT - history.length + x},${(19 - (value / most) * 18).toFixed(2)}`);
  svg.firstChild.setAttribute("points", points.join(" "));
}

// Buckets count what those before them count, too.
function drawBars(id, now, name) {
  let below = 0;
  const bars = now.series(`${name}_bucket`).map(({ labels, value }) => {
    const bar = { bound: labels.le, value: value - below };
    below = value;
    return bar;
  });
  const most = Math.max(...bars.map(({ value }) => value), 1);
  const brief = (bound) => (bound === "+Inf" ? "more" : time(Number(bound)).replace(" ", ""));
  const said = (bound) => (bound === "+Inf" ? "more" : `≤${brief(bound)}`);
  if ($(id).children.length !== bars.length) {
    $(id).replaceChildren(...bars.map(({ bound }) => make("div", {}, make("i"), make("span", {}, brief(bound)))));
  }
  bars.forEach(({ bound, value }, index) => {
    const bar = $(id).children[index];
    bar.firstChild.style.height = `${(value / most) * 82}%`;
    bar.title = `${said(bound)}: ${count(value)}`;
  });
  const told = bars.filter(({ value }) => value > 0).map(({ bound, value }) => `${said(bound)}: ${count(value)}`);
  $(id).setAttribute("aria-label", told.length ? told.join(", ") : "no round trips yet");
}

function drawBackends(now) {
  const rows = now.series("belay_backend_up").map(({ labels, value }) => {
    const of = { backend: labels.backend };
    const [word, kind] = value === 1 ? ["up", "good"] : ["away", "bad"];
    return make("tr", {}, make("th", { scope: "row" }, labels.backend), cell(word, kind),
      cell(count(now.sum("belay_backend_dials_total", of)), "number"), cell(count(now.sum("belay_backend_dials_failed_total", of)), "number"));
  });
  $("backends").replaceChildren(...(rows.length ? rows : [nothing(4, "No backend was dialled yet.")]));
}

function drawFilters(now, before, filters) {
  const rows = filters.map(({ name, generation, state, last_error }) => {
    const of = { filter: name };
    const calls = now.sum("belay_filter_call_seconds_count", of);
    const mean = calls ? time(now.sum("belay_filter_call_seconds_sum", of) / calls) : "–";
    const verdicts = now.series("belay_filter_verdicts_total", of).filter(({ value }) => value > 0);
    const failures = now.sum("belay_filter_failures_total", of);
    return make("tr", {}, make("th", { scope: "row" }, name),
      cell(`${generation}${state === "serving" ? "" : `, ${state}`}${last_error ? ", a reload was refused" : ""}`, last_error ? "warn" : ""),
      cell(perSecond(rate(now, before, "belay_filter_calls_total", of)), "number"), cell(mean, "number"),
      cell(verdicts.map(({ labels, value }) => `${labels.verdict} ${count(value)}`).join(", ") || "–", "wide"),
      cell(count(now.sum("belay_filter_handshakes_refused_total", of)), "number"),
      cell(count(failures), failures ? "number bad" : "number"),
      cell(count(now.sum("belay_filter_sessions", of)), "number"), cell(bytes(now.sum("belay_filter_memory_bytes", of)), "number"));
  });
  $("filters").replaceChildren(...(rows.length ? rows : [nothing(9, "No filters are configured.")]));
  const states = [["closed", "good"], ["half open", "warn"], ["open", "bad"]];
  $("breakers").replaceChildren(...now.series("belay_breaker_state").map(({ labels, value }) => {
    const [word, kind] = states[value] ?? ["unknown", ""];
    return make("li", {}, `breaker ${labels.filter}/${labels.breaker}: `, make("b", { className: kind }, word));
  }));
}

// ---- sessions ----

const pages = [""];
let listing = 0;

function wanted() {
  const query = new URLSearchParams({ limit: ROWS });
  if ($("text").value.trim()) query.set("text", $("text").value.trim());
  if ($("state").value) query.set("state", $("state").value);
  if (pages.at(-1)) query.set("after", pages.at(-1));
  return query;
}

async function list() {
  const number = ++listing;
  const { sessions, next } = await (await ask(`/sessions?${wanted()}`)).json();
  // A later question has overtaken this one.
  if (number !== listing) return;
  drawRows(sessions);
  $("page").textContent = `page ${pages.length}, ${sessions.length} ${sessions.length === 1 ? "session" : "sessions"}`;
  $("back").disabled = pages.length === 1;
  $("forth").disabled = !next;
  $("forth").dataset.next = next ?? "";
}

// Rows that stay keep their nodes, so that focus and selection do.
function drawRows(sessions) {
  const old = new Map([...$("rows").children].map((row) => [row.dataset.id, row]));
  const rows = sessions.map((session) => {
    const row = old.get(session.id) ?? rowOf(session.id);
    const attributes = Object.entries(session.attributes).map(([name, value]) => `${name}=${value}`).join(" ");
    const texts = [null, session.state, session.peer, session.route, attributes || "–", age(session.age_s), age(session.silent_s), count(session.messages.to_backend), count(session.messages.to_client)];
    texts.forEach((text, index) => {
      const place = row.children[index];
      if (text !== null && place.textContent !== text) place.textContent = text;
    });
    row.children[1].className = { connected: "good", holding: "warn" }[session.state] ?? "";
    row.children[4].title = attributes;
    return row;
  });
  if (!rows.length) return $("rows").replaceChildren(nothing(10, "No session is like that."));
  const same = rows.length === $("rows").children.length && rows.every((row, index) => row === $("rows").children[index]);
  if (!same) $("rows").replaceChildren(...rows);
}

function rowOf(id) {
  const open = make("button", { type: "button", className: "link id", onclick: () => show(id) }, id.slice(0, 12));
  open.setAttribute("aria-label", `Open session ${id}`);
  const close = make("button", { type: "button", className: "danger", onclick: () => confirmClose(id) }, "Close");
  close.setAttribute("aria-label", `Close session ${id}`);
  const kinds = ["", "", "", "wide", "number", "number", "number", "number"];
  const row = make("tr", {}, make("td", {}, open), ...kinds.map((kind) => make("td", { className: kind })), make("td", {}, close));
  row.dataset.id = id;
  return row;
}

async function show(id) {
  try {
    $("session-text").textContent = JSON.stringify(await (await ask(`/sessions/${id}`)).json(), null, 2);
    $("session-title").textContent = `Session ${id}`;
    $("session-close").onclick = () => confirmClose(id);
    $("session").showModal();
  } catch (error) {
    trouble(error);
  }
}

function confirmClose(id) {
  $("confirm-title").textContent = `Close session ${id.slice(0, 12)}…?`;
  $("confirm").returnValue = "";
  $("confirm").onclose = async () => {
    if ($("confirm").returnValue !== "close") return;
    try {
      await ask(`/sessions/${id}?${new URLSearchParams({ code: $("code").value, reason: $("reason").value })}`, { method: "DELETE" });
      if ($("session").open) $("session").close();
      await list();
    } catch (error) {
      trouble(error);
    }
  };
  $("confirm").showModal();
}

// ---- going on ----

let quiet;
function trouble(error) {
  $("trouble").textContent = error instanceof Refused ? error.message : "Belay does not answer.";
  clearTimeout(quiet);
  quiet = setTimeout(() => ($("trouble").textContent = ""), 6_000);
}

let before;
async function look() {
  try {
    const [numbers, drain, filters] = await Promise.all([ask("/metrics"), ask("/drain"), ask("/filters")]);
    const now = new Numbers(await numbers.text());
    const { state } = await drain.json();
    $("phase").textContent = state;
    $("phase").className = `badge ${state === "drained" ? "draining" : state}`;
    const build = now.series("belay_build_info")[0]?.labels.version;
    $("about").textContent = `${build ? `version ${build} · ` : ""}${location.host}`;
    document.title = `${count(now.sum("belay_sessions"))} sessions – Belay`;
    drawCards(now, before);
    drawBars("client-trips", now, "belay_client_round_trip_seconds");
    drawBars("backend-trips", now, "belay_backend_round_trip_seconds");
    drawBackends(now);
    drawFilters(now, before, (await filters.json()).filters);
    before = now;
    if ($("follow").checked && !document.hidden) await list();
  } catch (error) {
    if (!(error instanceof Refused)) {
      $("phase").textContent = "away";
      $("phase").className = "badge away";
    }
    trouble(error);
  }
  setTimeout(look, EVERY);
}

let typing;
function search() {
  pages.length = 1;
  clearTimeout(typing);
  typing = setTimeout(() => list().catch(trouble), 200);
}
$("search").onsubmit = (event) => event.preventDefault();
$("text").oninput = search;
$("state").onchange = search;
$("forth").onclick = () => {
  pages.push($("forth").dataset.next);
  list().catch(trouble);
};
$("back").onclick = () => {
  pages.pop();
  list().catch(trouble);
};
look();
