// The page: state (of which the URL's fragment holds what is not as at first) → runs that pass the filters → charts and
// tables. Text from the tables goes into the page as text nodes only, never as HTML.

const { vegaEmbed, Tabulator } = window;
const DATA = await unpack(document.getElementById("data"));
const { raw: RUNS, stats: STATS, problems: PROBLEMS } = DATA.tables;
const MANY = 3000; // runs: from here on charts are painted, not made of elements, and only when they come into view
const { colours: COLOURS, groups: GROUPS, labelled: LABELLED } = DATA.limits;
const PANELS = 12, MARKS = 40, LINES = 400, PRINTED = 200;

async function unpack(element) {
  const text = atob(element.textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  element.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// --- the tables: cells by column ----------------------------------------------------------------------------------

for (const table of Object.values(DATA.tables)) {
  table.index = new Map(table.columns.map((column, i) => [column.name, i]));
  table.length = 0;
  for (const cells of table.data) table.length = Math.max(table.length, cells?.rows?.length ?? cells?.length ?? 0);
}

/** A cell; null if it is empty. */
function cell(table, name, row) {
  const cells = table.data[table.index.get(name)];
  if (!cells) return null;
  return (cells.rows ? cells.values[cells.rows[row]] : cells[row]) ?? null;
}

const column = (table, name) => table.columns[table.index.get(name)];
const hasValues = (table, name) => table.index.has(name) && table.data[table.index.get(name)] !== null;
const range = (length) => Array.from({ length }, (_, i) => i);
const unique = (values) => [...new Set(values)];
const natural = new Intl.Collator("en", { numeric: true }).compare;

function values(of) {
  return unique(range(RUNS.length).map(of)).sort((a, b) => (a === "" ? -1 : b === "" ? 1 : natural(a, b)));
}

/** A long text, cut in its middle. */
const short = (text, most = 72) =>
  text.length <= most ? text : `${text.slice(0, most / 2)}…${text.slice(1 - most / 2)}`;

const METRICS = RUNS.columns.filter((c) => c.metric && hasValues(RUNS, c.name));
const FAMILIES = unique(METRICS.filter((c) => c.percent !== null).map((c) => c.family));
const LABELS = DATA.labels.filter((name) => hasValues(RUNS, name));
const text = (name) => (row) => String(cell(RUNS, name, row) ?? "");
const release = (row) => DATA.windows[DATA.window[row]].label;
const VARYING = LABELS.filter((name) => new Set(range(RUNS.length).map(text(name))).size > 1);
const OTHERS = VARYING.filter((name) => !["config", "model", "parallel", "rate"].includes(name));
const workload = (row, names) => names.filter((name) => cell(RUNS, name, row) !== null).map((name) => `${name} ${short(text(name)(row), 40)}`).join(", ");
const WORKLOADS = range(RUNS.length).map((row) => workload(row, OTHERS));

function load(row) {
  const parallel = cell(RUNS, "parallel", row), rate = cell(RUNS, "rate", row);
  return { level: parallel ?? rate, levelText: parallel !== null ? String(parallel) : rate !== null ? `${rate}/s` : "" };
}

const GROUP_NAMES = range(Math.max(-1, ...DATA.groups) + 1);
const GROUP_SIZES = GROUP_NAMES.map(() => 0);
DATA.groups.forEach((group, row) => {
  GROUP_NAMES[group] = [text("config")(row), load(row).levelText, workload(row, OTHERS.filter((name) => name !== "number"))].filter(Boolean).join(" · ");
  GROUP_SIZES[group]++;
});
const namesakes = Map.groupBy(GROUP_NAMES.keys(), (group) => GROUP_NAMES[group]);
for (const same of namesakes.values()) if (same.length > 1) same.forEach((group, i) => (GROUP_NAMES[group] += ` (${i + 1})`));
const GROUP_KEYS = GROUP_NAMES.map((_, group) => digest(LABELS.map((name) => cell(STATS, name, group)).join("\u0001")));
const groupName = (row) => GROUP_NAMES[DATA.groups[row]];
const DIMENSIONS = { ...Object.fromEntries(VARYING.map((name) => [name, text(name)])), config: text("config"), release, group: groupName };
const FILTERS = { config: text("config"), model: text("model"), release, prompt_length: text("prompt_length") };
const TIMES = range(RUNS.length).map((row) => milliseconds(cell(RUNS, "timestamp", row)));

/** FNV-1a, so that a link names a group by its labels and not by its place. */
function digest(words) {
  let hash = 0x811c9dc5;
  for (const c of words) hash = Math.imul(hash ^ c.codePointAt(0), 0x01000193) >>> 0;
  return hash.toString(36);
}

/** The client's clock as if it showed UTC, so that no time zone of the reader moves it; null without a timestamp. */
function milliseconds(stamp) {
  const p = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)$/.exec(stamp ?? "");
  return p ? Date.UTC(p[1], p[2] - 1, p[3], p[4], p[5], p[6]) : null;
}

// --- state and the URL's fragment -----------------------------------------------------------------------------------

const first = (...names) => names.find((name) => hasValues(RUNS, name)) ?? METRICS[0]?.name ?? "";
const xOf = () => (hasValues(RUNS, "parallel") || !hasValues(RUNS, "rate") ? "parallel" : "rate");
const families = ["labels", "metrics"];
const DEFAULTS = {
  lang: navigator.language.startsWith("zh") ? "zh" : "en",
  theme: "",
  config: [], model: [], release: [], prompt_length: [], from: "", to: "", groups: [],
  "load_curves.y": first("output_throughput"), "load_curves.x": xOf(),
  "latency_throughput.y": first("latency"), "latency_throughput.x": first("output_throughput"),
  "percentile_profile.family": FAMILIES[0] ?? "", "percentile_profile.colour": "group",
  "over_time.y": first("ttft", "latency"),
  "gpu_memory.x": xOf(),
  "stats.families": families, "stats.statistics": STATS.columns.some((c) => c.statistic === "avg") ? ["avg"] : unique(STATS.columns.map((c) => c.statistic).filter(Boolean)).slice(0, 1),
  "raw.families": families,
  "problems.code": "",
};
for (const chart of ["load_curves", "latency_throughput", "over_time", "repeatability", "gpu_memory"]) DEFAULTS[`${chart}.colour`] = "config";
for (const chart of ["load_curves", "latency_throughput"]) DEFAULTS[`${chart}.facet`] = "";
for (const chart of Object.keys(DATA.charts)) DEFAULTS[`${chart}.log`] = [];
for (const table of ["stats", "raw", "problems"]) Object.assign(DEFAULTS, { [`${table}.sort`]: [], [`${table}.search`]: "", [`${table}.header`]: [] });

const isMetric = (name) => METRICS.some((c) => c.name === name);
const isLoad = (name) => ["parallel", "rate"].includes(name);
let state = readFragment();

function readFragment() {
  const found = structuredClone(DEFAULTS);
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of unique([...given.keys()])) {
    if (!(key in DEFAULTS)) continue;
    if (!Array.isArray(DEFAULTS[key])) found[key] = given.get(key);
    else found[key] = DEFAULTS[key].length ? given.getAll(key).filter(Boolean) : given.getAll(key);
  }
  for (const [key, known] of Object.entries({ // a link may come from another report, or from a stranger
    lang: (value) => value in DATA.text, theme: (value) => ["", "light", "dark"].includes(value), y: isMetric, x: (value) => isMetric(value) || isLoad(value),
    colour: (value) => Object.hasOwn(DIMENSIONS, value), facet: (value) => value === "" || VARYING.includes(value), family: (value) => FAMILIES.includes(value),
  }))
    for (const name of Object.keys(DEFAULTS).filter((name) => name === key || name.endsWith(`.${key}`)))
      if (!known(found[name])) found[name] = DEFAULTS[name];
  return found;
}

