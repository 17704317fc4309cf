// The tables of the page. Sorting, filters in the header, the clipboard, CSV and paper are Tabulator's.
// A part of the module that page.js ends.

const grids = new Map(), LONG = ["config", "run", "message"]; // texts that go on in a next line, as they differ at their ends
let passes = {}; // table → the rows that pass the filters

/** The columns that are on: those of the chosen families and statistics that have any value; what is the same in all
 * runs stands above the charts. */
function shownColumns(name) {
  const table = TABLES[name];
  if (name === "problems") return table.columns;
  const on = table.columns.filter((c) => !c.hidden && hasValues(table, c.name) && state[`${name}.families`].includes(c.family) && (!c.statistic || state[`${name}.statistics`].includes(c.statistic)));
  const first = ["config", "count", ...LOADS], labels = on.filter((c) => c.family === "labels" && (LABELS.includes(c.name) || !RUNS.index.has(c.name) || c.name === "config" || name === "raw"));
  const before = labels.filter((c) => first.includes(c.name)).sort((a, b) => first.indexOf(a.name) - first.indexOf(b.name));
  return [...before, ...on.filter((c) => c.family !== "labels"), ...labels.filter((c) => !before.includes(c))];
}

function gridColumn(name, c, i) {
  const numeric = c.type === "integer" || c.type === "float", shown = c.name + (c.unit ? ` (${c.unit})` : "");
  return {
    field: c.name, title: shown, titleDownload: c.name, titleClipboard: c.name, titlePrint: shown, print: i < 9, minWidth: 60, maxInitialWidth: name === "problems" || LONG.includes(c.name) ? 420 : 240,
    hozAlign: numeric ? "right" : "left", frozen: c.name === "config", ...(c.name === "config" ? { maxWidth: narrow() ? 130 : 320 } : {}), variableHeight: LONG.includes(c.name),
    titleFormatter: () => h("span", { title: meaning(c) }, c.name, ...(c.unit ? [h("small", {}, ` ${c.unit}`)] : [])),
    formatter: (one) => document.createTextNode(shownValue(one.getValue())), cssClass: LONG.includes(c.name) ? "long" : "", tooltip: (_, one) => h("span", {}, String(one.getValue() ?? "")),
    sorter: numeric ? "number" : (a, b) => natural(String(a ?? ""), String(b ?? "")), sorterParams: numeric ? { alignEmptyValues: "bottom" } : {},
    ...(state[`${name}.header`].length ? { headerFilter: "input", headerFilterPlaceholder: t(numeric ? "numberHint" : "filterHint"), headerFilterFunc: numeric ? matchesNumber : matchesText } : {}),
  };
}

const matchesText = (wanted, value) => String(value ?? "").toLowerCase().includes(String(wanted).toLowerCase());

/** `5`, `>5`, `<=5` or `300-400`; what is none of these matches nothing, and the page says so. */
function matchesNumber(wanted, value) {
  const number = "(-?\\d+(?:\\.\\d*)?(?:e[+-]?\\d+)?)", p = new RegExp(`^\\s*(<=|>=|<|>|=)?\\s*${number}(?:\\s*(?:-|–|\\.\\.)\\s*${number})?\\s*$`, "i").exec(wanted);
  if (!p || (p[1] && p[3])) return say(t("wrongNumber")), false;
  const [a, b] = [Number(p[2]), Number(p[3])];
  if (value === null) return false;
  if (p[3]) return value >= a && value <= b;
  return { "<": value < a, ">": value > a, "<=": value <= a, ">=": value >= a }[p[1]] ?? value === a;
}

