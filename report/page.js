// The page: state (of which the URL's fragment holds what is not as at first) → runs that pass the filters → what is in
// colour → charts and tables. Text from the tables goes into the page as text nodes only, never as HTML.

const { vegaEmbed, Tabulator } = window;
const DATA = await unpack(document.getElementById("data"));
const { tables: { raw: RUNS, stats: STATS, problems: PROBLEMS }, limits: LIMITS, looks: LOOKS, charts: CHARTS, first: FIRST } = DATA;
const TABLES = { stats: STATS, raw: RUNS, problems: PROBLEMS };
const MANY = 600; // points: from here on charts are painted, not made of elements
const SERIES = "series", OF_ONE = ["avg", "min", "max", "median"], SHOWN = "99p_ttft_";

async function unpack(element) {
  const text = atob(element.textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  element.remove();
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// --- the tables: cells by column ----------------------------------------------------------------------------------------

for (const table of Object.values(TABLES)) {
  table.index = new Map(table.columns.map((column, i) => [column.name, i]));
  table.length = Math.max(0, ...table.data.map((cells) => cells?.rows?.length ?? cells?.length ?? 0));
}
const range = (length) => Array.from({ length }, (_, i) => i);
const unique = (values) => [...new Set(values)];
const natural = new Intl.Collator("en", { numeric: true }).compare;
const sizes = new Map(), single = new Map(); // group → its number of runs, and one of them
DATA.groups.forEach((group, row) => { sizes.set(group, (sizes.get(group) ?? 0) + 1); single.set(group, row); });

/** A cell; null if it is empty. What a group of one run has from that run is not in the page twice. */
function cell(table, name, row) {
  const place = table.index.get(name), cells = table.data[place];
  if (table === STATS && sizes.get(row) === 1 && OF_ONE.includes(table.columns[place].statistic)) return cell(RUNS, table.columns[place].of, single.get(row));
  if (!cells) return null;
  return (cells.rows ? cells.values[cells.rows[row]] : cells[row]) ?? null;
}

const column = (table, name) => table.columns[table.index.get(name)];
const hasValues = (table, name) => {
  const c = column(table, name), cells = c && table.data[table.index.get(name)];
  return Boolean(c) && ((cells?.rows ? cells.values.some((value) => value !== null) : cells !== null) || (table === STATS && OF_ONE.includes(c.statistic) && hasValues(RUNS, c.of)));
};
const label = (name) => RUNS.data[RUNS.index.get(name)];
const METRICS = RUNS.columns.filter((c) => c.metric && hasValues(RUNS, c.name));
const FAMILIES = unique(METRICS.filter((c) => c.percent !== null).map((c) => c.family));
const LOADS = ["parallel", "rate", "offered"].filter((name) => hasValues(RUNS, name) && (name !== "offered" || hasValues(RUNS, "rate")));
const LABELS = DATA.labels.map((one) => one.name), VARYING = LABELS.filter((name) => name !== SERIES);
const SEARCHED = RUNS.data.filter((cells) => cells?.rows);
const TIMES = range(RUNS.length).map((row) => cell(RUNS, "time", row));
const ofPath = new Map(range(RUNS.length).map((row) => [cell(RUNS, "run", row), row]));
const PROBLEM_RUNS = range(PROBLEMS.length).map((row) => ofPath.get(cell(PROBLEMS, "run", row))); // of each problem, its run's row
const words = (value) => (value === null ? "" : String(value) in {} ? `\u2060${value}` : String(value)); // as comparing.py
const text = (name, row) => words(cell(RUNS, name, row));

/** What a link calls a value: itself; a line by a digest (FNV-1a) of its labels, as places change with the tables. */
function identity(by, key) {
  if (by !== SERIES) return words(label(by).values[key]);
  const row = label(SERIES).rows.indexOf(key);
  let hash = 0x811c9dc5;
  for (const c of VARYING.filter((name) => !LOADS.includes(name) && name !== "number").map((name) => text(name, row)).join("\u0001"))
    hash = Math.imul(hash ^ c.codePointAt(0), 0x01000193) >>> 0;
  return hash.toString(36);
}

// --- state and the URL's fragment ---------------------------------------------------------------------------------------

const PICKS = { metrics: METRICS.map((c) => c.name), loads: LOADS, families: FAMILIES, measures: ["latency", "ttft", "token_latency"], compared: unique(DATA.compared.map((one) => one.metric)) };
const statistics = unique(STATS.columns.map((c) => c.statistic).filter(Boolean));
const DEFAULTS = {
  lang: navigator.language.startsWith("zh") ? "zh" : "en", theme: "", search: "", from: "", to: "",
  by: FIRST.by, dash: FIRST.dash, facet: "", at: FIRST.at, others: ["on"], keys: [], kept: [], numbers: METRICS.some((c) => c.name === SHOWN) ? SHOWN : METRICS[0]?.name ?? "",
  ...Object.fromEntries(VARYING.map((name) => [`is.${name}`, []])), "problems.code": "", "stats.statistics": statistics.slice(0, 1),
};
for (const [name, chart] of Object.entries(CHARTS)) {
  DEFAULTS[`${name}.log`] = Object.keys(chart.logs).filter((axis) => chart.logs[axis]);
  for (const [field, kind] of Object.entries(chart.pick)) DEFAULTS[`${name}.${field}`] = (kind === "families" ? chart.family : chart.fields[field]) ?? PICKS[kind][0] ?? "";
}
for (const name of Object.keys(TABLES)) Object.assign(DEFAULTS, { [`${name}.sort`]: [], [`${name}.search`]: "", [`${name}.header`]: [], [`${name}.filters`]: [], [`${name}.families`]: ["labels", "metrics"] });
const KNOWN = { // a link may come from another report, or from a stranger
  lang: (value) => Object.hasOwn(DATA.text, value), theme: (value) => ["", "light", "dark"].includes(value), numbers: (value) => PICKS.metrics.includes(value),
  by: (value) => LABELS.includes(value), dash: (value) => !value || VARYING.includes(value), facet: (value) => !value || VARYING.includes(value),
};
for (const [name, chart] of Object.entries(CHARTS)) for (const [field, kind] of Object.entries(chart.pick)) KNOWN[`${name}.${field}`] = (value) => PICKS[kind].includes(value);
let state = readFragment();

function readFragment() {
  const found = structuredClone(DEFAULTS), given = new URLSearchParams(location.hash.slice(1));
  for (const key of unique([...given.keys()]).filter((one) => Object.hasOwn(DEFAULTS, one)))
    found[key] = Array.isArray(DEFAULTS[key]) ? given.getAll(key).filter((one) => one !== "\u0000") : given.get(key);
  for (const [key, known] of Object.entries(KNOWN)) if (!known(found[key])) found[key] = DEFAULTS[key];
  return found;
}

function writeFragment() {
  const changed = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (JSON.stringify(value) === JSON.stringify(DEFAULTS[key])) continue;
    if (!Array.isArray(value)) changed.append(key, value);
    else (value.length ? value : ["\u0000"]).forEach((one) => changed.append(key, one)); // none of what is on at first
  }
  history.replaceState(null, "", `#${changed}`);
}

/** Change the state, and draw what depends on it: one chart or table, or all. */
function set(key, value) {
  state[key] = value;
  if (key === "by") state.keys = state.kept = [];
  writeFragment();
  if (key === "lang" || key === "theme") return build();
  const [part, own] = key.split(".");
  redraw(own && part !== "is" ? part : undefined);
}

// --- words, and elements made of text -----------------------------------------------------------------------------------

const t = (key, numbers = {}) => DATA.text[state.lang][key].replace(/\{(\w+)\}/g, (_, name) => numbers[name]);
const meaning = (c) => c[state.lang] ?? c.en;
const brief = (c) => meaning(c).split(/[;；]/)[0]; // without notes on empty cells
const titled = (c) => brief(c) + (c.unit ? `, ${c.unit}` : "");
const titleOf = (name) => titled(column(RUNS, name));
const named = (name) => meaning(DATA.labels.find((one) => one.name === name) ?? { en: name });
const short = (value) => (value.length > 90 ? `${value.slice(0, 45)}…${value.slice(-44)}` : value);

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat());
  return element;
}