function writeFragment() {
  const changed = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (JSON.stringify(value) === JSON.stringify(DEFAULTS[key])) continue;
    if (!Array.isArray(value)) changed.append(key, value);
    else if (value.length) value.forEach((one) => changed.append(key, one));
    else changed.append(key, ""); // none of what is on at first
  }
  history.replaceState(null, "", `#${changed}`);
}

/** Change the state, and draw what depends on it: one chart or table, or all. */
function set(key, value) {
  state[key] = value;
  writeFragment();
  if (key === "lang") return build();
  if (key === "theme") showTheme();
  const [part, own] = key.split(".");
  if (own) return redraw(part);
  if (key === "groups") return redraw("percentile_profile");
  redraw();
}

// --- words, and elements made of text -------------------------------------------------------------------------------

const t = (key, numbers = {}) => DATA.text[state.lang][key].replace(/\{(\w+)\}/g, (_, name) => numbers[name]);
const meaning = (c) => c[state.lang] ?? c.en;
const titled = (c) => meaning(c).split(/[;；]/)[0] + (c.unit ? `, ${c.unit}` : ""); // without notes on empty cells
const named = (name) => (name in DATA.text.en ? t(name) : name);

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

const say = (words) => (document.getElementById("said").textContent = words);

function choice(key, label, options) {
  const select = h("select", { name: key, onchange: () => set(key, select.value) });
  for (const [group, members] of options) {
    const made = members.map(([value, shown]) => h("option", { value, selected: value === state[key] }, shown));
    select.append(...(group ? [h("optgroup", { label: group }, ...made)] : made));
  }
  return h("label", {}, label, " ", select);
}

function box(key, value, label) {
  const change = () => set(key, input.checked ? [...state[key], value] : state[key].filter((one) => one !== value));
  const input = h("input", { type: "checkbox", name: key, value, checked: state[key].includes(value), onchange: change });
  return h("label", {}, input, " ", label);
}

const metricOptions = (columns) => [
  [t("metrics"), columns.filter((c) => c.percent === null).map((c) => [c.name, `${c.name}: ${titled(c)}`])],
  ...FAMILIES.map((family) => [familyName(family), columns.filter((c) => c.family === family && c.percent !== null).map((c) => [c.name, titled(c)])]),
].filter(([, members]) => members.length);

/** What the percentile columns of a metric have in common, without "P50 of the". */
function familyName(family) {
  const any = METRICS.find((c) => c.family === family && c.percent !== null);
  return any ? titled(any).replace(/^P\d+ of the |^(minimum|maximum) of the |^[^：]*：/, "") : named(family);
}

// --- filters ----------------------------------------------------------------------------------------------------------

function passingRuns() {
  const chosen = Object.entries(FILTERS).filter(([name]) => state[name].length).map(([name, of]) => [new Set(state[name]), of]);
  const [from, to] = [state.from, state.to].map(clock);
  return range(RUNS.length).filter((row) =>
    chosen.every(([allowed, of]) => allowed.has(of(row))) && within(TIMES[row], from, to));
}

const clock = (input) => (input ? Date.parse(`${input}Z`) : NaN);
const within = (time, from, to) =>
  (isNaN(from) || (time !== null && time >= from)) && (isNaN(to) || (time !== null && time <= to));

/** Problems of runs in the table pass with their run; of others, only path and time are known. */
function passingProblems(passing) {
  const of = new Map(range(RUNS.length).map((row) => [cell(RUNS, "run", row), row]));
  const shown = new Set(passing);
  const [from, to] = [state.from, state.to].map(clock);
  return range(PROBLEMS.length).filter((row) => {
    const run = of.get(cell(PROBLEMS, "run", row));
    if (run !== undefined) return shown.has(run);
    const [stamp, config] = DATA.problemPlaces[row];
    return (!state.config.length || state.config.includes(config)) && within(milliseconds(stamp), from, to);
  });
}

