// The numbers of the first screen: the facts, a row per value in colour with a cell per load, and what is missing in it.
// A part of the module that page.js ends.

const mean = (numbers) => (numbers.length ? numbers.reduce((a, b) => a + b, 0) / numbers.length : null);
const valuesOf = (rows, name) => rows.map((row) => cell(RUNS, name, row)).filter((value) => value !== null);
const total = (rows, name) => valuesOf(rows, name).reduce((a, b) => a + b, 0);
const percent = (share) => (isNaN(share) ? "" : share > 0.9995 && share < 1 ? "99.9 %" : `${Number((share * 100).toFixed(1))} %`);
const success = (rows) => percent(total(rows, "succeeded") / total(rows, "requests"));
const higher = (name) => /\/s$/.test(column(RUNS, name)?.unit ?? ""); // tok/s and req/s: marked is the highest, else the lowest
const narrow = () => innerWidth <= 640; // as in page.css

/** Three digits, as many more as an integer has. */
function three(value) {
  if (value === null) return "";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

/** The throughput at the load where the mean of the runs is highest, and this load. */
function best(rows) {
  const at = Map.groupBy(rows.filter((row) => cell(RUNS, "output_throughput", row) !== null), (row) => cell(RUNS, "load", row));
  return [...at].map(([load, own]) => [mean(valuesOf(own, "output_throughput")), load]).sort((a, b) => b[0] - a[0])[0] ?? [null, ""];
}

/** What the table says: `levels` (the loads with the most runs), of each value in colour its `runs`, its `best`
 * throughput and its `cells`, one per load with `count`, `value`, whether it is the `extreme` one, and `most`: how many
 * runs others have there. */
function numbersShown() {
  const { values, rows } = label("load"), counts = new Map(), byKey = Map.groupBy(view.runs, (row) => label(state.by).rows[row]);
  for (const row of view.runs) counts.set(rows[row], (counts.get(rows[row]) ?? 0) + 1);
  const levels = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b).slice(0, LIMITS.levels).sort((a, b) => a - b);
  const lines = view.keys.map((key, k) => {
    const runs = byKey.get(key), [value, load] = best(runs), byLevel = Map.groupBy(runs, (row) => rows[row]);
    const cells = levels.map((level) => ({ count: byLevel.get(level)?.length ?? 0, value: mean(valuesOf(byLevel.get(level) ?? [], state.numbers)), load: values[level] }));
    return { name: view.names[k], colour: view.colours[k], shape: view.shapes[k], runs, best: value, load, cells };
  });
  levels.forEach((_, i) => {
    const column = lines.map((line) => line.cells[i]), known = column.map(({ value }) => value).filter((value) => value !== null);
    const extreme = (higher(state.numbers) ? Math.max : Math.min)(...known), most = Math.max(0, ...column.map(({ count }) => count));
    for (const one of column) Object.assign(one, { most, extreme: one.value !== null && one.value === extreme });
  });
  const cells = lines.flatMap((line) => line.cells), few = cells.filter(({ count, most }) => count < most);
  const bests = lines.map((line) => line.best).filter((value) => value !== null);
  const winner = lines.find((line) => line.best !== null && line.best === Math.max(...bests));
  return { levels: levels.map((level) => values[level] || t("noLevel")), all: counts.size, lines, winner, cells, few, whole: few.length * 3 <= cells.length };
}

/** Draw the facts and the table of numbers; `wrong`: rows of the problems that pass. */
function drawOverview(wrong) {
  const shown = numbersShown(), { winner } = shown;
  const facts = [
    [t("runs"), t("shownOf", { shown: passing.length, all: RUNS.length })],
    [t("groups"), new Set(passing.map((row) => DATA.groups[row])).size],
    [t("success"), success(passing)],
    [t("problemsShort"), wrong.length],
    ...(winner ? [[t("best"), `${three(winner.best)} tok/s`, `${winner.name}, ${t("bestAt", { load: winner.load || t("noLevel") })}`]] : []),
  ];
  const fact = ([name, value, more = ""]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value), more && h("small", {}, ` ${more}`)));
  place("facts", h("dl", {}, facts.map(fact)), h("p", { class: "help" }, rulesSaid().join(" ")));
  const table = view.keys.length && state.numbers ? [h("div", { class: "controls" }, choice("numbers", t("cells"), optionsOf("metrics"))), numbersTable(shown, wrong)] : [];
  place("numbers", ...table, h("div", { class: "help" }, missingSaid(shown).map((said) => h("p", {}, said)), skippedSaid(wrong), codesSaid(wrong)));
  document.getElementById("shown").textContent = t("showing", { shown: passing.length, all: RUNS.length });
  document.querySelectorAll("#filters details").forEach((details) => details.refresh?.());
  const filters = VARYING.filter((name) => state[`is.${name}`].length).length + Boolean(state.from) + Boolean(state.to);
  document.querySelector("#more > summary").textContent = filters ? t("chosenFilters", { count: filters }) : t("choose");
}