const say = (said) => (document.getElementById("said").textContent = said);
const place = (id, ...children) => document.getElementById(id).replaceChildren(...children);
const button = (shown, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, shown);

function choice(key, title, options) {
  const made = options.map(([value, shown]) => h("option", { value, selected: value === state[key] }, shown));
  return h("label", {}, title, " ", h("select", { name: key, onchange: (event) => set(key, event.target.value) }, made));
}

function box(key, value, title) {
  const change = () => set(key, input.checked ? [...state[key], value] : state[key].filter((one) => one !== value));
  const input = h("input", { type: "checkbox", name: key, value, checked: state[key].includes(value), onchange: change });
  return h("label", {}, input, " ", title);
}

/** What the percentile columns of a metric have in common, without "P50 of the". */
function familyName(family) {
  const any = METRICS.find((c) => c.family === family && c.percent !== null);
  return any ? titled(any).replace(/^P\d+ of the |^(minimum|maximum) of the |^[^：]*：/, "") : t(family);
}

function optionsOf(kind) {
  return PICKS[kind].map((name) => [name, kind === "families" ? familyName(name) : kind === "metrics" ? `${name}: ${titleOf(name)}` : kind === "compared" ? name : titleOf(name)]);
}

function copyText(copied, said) {
  const give = (event) => { event.clipboardData.setData("text/plain", copied); event.preventDefault(); };
  document.addEventListener("copy", give, { once: true });
  document.execCommand("copy");
  say(said);
}