function buildFilters() {
  const form = document.getElementById("filters");
  form.replaceChildren(
    ...Object.entries(FILTERS).map(([name, of]) => valueFilter(name, values(of))),
    ...["from", "to"].map((name) => h("label", {}, t(name), " ",
      h("input", { type: "datetime-local", step: "1", name, value: state[name], onchange: (event) => set(name, event.target.value) }))),
    h("button", { type: "button", id: "reset", onclick: reset }, t("reset")),
    h("span", { id: "shown" }),
  );
}

function reset() {
  for (const name of [...Object.keys(FILTERS), "from", "to"]) state[name] = structuredClone(DEFAULTS[name]);
  buildFilters();
  set("from", "");
}

/** A filter by values: opens to a list of boxes with a search field. */
function valueFilter(name, all) {
  const summary = h("summary");
  const list = h("div", { class: "values" });
  const label = (value) => value || t("empty");
  const title = () => (summary.textContent = `${t(name)}: ${state[name].length ? `${state[name].length} ${t("of")} ${all.length}` : `${t("all")} (${all.length})`}`);
  const search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: fill });
  const listed = () => all.filter((value) => label(value).toLowerCase().includes(search.value.toLowerCase()));
  function fill() {
    list.replaceChildren(...listed().map((value) => h("div", { title: value }, box(name, value, short(label(value), 90)))));
  }
  const choose = (chosen) => { set(name, chosen); fill(); };
  const details = h("details", { "data-filter": name, ontoggle: () => details.open && fill() }, summary,
    h("div", { class: "popup" }, search,
      h("div", {}, h("button", { type: "button", onclick: () => choose(listed()) }, t("chooseShown")), " ",
        h("button", { type: "button", onclick: () => choose([]) }, t("chooseNone"))), list));
  details.title_ = title;
  title();
  return details;
}

// --- charts -----------------------------------------------------------------------------------------------------------

/** What all charts know of a run. */
function rowOf(row, colour, facet) {
  const group = DATA.groups[row];
  return {
    group, series: DATA.series[group], ...load(row),
    colour: short(DIMENSIONS[colour](row) || t("empty")), facet: facet ? short(DIMENSIONS[facet](row) || t("empty")) : "",
    config: short(text("config")(row), 200), model: short(text("model")(row), 200), release: release(row),
    workload: WORKLOADS[row], run: short(text("run")(row), 200),
  };
}

const positive = (value, axis, chart) => value !== null && (!state[`${chart}.log`].includes(axis) || value > 0);

/** Rows with a value of one column on each axis. */
function crossed(chart, passing, x, y) {
  const rows = [];
  for (const row of passing) {
    const own = { x: cell(RUNS, x, row), y: cell(RUNS, y, row) };
    if (positive(own.x, "x", chart) && positive(own.y, "y", chart))
      rows.push({ ...own, ...rowOf(row, colourOf(chart), state[`${chart}.facet`]) });
  }
  return { rows, notes: missing(passing.length - rows.length) };
}

const missing = (count) => (count ? [t("undrawn", { count })] : []);
const colourOf = (chart) => state[`${chart}.colour`];
const columnChoice = (key, label, columns) => choice(key, label, metricOptions(columns));
const loads = () => ["parallel", "rate"].filter((name) => hasValues(RUNS, name)).map((name) => column(RUNS, name));
const loadChoice = (chart) => choice(`${chart}.x`, t("x"), [["", loads().map((c) => [c.name, titled(c)])]]);

const CHARTS = {
  load_curves: {
    controls: (name) => [columnChoice(`${name}.y`, t("y"), METRICS), loadChoice(name), ...shared(name, true, true)],
    rows: (name, passing) => crossed(name, passing, state[`${name}.x`], state[`${name}.y`]),
    words: (name) => axes(column(RUNS, state[`${name}.x`]), column(RUNS, state[`${name}.y`])),
  },
  latency_throughput: {
    controls: (name) => [columnChoice(`${name}.y`, t("y"), METRICS), columnChoice(`${name}.x`, t("x"), METRICS), ...shared(name, true, true)],
    rows: (name, passing) => crossed(name, passing, state[`${name}.x`], state[`${name}.y`]),
    words: (name) => axes(column(RUNS, state[`${name}.x`]), column(RUNS, state[`${name}.y`])),
  },
  percentile_profile: {
    controls: (name) => [choice(`${name}.family`, t("metric"), [["", FAMILIES.map((f) => [f, familyName(f)])]]), ...shared(name, false, true, ["y"])],
    rows: profile,
    words: (name) => ({ xTitle: t("percentile"), yTitle: familyName(state[`${name}.family`]) }),
  },
  over_time: {
    controls: (name) => [columnChoice(`${name}.y`, t("y"), METRICS), ...shared(name, false, true, ["y"])],
    rows: overTime,
    words: (name) => ({ xTitle: t("time"), yTitle: titled(column(RUNS, state[`${name}.y`])) }),
  },
  repeatability: {
    controls: (name) => shared(name, false, true, ["x"]),
    rows: repeats,
    words: () => ({ xTitle: t("cv"), yTitle: "" }),
  },
  gpu_memory: {
    controls: (name) => [loadChoice(name), ...shared(name, false, false)],
    rows: gpuMemory,
    words: (name) => axes(column(RUNS, state[`${name}.x`]), column(RUNS, "avg_gpu_memory")),
    absent: !hasValues(RUNS, "avg_gpu_memory"),
  },
};

const axes = (x, y) => ({ xTitle: titled(x), yTitle: titled(y) });