function numbersTable({ levels, lines, winner, whole }, wrong) {
  const problems = Map.groupBy(wrong, (row) => PROBLEM_RUNS[row]);
  const ordered = (counts, numbers) => (narrow() ? [...numbers, ...counts] : [...counts, ...numbers]); // a phone shows the loads first
  const head = ordered([t("runs"), t("problemsShort"), t("success")], [t("bestShort"), ...levels]).map((one) => h("th", { scope: "col" }, one));
  const above = ordered([h("td", { colspan: "3" })], [h("td"), h("th", { colspan: String(levels.length), scope: "colgroup" }, t("level"))]);
  const row = (line) => {
    const counts = [line.runs.length, line.runs.reduce((sum, run) => sum + (problems.get(run)?.length ?? 0), 0) || "", success(line.runs)];
    const most = h("td", { class: line === winner ? "extreme" : "" }, three(line.best), " ", h("small", {}, line.load ? t("bestAt", { load: line.load }) : ""));
    return h("tr", {}, h("th", { scope: "row" }, keyOf(line)), ordered(counts.map((one) => h("td", {}, String(one))), [most, ...line.cells.map((one) => numberCell(one, whole))]));
  };
  const table = h("table", {}, h("thead", {}, h("tr", {}, h("td"), above), h("tr", {}, h("th", { scope: "col" }, named(state.by)), head)), h("tbody", {}, lines.map(row)));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("numbers") }, table);
}

/** The name of a value with its colour and shape; pointing at it brings it out in the charts, a click keeps it. */
function keyOf({ name, colour, shape }) {
  const [out, back] = [() => bring(name), () => bring(null)];
  const made = button(name, () => keep(name), { class: "key", "aria-pressed": String(state.kept.includes(name)), onpointerenter: out, onpointerleave: back, onfocus: out, onblur: back });
  const swatch = h("span", { class: "swatch", "aria-hidden": "true", "data-shape": shape });
  swatch.style.color = colour;
  made.prepend(swatch);
  return made;
}

/** `whole`: most cells have runs, so that one without or with fewer than others stands out. */
function numberCell({ count, value, most, extreme }, whole) {
  const less = whole && count < most;
  return h("td", { class: extreme ? "extreme" : less ? "few" : "", title: count < most ? t("ofRuns", { count, most }) : "" },
    count ? three(value) : whole ? t("noRun") : "–",
    extreme ? [h("span", { class: "hidden" }, ` ${t(higher(state.numbers) ? "highest" : "lowest")}`)] : [],
    less && count ? [" ", h("small", {}, `${count}/${most}`)] : []);
}

/** What is the same in all runs in colour, and the rule that chose them. */
function rulesSaid() {
  const names = ["config", "model", "prompt_length", "max_tokens", "api", "dataset", "tool", ...VARYING];
  const same = RUNS.columns.filter((c) => names.includes(c.name) && hasValues(RUNS, c.name) && view.runs.length && text(c.name, view.runs[0]) && new Set(view.runs.map((row) => text(c.name, row))).size === 1);
  const counted = { shown: view.keys.length, all: view.all }, rule = view.byHand ? "chosenByHand" : view.keys.length < view.all ? "rule" : "allShown";
  return [
    ...(same.length ? [t("common", { labels: same.map((c) => `${named(c.name)} ${short(text(c.name, view.runs[0]))}`).join(", ") })] : []),
    RUNS.length ? t(rule, counted) : t("noRuns"),
    ...(DATA.metrics === "recomputed" ? [`${t("metricsAs")}: ${t("recomputed")}.`] : []),
    ...(view.line.size < view.lines ? [t("lines", { shown: view.line.size, count: view.lines })] : []),
  ];
}

/** Which cells have fewer runs than others, and what else the table doesn't show. */
function missingSaid({ levels, all, lines, cells, few, whole }) {
  const listed = lines.flatMap((line) => line.cells.filter((one) => few.includes(one)).map(({ load, count, most }) => `${line.name} ${t("bestAt", { load })} (${t("ofRuns", { count, most })})`));
  const said = !whole ? [t("missingMany", { count: few.filter(({ count }) => !count).length, all: cells.length })]
    : few.length ? [t("missing", { list: listed.join("; ") })] : levels.length > 1 && lines.length > 1 ? [t("missingNone")] : [];
  const repeated = [...LOADS, "number", "release", state.by, ...(VARYING.includes("config_without_load") ? ["config", "name"] : [])];
  const differ = VARYING.filter((name) => !repeated.includes(name) && lines.some(({ runs }) => new Set(runs.map((row) => label(name).rows[row])).size > 1));
  if (levels.length < all) said.push(t("moreLevels", { shown: levels.length, all }));
  if (differ.length) said.push(t("sameColour", { labels: differ.map(named).join(", ") }));
  if (view.keys.length > LIMITS.colours) said.push(t("repeated", { colours: LIMITS.colours }));
  return said;
}

function skippedSaid(wrong) {
  const skipped = wrong.filter((row) => cell(PROBLEMS, "severity", row) === "skipped");
  const listed = skipped.slice(0, 5).map((row) => short(cell(PROBLEMS, "run", row) ?? "")).join("; ");
  return skipped.length ? [h("p", {}, `${t("skipped", { count: skipped.length })}: ${listed}${skipped.length > 5 ? " …" : ""}`)] : [];
}

/** The codes of problems, which lead to their table, and a way back from what was kept. */
function codesSaid(wrong) {
  const codes = [...Map.groupBy(wrong, (row) => cell(PROBLEMS, "code", row) ?? "")].sort((a, b) => b[1].length - a[1].length);
  const link = (code) => h("a", { href: "#problems", onclick: (event) => { event.preventDefault(); set("problems.code", code); go("problems"); } }, code);
  const listed = codes.flatMap(([code, own]) => [link(code), ` ${own.length} `]);
  return h("p", { class: "codes" }, codes.length ? [`${t("problemCodes")}: `, ...listed] : t("noProblems"), state.kept.length ? [button(t("forget"), () => set("kept", []))] : []);
}