// --- what is shown: filters, and what is in colour ----------------------------------------------------------------------

const clock = (input) => (input ? Date.parse(`${input}Z`) : NaN);
const within = (time, from, to) => (isNaN(from) || (time !== null && time >= from)) && (isNaN(to) || (time !== null && time <= to));

function passingRuns() {
  const [from, to] = [state.from, state.to].map(clock);
  const chosen = VARYING.filter((name) => state[`is.${name}`].length).map((name) => {
    const wanted = new Set(state[`is.${name}`]), { values, rows } = label(name);
    return [values.map((value) => wanted.has(words(value))), rows];
  });
  const searched = state.search.toLowerCase().split(/\s+/).filter(Boolean)
    .map((word) => SEARCHED.map(({ values, rows }) => [values.map((value) => String(value ?? "").toLowerCase().includes(word)), rows]));
  const has = (row) => ([values, rows]) => values[rows[row]];
  return range(RUNS.length).filter((row) => chosen.every(has(row)) && searched.every((parts) => parts.some(has(row))) && within(TIMES[row], from, to));
}

/** Problems of runs in the table pass with their run; of others, only path and time are known. */
function passingProblems() {
  const [from, to] = [state.from, state.to].map(clock), shown = new Set(passing);
  return range(PROBLEMS.length).filter((row) => {
    const run = PROBLEM_RUNS[row], [stamp, config] = DATA.problemPlaces[row];
    if (run !== undefined) return shown.has(run);
    const p = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)$/.exec(stamp ?? ""), wanted = state["is.config"] ?? [];
    return (!wanted.length || wanted.includes(config)) && within(p && Date.UTC(p[1], p[2] - 1, p[3], p[4], p[5], p[6]), from, to);
  });
}