function shared(name, facets, logs, ofLogs = ["x", "y"]) {
  const dimensions = Object.keys(DIMENSIONS).map((key) => [key, named(key)]);
  const panels = ["prompt_length", "max_tokens", ...VARYING].filter((key, i, all) => VARYING.includes(key) && all.indexOf(key) === i);
  return [
    choice(`${name}.colour`, t("colour"), [["", dimensions]]),
    ...(facets ? [choice(`${name}.facet`, t("facet"), [["", [["", t("noFacet")], ...panels.map((key) => [key, named(key)])]]])] : []),
    ...(logs ? ofLogs.map((axis) => box(`${name}.log`, axis, t(axis === "x" ? "logX" : "logY"))) : []),
  ];
}

function profile(name, passing) {
  const columns = METRICS.filter((c) => c.family === state[`${name}.family`] && c.percent >= 10 && c.percent <= 99);
  const present = unique(passing.map((row) => DATA.groups[row]));
  const chosen = present.filter((group) => state.groups.includes(GROUP_KEYS[group]));
  const drawn = new Set(chosen.length ? chosen : present.slice(0, GROUPS));
  const members = Map.groupBy(passing.filter((row) => drawn.has(DATA.groups[row])), (row) => DATA.groups[row]);
  const rows = [];
  for (const own of members.values())
    for (const c of columns) {
      const numbers = own.map((row) => cell(RUNS, c.name, row)).filter((value) => positive(value, "y", name));
      if (numbers.length)
        rows.push({ ...rowOf(own[0], colourOf(name)), x: c.percent, y: numbers.reduce((a, b) => a + b) / numbers.length, runs: numbers.length });
    }
  return { rows, notes: chosen.length || present.length <= GROUPS ? [] : [t("firstGroups", { shown: GROUPS, all: present.length })] };
}

/** Runs by time; a line's `era` changes where two runs of its group surely lie on both sides of a break. */
function overTime(name, passing) {
  const metric = column(RUNS, state[`${name}.y`]);
  const drawn = passing.filter((row) => TIMES[row] !== null && positive(cell(RUNS, metric.name, row), "y", name)).sort((a, b) => TIMES[a] - TIMES[b]);
  const sides = (row) => DATA.windows[DATA.window[row]].sides;
  const before = new Map(), marks = new Map();
  const mark = (index, row) => {
    const key = `${index} ${TIMES[row]}`;
    if (!marks.has(key)) marks.set(key, { index, time: TIMES[row], config: short(text("config")(row), 200) });
  };
  const rows = drawn.map((row) => {
    const group = DATA.groups[row];
    const own = before.get(group) ?? { era: 0, known: {} };
    const crossed = metric.breaks.filter((index) => sides(row)[index] && own.known[index] && sides(row)[index] !== own.known[index]);
    if (crossed.length) own.era++;
    crossed.filter((index) => sides(row)[index] === 1).forEach((index) => mark(index, row));
    metric.breaks.forEach((index) => sides(row)[index] && (own.known[index] = sides(row)[index]));
    before.set(group, own);
    return { ...rowOf(row, colourOf(name)), time: TIMES[row], y: cell(RUNS, metric.name, row), era: own.era };
  });
  for (const index of metric.breaks) { // the first run since a break that follows one from before, whatever their groups
    const old = drawn.findIndex((row) => sides(row)[index] === -1);
    const since = drawn.find((row, i) => old >= 0 && i > old && sides(row)[index] === 1);
    if (since !== undefined) mark(index, since);
  }
  const found = [...marks.values()].sort((a, b) => a.time - b.time || a.index - b.index);
  const drawnOnce = new Set();
  const firsts = found.filter((one) => !drawnOnce.has(one.index) && drawnOnce.add(one.index));
  const shown = (found.length > MARKS ? firsts : found).map((one) => ({ ...one, ...DATA.breaks[one.index], change: DATA.breaks[one.index][state.lang] }));
  const labelled = new Set();
  for (const [, together] of Map.groupBy(shown, (one) => one.time)) {
    const fresh = unique(together.map((one) => one.release)).filter((one) => !labelled.has(one));
    fresh.forEach((one) => labelled.add(one));
    together.forEach((one, i) => (one.label = i ? "" : fresh.join(", ")));
  }
  shown.filter((one) => one.label).forEach((one, i) => (one.line = (i % 4) * 13));
  shown.forEach((one) => (one.line ??= 0, one.label ??= ""));
  const notes = missing(passing.length - drawn.length);
  if (found.length > shown.length) notes.push(t("moreBreaks", { count: found.length - shown.length }));
  const lines = unique(shown.map((one) => `${one.release} (${one.metric}): ${one.change}`));
  return { rows, marks: shown, notes, list: lines.length ? [t("breaksHere"), lines] : null };
}


function repeats(name, passing) {
  const rows = DATA.repeated.filter((metric) => hasValues(RUNS, metric)).flatMap((metric) =>
    passing.filter((row) => cell(RUNS, metric, row) !== null).map((row) =>
      ({ ...rowOf(row, colourOf(name)), metric: innerWidth < 560 ? metric : meaning(column(RUNS, metric)), y: cell(RUNS, metric, row) })));
  const together = Map.groupBy(rows, (row) => `${row.group} ${row.metric} ${row.colour}`);
  return { rows: [...together.values()].filter((same) => same.length > 1).flat(), notes: [], nothing: t("noRepeats") };
}

function gpuMemory(name, passing) {
  const made = crossed(name, passing, state[`${name}.x`], "avg_gpu_memory");
  const measured = passing.filter((row) => cell(RUNS, "avg_gpu_memory", row) !== null && cell(RUNS, state[`${name}.x`], row) !== null);
  made.rows.forEach((row, i) => Object.assign(row, { low: cell(RUNS, "min_gpu_memory", measured[i]), high: cell(RUNS, "max_gpu_memory", measured[i]) }));
  return made;
}

