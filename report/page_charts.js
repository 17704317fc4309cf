// The charts of the page: what was chosen → the specification of charts.py with its titles, scales and colours, and rows.
// A part of the module that page.js ends.

const views = new Map(), exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
const isDark = () => (state.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shownValue = (value) => (value === null || value === undefined ? "" : typeof value === "number" ? (Number.isInteger(value) ? String(value) : exact.format(value)) : String(value));

/** The columns that a chart shows, by field. */
function fieldsOf(name) {
  const chart = CHARTS[name], fields = { ...chart.fields };
  for (const [field, kind] of Object.entries(chart.pick)) if (kind !== "families") fields[field] = state[`${name}.${field}`];
  if (chart.family) for (const field of Object.keys(fields)) fields[field] = METRICS.find((c) => c.family === state[`${name}.family`] && `p${c.percent}` === field)?.name ?? fields[field];
  return fields;
}

/** A row of a chart; see charts.py. */
function rowOf(row, fields, chart) {
  const line = label(SERIES).rows[row], made = {
    row, key: view.name.get(label(state.by).rows[row]) ?? null, dash: state.dash ? text(state.dash, row) || t("empty") : "",
    facet: state.facet && chart.facets ? text(state.facet, row) || t("empty") : "", series: line, group: DATA.groups[row],
    name: view.line.get(line) ?? "", level: cell(RUNS, "level", row), load: cell(RUNS, "load", row),
  };
  if (chart.rows === "requests") {
    const own = DATA.requests.runs[requestsOf().get(row)], profile = chart.logs.x !== undefined;
    return { ...made, xs: profile ? own.quantiles[fields.y] : own.start, ys: profile ? DATA.requests.shares : own[fields.y], xTitle: "", requests: own.requests };
  }
  for (const [field, name] of Object.entries(fields)) made[field] = cell(RUNS, name, row);
  if (!chart.sides) return made;
  const { breaks } = column(RUNS, fields.y), { sides } = DATA.windows[DATA.window[row]];
  return { ...made, breaks: [-1, ...breaks], sides: [null, ...breaks.map((i) => sides[i] || null)] };
}

let requestRows; // row of a run → place of its requests
const requestsOf = () => (requestRows ??= new Map(DATA.requests?.rows.map((row, i) => [row, i])));

/** The rows of a chart, those of the others, and what has to be said of them. */
function rowsOf(name) {
  const chart = CHARTS[name], fields = fieldsOf(name), notes = [];
  if (chart.rows === "compared") return { rows: comparedRows(fields.metric), others: [], notes };
  const fits = (row) => (!("at" in chart) || !state.at || cell(RUNS, "load", row) === state.at) && (chart.rows !== "requests" || requestsOf().has(row));
  const runs = view.drawn.filter(fits), all = runs.map((row) => rowOf(row, fields, chart)), rows = all.filter((row) => chart.rows !== "requests" || row.xs);
  const others = state.others.length ? view.others.filter(fits).slice(0, LIMITS.others).map((row) => rowOf(row, fields, chart)) : [];
  if ("at" in chart && state.at && !runs.length) notes.push(t("noneAt", { at: state.at }));
  if (rows.length < all.length) notes.push(t("undrawn", { count: all.length - rows.length }));
  const loops = LOADS.includes(fields.x) ? rows.filter((row) => row.x === null).length : 0, empty = rows.filter((row) => row.y === null).length;
  if (loops) notes.push(t("undrawnLoops", { count: loops, label: brief(column(RUNS, fields.x)) }));
  if (empty && "y" in chart.fields && chart.rows === "runs") notes.push(t("undrawn", { count: empty }));
  if (chart.rows === "requests" && DATA.requests.rows.length < DATA.requests.all) notes.push(t("requestRuns", { shown: DATA.requests.rows.length, all: DATA.requests.all }));
  return { rows, others, notes };
}

/** Why a chart would be empty, if it would. */
function reasonOfNone(name, fields, rows) {
  if (!RUNS.length) return "noRuns";
  if (CHARTS[name].rows === "requests") return rows.length ? "" : "noRequests";
  const lacks = (row) => ["x", "y", "time"].some((field) => row[field] === null) || Object.keys(fields).every((field) => row[field] === null);
  if (CHARTS[name].rows === "runs" ? rows.every(lacks) : !rows.length) return "nothing";
  return name === "repeatability" && new Set(rows.map((row) => row.group)).size === rows.length ? "noRepeats" : "";
}

/** The rows of a comparison, which says nothing of what is empty or the same in all tests. */
function comparedRows(metric) {
  return DATA.compared.filter((one) => one.metric === metric).map((one) => ({ ...one, key: one.key || t("empty"), test: one.test || t("all") }));
}

function titlesOf(name, fields) {
  const own = { distribution: { x: () => titleOf(fields.y), y: () => t("shareOfRequests") }, requests_over_time: { x: () => t("start") }, over_time: { x: () => t("time") }, repeatability: { x: () => t("cv") },
    percentile_profile: { x: () => t("percentile"), y: () => familyName(state[`${name}.family`]) + (state.at ? ` (${t("level")} ${state.at})` : "") },
    comparison: { x: () => t("ratio", { metric: fields.metric }) }, pareto: { x: () => t("perUser"), y: () => t("perGpu", { label: fields.gpus }) } }[name] ?? {};
  return Object.fromEntries(["x", "y"].map((axis) => [axis, own[axis]?.() ?? (fields[axis] ? titleOf(fields[axis]) : null)]));
}

async function drawChart(name) {
  const section = document.getElementById(name), spot = section.querySelector(".chart"), chart = CHARTS[name], fields = fieldsOf(name), { rows, others, notes } = rowsOf(name);
  const width = spot.clientWidth, spec = structuredClone(chart.spec), logs = state[`${name}.log`];
  const compared = chart.rows === "compared", domain = compared ? unique(rows.map((row) => row.key)) : view.names;
  const looks = compared ? domain.map((key, i) => { const at = view.names.indexOf(key); return at < 0 ? [LOOKS.dark[i % 12], LOOKS.shapes[i % 4]] : [view.colours[at], view.shapes[at]]; }) : domain.map((_, i) => [view.colours[i], view.shapes[i]]);
  const panels = unique(rows.map((row) => row.facet)).sort(natural), dashes = unique(rows.map((row) => row.dash)).sort(natural);
  if (panels.length > LIMITS.panels) notes.push(t("morePanels", { shown: LIMITS.panels, all: panels.length }));
  if (state.dash && dashes.length > LIMITS.dashes) notes.push(t("moreDashes", { label: named(state.dash), dashes: LIMITS.dashes }));
  section.querySelector(".notes").replaceChildren(...notes.map((note) => h("p", {}, note)), ...breaksShown(name, fields, rows));
  views.get(name)?.finalize();
  views.delete(name);
  spot.classList.add("drawn");
  const reason = reasonOfNone(name, fields, rows);
  if (reason) return spot.replaceChildren(h("p", { class: "empty" }, t(reason)));
  const titles = titlesOf(name, fields);
  for (const axis of ["x", "y"]) {
    const encoding = spec.encoding[axis];
    if (titles[axis]) encoding.title = titles[axis];
    if (encoding.type !== "quantitative") continue;
    if (axis in chart.logs) encoding.scale = logs.includes(axis) ? LOOKS.log : chart.logs[axis] ? LOOKS.linear : encoding.scale;
    spec.params.find((one) => one.name === `log${axis.toUpperCase()}`).value = logs.includes(axis);
    const cells = label(fields[axis]), loads = logs.includes(axis) && cells?.rows ? cells.values.filter((value) => value > 0) : [];
    if (loads.length && loads.length <= LIMITS.ticks) encoding.axis.values = loads;
    else if (width < 500) encoding.axis.tickCount = 4;
  }
  const tones = (brought) => domain.map((key, i) => looks[i][0] + ((brought === null ? state.kept.length && !state.kept.includes(key) : key !== brought) ? "12" : "")); // all but hidden
  spec.params.push({ name: "tones", value: tones(null) });
  const beside = name === "repeatability" || compared ? 130 : 0; // names of metrics or tests stand left of the plot
  const letters = Math.floor((width - beside - 60) / 7), shownNames = domain.map((one) => (one.length > letters ? `${one.slice(0, letters >> 1)}…${one.slice(1 - (letters >> 1))}` : one));
  const legend = { orient: "bottom", columns: Math.max(1, Math.floor((width - beside - 20) / (Math.max(...shownNames.map((one) => one.length)) * 6.3 + 30))), values: domain, labelExpr: `${JSON.stringify(shownNames)}[indexof(domain('color'), datum.label)]` };
  const title = compared ? "" : named(state.by), beneath = narrow() && section.parentElement.id === "first" && document.querySelector("#numbers table"); // which is the legend
  Object.assign(spec.encoding.color, { title, scale: { domain, range: domain.map((_, i) => ({ expr: `tones[${i}]` })) }, legend: beneath ? null : legend });
  spec.layer = spec.layer.filter((layer) => layer.data?.name !== "others" || others.length);
  const slo = name === "pareto" && DATA.slo.token_latency ? [{ x: 1 / DATA.slo.token_latency }] : [], marked = section.querySelector(".notes ul") !== null;
  spec.layer = spec.layer.filter((layer) => (layer.data?.name !== "slo" || slo.length) && (marked || !JSON.stringify(layer.transform ?? "").includes('"lookup"'))); // no scale without values
  for (const layer of spec.layer) {
    if (layer.encoding.shape) Object.assign(layer.encoding.shape, { title, scale: { domain, range: looks.map(([, shape]) => shape) } });
    if (layer.encoding.strokeDash && state.dash) Object.assign(layer.encoding.strokeDash, { title: named(state.dash), scale: { domain: dashes, range: dashes.map((_, i) => LOOKS.strokes[i % LOOKS.strokes.length]) }, legend: { orient: "bottom", symbolSize: 400 } });
    else delete layer.encoding.strokeDash;
    if (layer.params && (width < 600 || panels.length > 1)) delete layer.params; // a finger scrolls the page
  }
  const across = width < 600 || panels.length < 2 ? 1 : Math.min(panels.length, 3), rowCount = Math.ceil(domain.length / legend.columns);
  const height = beneath ? 200 : name === "repeatability" ? 230 : compared ? Math.min(900, 60 + 14 * rows.length) : name === "latency_throughput" && innerHeight < 900 ? 280 : width < 500 ? 270 : 340, { layer, encoding, params, data, $schema } = spec;
  const panelWidth = Math.max(120, Math.floor(width / across) - 90);
  const drawn = panels.length > 1
    ? { $schema, data, params, columns: across, facet: { field: "facet", type: "nominal", title: named(state.facet), sort: panels, header: { labelLimit: panelWidth, labelPadding: 22 } }, spec: { width: panelWidth, height: 220, layer, encoding }, transform: [{ filter: { field: "facet", oneOf: panels.slice(0, LIMITS.panels) } }] }
    : { ...spec, width: "container", height: height + ((beneath ? 0 : rowCount) + (state.dash ? 2 : 0)) * 16 + 40, autosize: { type: "fit", contains: "padding" } };
  if (panels.length > 1) layer.splice(0, layer.length, ...layer.filter((one) => one.data?.name !== "others"));
  drawn.datasets = { runs: rows, others, slo, breaks: DATA.breaks.map((one) => ({ ...one, change: meaning(one) })) };
  drawn.description = `${t(name)}. ${t(`${name}Help`, DATA.requests ?? {})}`;
  const made = await vegaEmbed(spot, drawn, {
    logLevel: 1, // errors: that a layer has no rows, such as marks of changes, is no reason to warn
    ast: true, // the interpreter of expressions, so that the Content-Security-Policy needs no `unsafe-eval`
    renderer: rows.length + others.length > MANY ? "canvas" : "svg", actions: { export: true, source: false, compiled: false, editor: false },
    i18n: { CLICK_TO_VIEW_ACTIONS: t("menu"), SVG_ACTION: t("saveSvg"), PNG_ACTION: t("savePng") }, downloadFileName: name,
    config: { ...chartTheme(width - beside), aria: rows.length <= MANY }, tooltip: { theme: isDark() ? "dark" : "light", formatTooltip: (row, escape) => tooltip(row, titles, escape) },
  });
  views.set(name, Object.assign(made, { tones }));
  made.view.addEventListener("pointerover", (_, item) => bring(item?.datum?.key ?? null));
  made.view.addEventListener("click", (_, item) => { const row = runOf(item?.datum ?? {}); if (row !== undefined) showRun(section, row); else if (item?.datum?.key) keep(item.datum.key); });
}

/** The run that a point stands for: itself, or the only one of its group. */
const runOf = (datum) => datum.row ?? (datum.runs === 1 ? datum.first : undefined);

/** Bring a value out in all charts that are in view, null for none. */
function bring(key) {
  if (key === broughtOut) return;
  broughtOut = key;
  for (const [name, { view: one, tones }] of views) if (inView.has(name)) one.signal("tones", tones(key)).runAsync();
}
let broughtOut = null;

function keep(key) {
  set("kept", state.kept.includes(key) ? state.kept.filter((one) => one !== key) : [...state.kept, key]);
}

function showRun(section, row) {
  const run = cell(RUNS, "run", row) ?? "";
  section.querySelector(".picked").replaceChildren(t("runPath"), " ", h("code", {}, run), " ", button(t("copyPath"), () => copyText(run, t("pathCopied"))), " ",
    button(t("seeRun"), () => { set("raw.search", run); document.querySelector("[name='raw.search']").value = run; go("raw"); }));
}

function breaksShown(name, fields, rows) {
  if (!CHARTS[name].sides) return [];
  const has = (i, side) => rows.some((row) => row.sides[row.breaks.indexOf(i)] === side);
  const lines = column(RUNS, fields.y).breaks.filter((i) => has(i, -1) && has(i, 1)).map((i) => `${DATA.breaks[i].release} (${DATA.breaks[i].metric}): ${meaning(DATA.breaks[i])}`);
  return lines.length ? [h("p", {}, t("breaksHere")), h("ul", {}, lines.map((line) => h("li", {}, line)))] : [];
}

/** What is shown of a point: the only HTML that is made of text here, so all of it is escaped. */
function tooltip(row, titles, escape) {
  const run = runOf(row), of = run !== undefined, time = row.time && new Date(row.time).toISOString().slice(0, 19).replace("T", " ");
  const lines = [
    [t("release"), row.change && row.release], [row.metric, row.change ?? row.cv], [named(state.by), row.key], [t("name"), row.name !== row.key && row.name], [named(state.dash), state.dash && row.dash],
    [t("level"), row.load], [titles.y, row.mean_y ?? row.y], [titles.x, time ?? row.mean_x ?? row.x], [t("low"), row.min_y ?? row.ratio_low ?? row.low], [t("high"), row.max_y ?? row.ratio_high ?? row.high], [t("runs"), row.runs],
    [t("test"), row.test], [t("runPath"), of && short(text("run", run))], [t("release"), of && DATA.windows[DATA.window[run]].label],
  ];
  const shown = lines.filter(([name, value]) => name && value !== undefined && value !== "" && value !== false && value !== null);
  return `<table>${shown.map(([name, value]) => `<tr><td class="key">${escape(name)}</td><td class="value">${escape(shownValue(value))}</td></tr>`).join("")}</table>`;
}

/** How all charts look, with this page's colours. */
function chartTheme(width) {
  const [foreground, line] = [style("--ink"), style("--line")], letters = { labelColor: foreground, titleColor: foreground };
  const own = {
    font: style("--font"), axis: { ...letters, gridColor: line, domainColor: line, tickColor: line }, axisY: { titleLimit: width - 80 }, axisX: { titleLimit: width - 60 },
    view: { stroke: line }, legend: letters, header: letters, text: { color: foreground }, rule: { color: foreground },
  };
  return { ...LOOKS.config, ...Object.fromEntries(Object.entries(own).map(([part, value]) => [part, typeof value === "string" ? value : { ...LOOKS.config[part], ...value }])) };
}