/** What is in colour, and what it is called; the rules are those of comparing.py. */
function choose() {
  const { values, rows } = label(state.by), counts = new Map();
  for (const row of passing) counts.set(rows[row], (counts.get(rows[row]) ?? 0) + 1);
  const wanted = new Set(state.keys), byHand = wanted.size ? [...counts.keys()].filter((key) => wanted.has(identity(state.by, key))) : [];
  const ranked = byHand.length ? byHand : [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b).slice(0, LIMITS.colours);
  const keys = ranked.sort((a, b) => a - b), own = new Set(keys), runs = passing.filter((row) => own.has(rows[row]));
  const counted = new Map(), taken = new Map(), series = label(SERIES).rows, share = Math.floor(LIMITS.points / Math.max(1, keys.length));
  for (const row of runs) {
    const own = counted.get(series[row]) ?? { line: series[row], key: rows[row], count: 0, groups: new Set() };
    counted.set(own.line, own), own.count++, own.groups.add(DATA.groups[row]);
  }
  const whole = [...counted.values()].reduce((sum, { groups }) => sum + groups.size, 0) <= LIMITS.points;
  const most = [...counted.values()].sort((a, b) => b.count - a.count || a.key - b.key || a.line - b.line).filter(({ key, groups }) => {
    const before = taken.get(key) ?? 0, fits = whole || !before || before + groups.size <= share;
    if (fits) taken.set(key, before + groups.size);
    return fits;
  });
  const lines = most.map(({ line }) => line).sort((a, b) => a - b), inLines = new Set(lines), drawn = runs.filter((row) => inLines.has(series[row])), isDrawn = new Set(drawn), names = namesOf(keys, state.by);
  const places = keys.map((key, i) => (values.length <= LIMITS.colours ? key : i)), colours = LOOKS[isDark() ? "dark" : "light"];
  return {
    keys, names, runs, drawn, lines: counted.size, byHand: byHand.length > 0, all: counts.size, others: passing.filter((row) => !isDrawn.has(row)),
    name: new Map(keys.map((key, i) => [key, names[i]])), line: new Map(namesOf(lines, SERIES).map((name, i) => [lines[i], name])),
    colours: places.map((one) => colours[one % colours.length]), shapes: places.map((one) => LOOKS.shapes[(one + Math.floor(one / colours.length)) % LOOKS.shapes.length]),
  };
}

function namesOf(keys, by) {
  const { values, rows } = label(by);
  if (by !== SERIES) return keys.map((key) => words(values[key]) || t("empty"));
  const run = new Map(), wanted = new Set(keys), parts = [], seen = [];
  for (let row = 0; row < rows.length && run.size < keys.length; row++) if (wanted.has(rows[row]) && !run.has(rows[row])) run.set(rows[row], row);
  for (const name of VARYING) {
    if (["parallel", "rate", "number", "release"].includes(name) || name.startsWith("folder_") || (name === "config" && VARYING.includes("config_without_load"))) continue;
    const one = label(name), own = keys.map((key) => one.rows[run.get(key)]);
    if (new Set(own).size < 2 || seen.some((other) => samePart(own, other))) continue;
    seen.push(own);
    const plain = one.values.some((value) => typeof value === "string");
    parts.push(own.map((value) => words(one.values[value])).map((value) => (value && !plain ? `${name} ${value}` : value)));
  }
  const made = keys.map((_, i) => parts.map((part) => part[i]).filter(Boolean).join(" · ") || t("empty")), counts = Map.groupBy(made, (name) => name);
  return made.map((name, i) => (counts.get(name).length > 1 ? `${parts.length ? name : ""} (${keys[i]})`.trim() : name));
}

function samePart(one, other) {
  const pairs = new Set(one.map((value, i) => `${value} ${other[i]}`)).size;
  return pairs === new Set(one).size && pairs === new Set(other).size;
}

/** A filter by values: opens to a list of boxes with a search field. */
function valueFilter(key, title, all) {
  const search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: fill }), list = h("div", { class: "values" });
  const listed = () => all.filter(([, shown]) => shown.toLowerCase().includes(search.value.toLowerCase()));
  function fill() { list.replaceChildren(...listed().slice(0, 500).map(([value, shown]) => h("div", { title: shown }, box(key, value, short(shown))))); }
  const change = (values) => { set(key, values); fill(); };
  const count = () => (state[key].length ? `${state[key].length} ${t("of")} ${all.length}` : key === "keys" ? t("byRule") : `${t("all")} (${all.length})`);
  const details = h("details", { "data-filter": key.replace(/^is\./, ""), ontoggle: () => details.open && fill() }, h("summary"),
    h("div", { class: "popup" }, search, h("div", {}, button(t("chooseShown"), () => change(listed().map(([value]) => value))), " ", button(t("chooseNone"), () => change([]))), list));
  details.refresh = () => (details.querySelector("summary").textContent = `${title}: ${count()}`);
  details.refresh();
  return details;
}