/** A specification with its words that begin with `$` replaced (charts.py does the same). */
function fillIn(spec, words) {
  if (typeof spec === "string" && spec.startsWith("$") && spec.length > 1) return words[spec.slice(1)];
  if (Array.isArray(spec)) return spec.map((part) => fillIn(part, words));
  if (spec === null || typeof spec !== "object") return spec;
  return Object.fromEntries(Object.entries(spec).map(([key, value]) => [key, key === "$schema" ? value : fillIn(value, words)]));
}

async function drawChart(name, passing) {
  const section = document.getElementById(name), place = section.querySelector(".chart");
  const chart = CHARTS[name];
  const made = chart.rows(name, passing);
  const colours = unique(range(RUNS.length).map((row) => short(DIMENSIONS[colourOf(name)](row) || t("empty"))));
  const present = unique(made.rows.map((row) => row.colour));
  const width = place.clientWidth, log = state[`${name}.log`];
  const panels = unique(made.rows.map((row) => row.facet));
  const hidden = new Set(panels.slice(PANELS));
  if (hidden.size) {
    made.rows = made.rows.filter((row) => !hidden.has(row.facet));
    made.notes.push(t("morePanels", { shown: PANELS, all: panels.length }));
  }
  if (present.length > COLOURS) made.notes.push(t("sharedColours", { count: present.length, colours: COLOURS, shown: COLOURS }));
  const lines = new Set(made.rows.map((row) => (name === "over_time" ? `${row.group} ${row.era}` : `${row.series} ${row.colour} ${row.facet}`))).size;
  const isLine = (one) => ["line", "area"].includes(one.mark.type); // each costs as much as a chart of its own
  const withLines = name === "percentile_profile" || lines <= LINES;
  if (!withLines && DATA.charts[name].layer.some(isLine)) made.notes.push(t("noLines", { count: lines }));
  section.querySelector(".notes").replaceChildren(...made.notes.map((note) => h("p", {}, note)),
    ...(made.list ? [h("p", {}, made.list[0]), h("ul", {}, made.list[1].map((line) => h("li", {}, line)))] : []));
  views.get(name)?.finalize();
  views.delete(name);
  place.classList.add("drawn");
  if (!made.rows.length) return place.replaceChildren(h("p", { class: "empty" }, made.nothing ?? t("nothing")));
  const beside = name === "repeatability" ? (width < 500 ? 150 : 320) : 60; // what stands left of the plot
  const letters = Math.floor((width - beside - 70) / 7); // of the legend, that fit below it
  const widest = Math.min(letters, Math.max(...present.slice(0, COLOURS).map((one) => one.length))) * 7 + 34;
  const legend = {
    orient: "bottom", columns: Math.max(1, Math.floor((width - beside - 20) / widest)), values: present.slice(0, COLOURS), titleLimit: width, labelLimit: 0,
    labelExpr: `length(datum.label) > ${letters} ? slice(datum.label, 0, ${letters >> 1}) + "…" + slice(datum.label, ${1 - (letters >> 1)}) : datum.label`,
  };
  const legendHeight = Math.ceil(Math.min(present.length, COLOURS) / legend.columns) * 15 + 30;
  const words = chart.words(name);
  const { layer: layers, ...spec } = fillIn(DATA.charts[name], {
    time: t("time"), ...words,
    xStep: column(RUNS, state[`${name}.x`])?.type !== "integer" ? 0 : 1, xScale: log.includes("x") ? DATA.log : DATA.linear, yScale: log.includes("y") ? DATA.log : DATA.linear,
    colourTitle: named(colourOf(name)), colourScale: { domain: colours, scheme: colours.length > 10 ? "tableau20" : "tableau10" },
    legend,
    size: made.rows.length > MANY ? 14 : 30, opacity: made.rows.length > MANY ? 0.4 : 0.75,
    beside: unique(made.rows.map((row) => row.group)).length <= LABELLED ? { field: "levelText", type: "nominal" } : { value: "" }, labelLimit: beside, ink: ink(),
  });
  const layer = layers.filter((one) => (withLines || !isLine(one)) && (one.data?.name !== "marks" || made.marks.length)); // no scale without values
  const across = width < 600 || panels.length < 2 ? 1 : Math.min(panels.length, 3);
  const height = name === "repeatability" ? 230 : width < 500 ? 300 : 380;
  const size = { width: Math.max(120, Math.floor(width / across) - 90), height: panels.length > 1 ? 220 : height };
  Object.assign(spec, panels.length > 1
    ? { facet: { field: "facet", type: "nominal", title: named(state[`${name}.facet`]), header: { labelLimit: size.width } }, columns: across, spec: { ...size, layer } }
    : { width: "container", height: height + legendHeight, autosize: { type: "fit", contains: "padding" }, layer });
  spec.datasets = { rows: made.rows, marks: made.marks ?? [] };
  spec.description = `${t(name)}. ${t(`${name}Help`)}`;
  const view = await vegaEmbed(place, spec, {
    ast: true, // the interpreter of expressions, so that the Content-Security-Policy needs no `unsafe-eval`
    renderer: made.rows.length > MANY ? "canvas" : "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
    i18n: { CLICK_TO_VIEW_ACTIONS: t("menu"), SVG_ACTION: t("saveSvg"), PNG_ACTION: t("savePng") },
    downloadFileName: name, config: { ...chartTheme(size.width, width - beside - 50), aria: made.rows.length <= MANY },
    tooltip: { theme: isDark() ? "dark" : "light", formatTooltip: (row, escape) => tooltip(row, words, escape) },
  });
  views.set(name, view);
}