function drawTable(name) {
  const columns = shownColumns(name), made = JSON.stringify([columns.map((c) => c.name), state[`${name}.header`]]);
  if (name === "problems") document.querySelector("#problems select").value = state["problems.code"];
  if (grids.get(name)?.made === made) return filterGrid(name);
  grids.get(name)?.destroy();
  const table = TABLES[name], spot = document.querySelector(`#${name} .grid`), rows = range(table.length).map((row) => ({ "#row": row, ...Object.fromEntries(columns.map((c) => [c.name, cell(table, c.name, row)])) }));
  const split = (one) => { const i = one.lastIndexOf(" "); return [one.slice(0, i), one.slice(i + 1)]; };
  const kept = { // Tabulator's persistence, in the fragment
    sort: { read: () => state[`${name}.sort`].map(split).filter(([field]) => columns.some((c) => c.name === field)).map(([column, dir]) => ({ column, dir })), write: (all) => all.map(({ column, dir }) => `${column} ${dir}`) },
    headerFilter: { read: () => state[`${name}.filters`].map((one) => ({ field: one.split("=")[0], value: one.slice(one.indexOf("=") + 1) })), write: (all) => all.map(({ field, value }) => `${field}=${value}`) },
  };
  const key = { sort: `${name}.sort`, headerFilter: `${name}.filters` };
  const grid = new Tabulator(spot, {
    data: rows, index: "#row", nestedFieldSeparator: false, ...(rows.length > 14 ? { height: 520 } : {}), layout: "fitData", placeholder: t("noRows"),
    columns: [...(name === "problems" ? [] : [chooser(name)]), ...columns.map((c, i) => gridColumn(name, c, i))], columnDefaults: { headerSortTristate: true, headerWordWrap: true },
    clipboard: "copy", clipboardCopyRowRange: "active", printAsHtml: true, printRowRange: () => grid.getRows("active").slice(0, LIMITS.printed), printStyled: false,
    persistence: { sort: true, headerFilter: true }, persistenceReaderFunc: (_, type) => kept[type]?.read() ?? false,
    persistenceWriterFunc: (_, type, all) => { if (kept[type] && grid.ready) { state[key[type]] = kept[type].write(all); writeFragment(); } },
  });
  grids.set(name, grid);
  return new Promise((built) => grid.on("tableBuilt", () => {
    grid.made = made;
    spot.querySelectorAll(".tabulator-sortable").forEach((head) => (head.tabIndex = 0));
    filterGrid(name);
    grid.on("dataFiltered", () => setTimeout(() => count(name)));
    grid.on("clipboardCopied", () => say(t("copied", { count: grid.getDataCount("active") })));
    grid.ready = true;
    built();
  }));
}

/** Boxes that put the value of a row into colour. */
function chooser(name) {
  const key = (row) => identity(state.by, label(state.by).rows[name === "raw" ? row : single.get(row)]);
  return {
    field: "#choose", title: "", headerSort: false, width: 36, resizable: false, frozen: true, download: false, clipboard: false, print: false,
    formatter: (one) => {
      const own = key(one.getData()["#row"]), on = state.keys.length ? state.keys.includes(own) : view.keys.some((other) => identity(state.by, other) === own);
      const change = (event) => { set("keys", event.target.checked ? [...state.keys, own] : (state.keys.length ? state.keys : view.keys.map((other) => identity(state.by, other))).filter((other) => other !== own)); };
      return h("input", { type: "checkbox", "aria-label": t("chooseGroup"), title: t("chooseGroup"), checked: on, onchange: change });
    },
  };
}

function filterGrid(name) {
  const wanted = state[`${name}.search`].toLowerCase().split(/\s+/).filter(Boolean), table = TABLES[name], columns = shownColumns(name);
  grids.get(name).setFilter((one) => {
    const row = one["#row"];
    if (!passes[name].has(row) || (name === "problems" && state["problems.code"] && cell(table, "code", row) !== state["problems.code"])) return false;
    if (!wanted.length) return true;
    const own = columns.map((c) => String(cell(table, c.name, row) ?? "")).join("\n").toLowerCase();
    return wanted.every((word) => own.includes(word));
  });
  count(name);
}

function count(name) {
  const notes = [t("rowsShown", { shown: grids.get(name)?.getDataCount("active") ?? 0, all: TABLES[name].length })];
  if (name === "stats") {
    const shown = Map.groupBy(passing, (row) => DATA.groups[row]), part = [...shown].filter(([group, runs]) => runs.length < sizes.get(group)).length;
    if (part) notes.push(t("partGroups", { count: part }));
  }
  if (name === "problems") notes.push(t("skippedNote"));
  document.querySelector(`#${name} .count`).replaceChildren(notes.join(" "), h("span", { class: "onpaper" }, ` ${t("cutPrint", { shown: LIMITS.printed })}`));
}

function tableControls(name) {
  const table = TABLES[name], own = table.columns.filter((c) => !c.hidden && hasValues(table, c.name));
  const some = (key, title, all, shown) => (all.length < 2 ? [] : [h("fieldset", {}, h("legend", {}, title), ...all.map((value) => box(key, value, shown(value))))]);
  const search = h("input", { type: "search", name: `${name}.search`, value: state[`${name}.search`], oninput: () => set(`${name}.search`, search.value) });
  return [
    h("label", {}, t("search"), " ", search),
    ...(name === "problems" ? [choice("problems.code", t("code"), [["", t("anyCode")], ...unique(range(PROBLEMS.length).map((row) => cell(PROBLEMS, "code", row) ?? "")).sort().map((code) => [code, code])])] : []),
    box(`${name}.header`, "on", t("columnFilters")),
    button(t("copy"), () => grids.get(name)?.copyToClipboard("active")), button(t("csv"), () => grids.get(name)?.download("csv", `${document.title}_${name}_shown.csv`)),
    ...(name === "problems" ? [] : some(`${name}.families`, t("columnGroups"), unique(own.map((c) => c.family)), familyName)),
    ...(name === "stats" ? some("stats.statistics", t("statistics"), unique(own.map((c) => c.statistic).filter(Boolean)), (statistic) => t(statistic)) : []),
  ];
}