function buildFilters() {
  const labels = VARYING.map((name) => valueFilter(`is.${name}`, named(name), label(name).values.map((value) => [words(value), words(value) || t("empty")])));
  const keys = valueFilter("keys", t("keys"), keyNames().map((name, key) => [identity(state.by, key), name]));
  const named_ = (names) => names.map((name) => [name, named(name)]);
  const search = h("input", { type: "search", id: "search", value: state.search, placeholder: t("searchRuns"), "aria-label": t("searchRuns"), oninput: () => set("search", search.value) });
  const times = ["from", "to"].map((name) => h("label", {}, t(name), " ", h("input", { type: "datetime-local", step: "1", name, value: state[name], onchange: (event) => set(name, event.target.value) })));
  place("filters",
    search, choice("by", t("by"), named_(LABELS)), keys,
    h("details", { id: "more" }, h("summary"), h("div", { class: "panel" }, ...labels, ...times, choice("dash", t("dash"), [["", t("none")], ...named_(VARYING)]),
      choice("facet", t("facet"), [["", t("noFacet")], ...named_(VARYING)]), choice("at", t("at"), [["", t("anyLoad")], ...label("load").values.map((value) => [value, value || t("noLevel")])]), box("others", "on", t("othersShown")))),
    button(t("reset"), reset, { id: "reset" }), h("span", { id: "shown" }));
}

const keyNames = () => { const all = range(label(state.by).values.length); return all.length > 500 && state.by === SERIES ? [] : namesOf(all, state.by); };

function reset() {
  for (const key of [...VARYING.map((name) => `is.${name}`), "search", "from", "to", "keys", "kept"]) state[key] = structuredClone(DEFAULTS[key]);
  buildFilters();
  set("search", "");
}

function go(id) {
  const section = document.getElementById(id);
  section.scrollIntoView();
  section.querySelector("h2").focus({ preventScroll: true });
}

// --- drawing what is in view --------------------------------------------------------------------------------------------

let passing = [], view, drawing = Promise.resolve(), sawView, ahead;
const dirty = new Set(), inView = new Set(), nearby = new Set(), viewSeen = new Promise((seen) => (sawView = seen));
const watch = (seen, rootMargin, then) => new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) isIntersecting ? seen.add(target.id) : seen.delete(target.id);
  then();
}, { rootMargin });
const watchers = [watch(inView, "0px", () => { drawNext(); sawView(); }), watch(nearby, "300px", () => drawAhead())];
const parts = () => [...Object.keys(CHARTS), ...Object.keys(TABLES)];

/** Draw a part anew, or all of them after a filter changed: at once what is in view, the rest later. */
function redraw(part) {
  if (!part || !document.getElementById(part)) {
    passing = passingRuns();
    view = choose();
    passes = { raw: new Set(passing), stats: new Set(passing.map((row) => DATA.groups[row])), problems: new Set(passingProblems()) };
    drawOverview([...passes.problems]);
  }
  for (const name of part && part !== "numbers" ? [part] : parts()) dirty.add(name);
  drawNext();
}

function drawNext(wanted = inView) {
  drawing = drawing.then(async () => {
    for (const name of parts()) if (dirty.has(name) && wanted.has(name)) { dirty.delete(name); await (CHARTS[name] ? drawChart(name) : drawTable(name)); }
  });
  drawAhead();
  return drawing;
}

/** Draw what is next to the screen, when nothing happened for a while. */
function drawAhead() {
  clearTimeout(ahead);
  ahead = setTimeout(() => [...nearby].some((name) => dirty.has(name)) && drawNext(nearby), 400);
}

// --- the page -----------------------------------------------------------------------------------------------------------

const section = (id, ...body) => h("section", { id }, h("h2", { tabindex: "-1" }, t(id)), ...body);