/** What is shown of a point: the only HTML that is made of text here, so all of it is escaped. */
function tooltip(row, words, escape) {
  const time = row.time && new Date(row.time).toISOString().slice(0, 19).replace("T", " ");
  const lines = [
    [t("release"), row.change && row.release], [row.change ? row.metric : "", row.change],
    [words.yTitle || row.metric, row.y ?? row.mean_y], [words.xTitle, time ?? row.cv ?? row.x ?? row.mean_x],
    [t("low"), row.low], [t("high"), row.high], [t("level"), row.levelText], [t("runs"), row.runs],
    [t("config"), row.config], [t("model"), row.model], [t("release"), !row.change && row.release], [t("workload"), row.workload], [t("run"), row.run],
  ];
  const shown = lines.filter(([, value]) => value !== undefined && value !== "" && value !== false && value !== null);
  return `<table>${shown.map(([name, value]) => `<tr><td class="key">${escape(name)}</td><td class="value">${escape(shownValue(value))}</td></tr>`).join("")}</table>`;
}

const views = new Map();
const isDark = () => (state.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const ink = () => style("--ink");

/** How all charts look, with this page's colours. */
function chartTheme(width, below) {
  const [foreground, line] = [ink(), style("--line")];
  const words = { labelColor: foreground, titleColor: foreground };
  const own = {
    font: style("--font"), axis: { ...words, gridColor: line, domainColor: line, tickColor: line }, axisY: { titleLimit: width },
    axisX: { titleLimit: below }, view: { stroke: line }, legend: words, header: words, text: { color: foreground },
  };
  const merged = { ...DATA.config };
  for (const [part, value] of Object.entries(own)) merged[part] = typeof value === "string" ? value : { ...merged[part], ...value };
  return merged;
}

function showTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

// --- overview ---------------------------------------------------------------------------------------------------------

function drawOverview(passing) {
  const stamps = passing.map((row) => TIMES[row]).filter((time) => time !== null);
  const day = (time) => new Date(time).toISOString().slice(0, 19).replace("T", " ");
  const [least, most] = stamps.reduce(([a, b], time) => [Math.min(a, time), Math.max(b, time)], [Infinity, -Infinity]);
  const number = (of) => new Set(passing.map(of)).size;
  const facts = [
    [t("runs"), passing.length], [t("groups"), number((row) => DATA.groups[row])], [t("configs"), number(text("config"))],
    [t("models"), number(text("model"))], [t("releases"), number(release)],
    [t("span"), stamps.length ? `${day(least)} – ${day(most)}` : "–"], [t("metricsAs"), t(DATA.metrics)],
  ];
  const wrong = Map.groupBy(passingProblems(passing), (row) => cell(PROBLEMS, "code", row) ?? "");
  const codes = [...wrong].sort((a, b) => b[1].length - a[1].length).map(([code, rows]) =>
    h("li", {}, h("a", { href: "#problems", onclick: (event) => { event.preventDefault(); set("problems.code", code); go("problems"); } }, code), `: ${rows.length}`));
  const filters = Object.keys(FILTERS).filter((name) => state[name].length).map((name) => `${t(name)} = ${state[name].slice(0, 5).map((value) => short(value || t("empty"))).join(" | ")}${state[name].length > 5 ? ` … (${state[name].length})` : ""}`);
  for (const name of ["from", "to"]) if (state[name]) filters.push(`${t(name)} ${state[name].replace("T", " ")}`);
  document.querySelector("#overview .body").replaceChildren(
    h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))),
    h("p", {}, filters.length ? t("filtered", { filters: filters.join("; ") }) : t("noFilter"), " ", t("showing", { shown: passing.length, all: RUNS.length })),
    h("h3", {}, t("problemCodes")), codes.length ? h("ul", { class: "codes" }, codes) : h("p", {}, t("noProblems")),
  );
  document.getElementById("shown").textContent = t("showing", { shown: passing.length, all: RUNS.length });
  document.querySelectorAll("#filters details").forEach((details) => details.title_());
}

function go(id) {
  const section = document.getElementById(id);
  section.scrollIntoView();
  section.querySelector("h2").focus({ preventScroll: true });
}

// --- tables -----------------------------------------------------------------------------------------------------------

const TABLES = { stats: STATS, raw: RUNS, problems: PROBLEMS };
const grids = new Map();

/** The columns that are on: those of the chosen families and statistics that have any value. */
function shownColumns(name) {
  const table = TABLES[name];
  if (name === "problems") return table.columns;
  const on = table.columns.filter((c) => hasValues(table, c.name) && state[`${name}.families`].includes(c.family) && (!c.statistic || state[`${name}.statistics`].includes(c.statistic)));
  const varies = (c) => c.family !== "labels" || !DATA.labels.includes(c.name) || c.name === "config" || VARYING.includes(c.name);
  const [labels, rest] = [on.filter((c) => c.family === "labels" && varies(c)), on.filter((c) => c.family !== "labels")];
  return [...labels, ...rest];
}

function gridColumn(name, c) {
  const numeric = c.type === "integer" || c.type === "float";
  return {
    field: c.name, title: c.name + (c.unit ? ` (${c.unit})` : ""), minWidth: 60, maxInitialWidth: 320, hozAlign: numeric ? "right" : "left",
    titleFormatter: () => h("span", { title: meaning(c) }, c.name, ...(c.unit ? [h("small", {}, ` ${c.unit}`)] : [])),
    formatter: (one) => document.createTextNode(shownValue(one.getValue())),
    sorter: numeric ? "number" : (a, b) => natural(String(a ?? ""), String(b ?? "")),
    sorterParams: numeric ? { alignEmptyValues: "bottom" } : {},
    ...(state[`${name}.header`].length
      ? { headerFilter: "input", headerFilterPlaceholder: t(numeric ? "numberHint" : "filterHint"), headerFilterFunc: numeric ? matchesNumber : matchesText }
      : {}),
  };
}

function shownValue(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(1) : String(Number(value.toPrecision(5)));
}

const matchesText = (wanted, value) => String(value ?? "").toLowerCase().includes(String(wanted).toLowerCase());