function build() {
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  document.querySelectorAll("[data-text]").forEach((element) => (element.textContent = t(element.dataset.text)));
  document.querySelectorAll("[data-label]").forEach((element) => element.setAttribute("aria-label", t(element.dataset.label)));
  for (const name of ["lang", "theme"]) document.getElementById(name).value = state[name];
  for (const grid of grids.values()) grid.destroy();
  for (const one of views.values()) one.view.finalize();
  for (const one of [grids, views, inView, nearby]) one.clear();
  watchers.forEach((one) => one.disconnect());
  buildFilters();
  const controls = (name) => Object.entries(CHARTS[name].pick).map(([field, kind]) => choice(`${name}.${field}`, t(["y", "x"].includes(field) ? field : "metric"), optionsOf(kind)))
    .concat(Object.keys(CHARTS[name].logs).map((axis) => box(`${name}.log`, axis, t(axis === "x" ? "logX" : "logY"))));
  const chart = (name) => section(name, h("div", { class: "controls" }, ...controls(name)), h("div", { class: "chart" }), h("p", { class: "picked", role: "status" }), h("div", { class: "notes" }), h("p", { class: "help" }, t(`${name}Help`, DATA.requests ?? {})));
  const [first, ...rest] = Object.keys(CHARTS);
  place("main",
    h("div", { id: "first" }, h("section", { id: "overview", "aria-label": t("overview") }, h("h2", { tabindex: "-1", class: "hidden" }, t("overview")), h("div", { id: "facts" })), chart(first), h("section", { id: "numbers", "aria-label": t("numbers") })),
    h("p", { class: "help" }, t("keepHint"), " ", t("zoomHint")), ...rest.map(chart),
    h("section", { id: "tables" }, h("h2", { tabindex: "-1" }, t("tables")), h("p", { class: "help" }, t("digits", { digits: DATA.digits }))),
    ...Object.keys(TABLES).map((name) => section(name, h("div", { class: "controls" }, ...tableControls(name)), h("p", { class: "count" }), h("div", { class: "grid" }))));
  place("contents", ...["overview", ...Object.keys(CHARTS), "tables"].map((id) => h("a", { href: `#${id}`, onclick: (event) => { event.preventDefault(); go(id); } }, t(id))));
  redraw();
  for (const one of watchers) parts().forEach((name) => one.observe(document.getElementById(name)));
}

const on = (id, kind, act) => document.getElementById(id).addEventListener(kind, act);
on("lang", "change", (event) => set("lang", event.target.value));
on("theme", "change", (event) => set("theme", event.target.value));
on("filters", "submit", (event) => event.preventDefault());
on("link", "click", () => copyText(location.href, t("linkCopied")));
on("skip", "click", (event) => { event.preventDefault(); go("tables"); });
on("print", "click", async () => { for (const name of parts()) if (!views.has(name) && !grids.has(name)) dirty.add(name); await drawNext(new Set(parts())); window.print(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
window.addEventListener("hashchange", () => { state = readFragment(); build(); });
let across = innerWidth, resized;
window.addEventListener("resize", () => {
  if (across === innerWidth) return;
  across = innerWidth;
  clearTimeout(resized);
  resized = setTimeout(() => { Object.keys(CHARTS).forEach((name) => dirty.add(name)); drawNext(); }, 100);
});
const open = () => document.querySelectorAll("#filters details[open]:not(#more)");
document.addEventListener("click", (event) => open().forEach((one) => one.contains(event.target) || one.removeAttribute("open")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") open().forEach((one) => { one.open = false; one.querySelector("summary").focus(); });
  if ((event.key === "Enter" || event.key === " ") && event.target.classList?.contains("tabulator-sortable")) { event.preventDefault(); event.target.click(); }
});

build();
await viewSeen;
await drawing;
document.documentElement.dataset.ready = String(Math.round(performance.now()));
window.report = { // for the console, and for tests
  views, grids, set, drawn: () => drawing, view: () => view, rowsOf: (name) => rowsOf(name),
  drawAll: () => { for (const name of parts()) if (!views.has(name) && !grids.has(name)) dirty.add(name); return drawNext(new Set(parts())); }, // and what changed
};