function matchesNumber(wanted, value) {
  const p = /^\s*(<=|>=|<|>|=)?\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(wanted);
  if (!p) return true;
  if (value === null) return false;
  const number = Number(p[2]);
  return { "<": value < number, ">": value > number, "<=": value <= number, ">=": value >= number }[p[1]] ?? value === number;
}

function makeGrid(name) {
  const table = TABLES[name], columns = shownColumns(name);
  const rows = range(table.length).map((row) => ({ row, ...Object.fromEntries(columns.map((c) => [c.name, cell(table, c.name, row)])) }));
  const chooser = {
    field: "row", title: "", headerSort: false, width: 36, resizable: false,
    formatter: (one) => {
      const key = GROUP_KEYS[one.getValue()];
      const input = h("input", { type: "checkbox", "aria-label": t("chooseGroup"), title: t("chooseGroup"), checked: state.groups.includes(key),
        onchange: () => set("groups", input.checked ? [...state.groups, key] : state.groups.filter((other) => other !== key)) });
      return input;
    },
  };
  grids.get(name)?.destroy();
  const place = document.querySelector(`#${name} .grid`);
  const [field, dir] = state[`${name}.sort`];
  const grid = new Tabulator(place, {
    data: rows, index: "row", nestedFieldSeparator: false, ...(rows.length > 14 ? { height: 520 } : {}), layout: "fitData", placeholder: t("noRows"),
    columns: [...(name === "stats" ? [chooser] : []), ...columns.map((c) => gridColumn(name, c))],
    columnDefaults: { headerSortTristate: true, headerWordWrap: true },
    initialSort: columns.some((c) => c.name === field) ? [{ column: field, dir: dir === "desc" ? "desc" : "asc" }] : [],
    initialFilter: [{ field: (row) => rowPasses(name, row) }],
  });
  grids.set(name, grid);
  return new Promise((built) => grid.on("tableBuilt", () => {
    place.querySelectorAll(".tabulator-sortable").forEach((head) => (head.tabIndex = 0));
    filterGrid(name);
    grid.on("dataSorted", (sorters) => {
      const now = sorters.length ? [sorters[0].field, sorters[0].dir] : [];
      if (now.join() !== state[`${name}.sort`].join()) { state[`${name}.sort`] = now; writeFragment(); }
    });
    grid.on("dataFiltered", () => setTimeout(() => count(name)));
    built();
  }));
}

let passes = {}; // table → the rows that pass the filters

function rowPasses(name, row) {
  const words = state[`${name}.search`].toLowerCase().split(/\s+/).filter(Boolean);
  if (!passes[name].has(row.row)) return false;
  if (name === "problems" && state["problems.code"] && row.code !== state["problems.code"]) return false;
  const own = Object.entries(row).filter(([key]) => key !== "row").map(([, value]) => String(value ?? "")).join("\n").toLowerCase();
  return words.every((word) => own.includes(word));
}

function filterGrid(name) {
  grids.get(name).setFilter((row) => rowPasses(name, row));
  count(name);
}

function count(name) {
  const notes = [t("rowsShown", { shown: grids.get(name).getDataCount("active"), all: TABLES[name].length })];
  if (name === "stats") {
    const shown = new Map();
    passing.forEach((row) => shown.set(DATA.groups[row], (shown.get(DATA.groups[row]) ?? 0) + 1));
    const part = [...shown].filter(([group, runs]) => runs < GROUP_SIZES[group]).length;
    if (part) notes.push(t("partGroups", { count: part }));
  }
  if (name === "problems") notes.push(t("skippedNote"));
  document.querySelector(`#${name} .count`).textContent = notes.join(" ");
}

/** What a table shows, for the clipboard and for paper: rows of texts, the header first. */
function shownRows(name, most = Infinity) {
  const columns = shownColumns(name);
  const rows = grids.get(name).getData("active").slice(0, most);
  return [columns.map((c) => c.name), ...rows.map((row) => columns.map((c) => row[c.name] ?? ""))];
}

function copyText(words) {
  const give = (event) => { event.clipboardData.setData("text/plain", words); event.preventDefault(); };
  document.addEventListener("copy", give, { once: true });
  document.execCommand("copy");
}

function copyTable(name) {
  const rows = shownRows(name);
  copyText(rows.map((row) => row.map((one) => String(one).replace(/[\t\r\n]+/g, " ")).join("\t")).join("\n"));
  say(t("copied", { count: rows.length - 1 }));
}

function downloadTable(name) {
  const quoted = (one) => (/[",\r\n]/.test(String(one)) ? `"${String(one).replaceAll('"', '""')}"` : String(one));
  const csv = shownRows(name).map((row) => row.map(quoted).join(",") + "\n").join("");
  const url = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  h("a", { href: url, download: `${document.title}_${name}_shown.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function tableControls(name) {
  const table = TABLES[name];
  const some = (key, label, all, shown) => all.length < 2 ? [] : [h("fieldset", {}, h("legend", {}, label), ...all.map((value) => box(key, value, shown(value))))];
  const search = h("input", { type: "search", name: `${name}.search`, value: state[`${name}.search`], oninput: () => set(`${name}.search`, search.value) });
  const own = table.columns.filter((c) => hasValues(table, c.name));
  return [
    h("label", {}, t("search"), " ", search),
    ...(name === "problems" ? [choice("problems.code", t("code"), [["", [["", t("anyCode")], ...unique(range(PROBLEMS.length).map((row) => cell(PROBLEMS, "code", row) ?? "")).sort().map((code) => [code, code])]]])] : []),
    box(`${name}.header`, "on", t("columnFilters")),
    h("button", { type: "button", onclick: () => copyTable(name) }, t("copy")),
    h("button", { type: "button", onclick: () => downloadTable(name) }, t("csv")),
    ...(name === "problems" ? [] : some(`${name}.families`, t("columnGroups"), unique(own.map((c) => c.family)), (family) => familyName(family))),
    ...(name === "stats" ? some("stats.statistics", t("statistics"), unique(own.map((c) => c.statistic).filter(Boolean)), (statistic) => t(statistic)) : []),
  ];
}

// --- drawing what is in view ------------------------------------------------------------------------------------------

let passing = [], drawing = Promise.resolve();
const dirty = new Set(), inView = new Set();
let sawView;
const viewSeen = new Promise((seen) => (sawView = seen));
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) isIntersecting ? inView.add(target.id) : inView.delete(target.id);
  drawNext();
  sawView();
}, { rootMargin: "300px" });

const parts = () => [...Object.keys(CHARTS).filter((name) => !CHARTS[name].absent), ...Object.keys(TABLES)];

/** Draw a part anew, or all of them after a filter changed: at once what is in view, the rest when it comes there. */
function redraw(part) {
  if (!part) {
    passing = passingRuns();
    passes = { raw: new Set(passing), stats: new Set(passing.map((row) => DATA.groups[row])), problems: new Set(passingProblems(passing)) };
    drawOverview(passing);
  }
  for (const name of part ? [part] : parts()) dirty.add(name);
  rebuild.add(part);
  drawNext();
}

const rebuild = new Set(); // tables whose columns changed, not only the rows that pass

function drawNext(all = false) {
  drawing = drawing.then(async () => {
    for (const name of parts()) if (dirty.has(name) && (all || inView.has(name))) await draw(name);
  });
  return drawing;
}

async function draw(name) {
  dirty.delete(name);
  if (name in CHARTS) return drawChart(name, passing);
  if (name === "problems") document.querySelector("#problems select").value = state["problems.code"];
  const columns = JSON.stringify([shownColumns(name).map((c) => c.name), state[`${name}.header`], state.lang]);
  if (grids.get(name)?.columnsShown === columns) return filterGrid(name);
  await makeGrid(name);
  grids.get(name).columnsShown = columns;
}

async function drawAll() {
  for (const name of parts()) if (!grids.has(name) && !views.has(name)) dirty.add(name);
  await drawNext(true);
}

// --- the page -----------------------------------------------------------------------------------------------------------

function section(id, body) {
  return h("section", { id }, h("h2", { tabindex: "-1" }, t(id)), ...body);
}

function build() {
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.querySelectorAll("[data-text]").forEach((element) => (element.textContent = t(element.dataset.text)));
  document.querySelectorAll("[data-label]").forEach((element) => element.setAttribute("aria-label", t(element.dataset.label)));
  document.getElementById("lang").value = state.lang;
  document.getElementById("theme").value = state.theme;
  for (const grid of grids.values()) grid.destroy();
  for (const view of views.values()) view.finalize();
  grids.clear(), views.clear(), inView.clear(), watcher.disconnect();
  buildFilters();
  const charts = Object.keys(CHARTS).filter((name) => !CHARTS[name].absent);
  document.getElementById("main").replaceChildren(
    section("overview", [h("div", { class: "body" })]),
    ...charts.map((name) => section(name, [h("p", { class: "help" }, t(`${name}Help`)), h("div", { class: "controls" }, ...CHARTS[name].controls(name)), h("div", { class: "chart" }), h("div", { class: "notes" })])),
    h("section", { id: "tables" }, h("h2", { tabindex: "-1" }, t("tables")), h("p", { class: "help" }, t("digits", { digits: DATA.digits }))),
    ...Object.keys(TABLES).map((name) => section(name, [h("div", { class: "controls" }, ...tableControls(name)), h("p", { class: "count" }), h("div", { class: "grid" })])),
  );
  document.getElementById("contents").replaceChildren(...["overview", ...charts, "tables"].map((id) =>
    h("a", { href: `#${id}`, onclick: (event) => { event.preventDefault(); go(id); } }, t(id))));
  redraw();
  parts().forEach((name) => watcher.observe(document.getElementById(name)));
}

document.getElementById("lang").addEventListener("change", (event) => set("lang", event.target.value));
document.getElementById("theme").addEventListener("change", (event) => set("theme", event.target.value));
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("link").addEventListener("click", () => { copyText(location.href); say(t("linkCopied")); });
document.getElementById("print").addEventListener("click", async () => { await drawAll(); window.print(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); redraw(); });
window.addEventListener("hashchange", () => { state = readFragment(); showTheme(); build(); });
document.addEventListener("click", (event) => document.querySelectorAll("#filters details[open]").forEach((one) => one.contains(event.target) || one.removeAttribute("open")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll("#filters details[open]").forEach((one) => { one.open = false; one.querySelector("summary").focus(); });
  if ((event.key === "Enter" || event.key === " ") && event.target.classList?.contains("tabulator-sortable")) { event.preventDefault(); event.target.click(); }
});
window.addEventListener("beforeprint", () => {
  for (const name of grids.keys()) {
    const [head, ...rows] = shownRows(name, PRINTED);
    const note = t("printed", { shown: rows.length, all: grids.get(name).getDataCount("active") });
    const line = (tag) => (row) => h("tr", {}, row.map((one) => h(tag, {}, shownValue(one))));
    document.getElementById(name).append(h("table", { class: "paper" }, h("caption", {}, note), h("thead", {}, line("th")(head)), h("tbody", {}, rows.map(line("td")))));
  }
});
window.addEventListener("afterprint", () => document.querySelectorAll(".paper").forEach((one) => one.remove()));
window.addEventListener("resize", () => { for (const name of ["load_curves", "latency_throughput"]) if (state[`${name}.facet`]) redraw(name); });

showTheme();
build();
await viewSeen;
await drawing;
document.documentElement.dataset.ready = String(Math.round(performance.now()));
if (RUNS.length <= MANY) requestIdleCallback(drawAll);
window.report = { views, grids, drawAll, drawn: () => drawing }; // for the console, and for tests
