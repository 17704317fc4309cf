// The numbers of the first screen. A part of the module that page.js ends.

const mean = (numbers) => (numbers.length ? numbers.reduce((a, b) => a + b, 0) / numbers.length : null);
const valuesOf = (rows, name) => rows.map((row) => cell(RUNS, name, row)).filter((value) => value !== null);
const total = (rows, name) => valuesOf(rows, name).reduce((a, b) => a + b, 0);
const percent = (share) => (isNaN(share) ? "" : share > 0.9995 && share < 1 ? "99.9 %" : `${Number((share * 100).toFixed(1))} %`);
const higher = (name) => /\/s$/.test(column(RUNS, name)?.unit ?? ""); // tok/s and req/s: marked is the highest, else the lowest

/** The throughput at the load where the mean of the runs is highest. */
function best(rows) {
  const at = Map.groupBy(rows.filter((row) => cell(RUNS, "output_throughput", row) !== null), (row) => cell(RUNS, "load", row));
  return [...at].map(([load, own]) => [mean(valuesOf(own, "output_throughput")), load]).sort((a, b) => b[0] - a[0])[0] ?? [null, ""];
}

/** Draw the facts and the table of numbers; `wrong`: rows of the problems that pass. */
function drawOverview(wrong) {
  const codes = Map.groupBy(wrong, (row) => cell(PROBLEMS, "code", row) ?? ""), { values, rows } = label("load");
  const counts = new Map();
  for (const row of view.runs) counts.set(rows[row], (counts.get(rows[row]) ?? 0) + 1);
  const levels = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b).slice(0, LIMITS.levels).sort((a, b) => a - b);
  const byKey = Map.groupBy(view.runs, (row) => label(state.by).rows[row]), runProblems = new Map();
  for (const row of wrong) runProblems.set(PROBLEM_RUNS[row], (runProblems.get(PROBLEM_RUNS[row]) ?? 0) + 1);
  const grid = view.keys.map((key) => levels.map((level) => byKey.get(key).filter((row) => rows[row] === level)));
  const most = levels.map((_, i) => Math.max(0, ...grid.map((own) => own[i].length))), cells = grid.map((own) => own.map((some) => mean(valuesOf(some, state.numbers))));
  const pick = higher(state.numbers) ? Math.max : Math.min, extremes = levels.map((_, i) => pick(...cells.map((own) => own[i]).filter((value) => value !== null)));
  const few = grid.flatMap((own, k) => own.map((some, i) => [k, i, some.length])).filter(([, i, count]) => count < most[i]);
  const count = (k, i, own) => (own < most[i] ? t("ofRuns", { count: own, most: most[i] }) : "");
  const whole = few.length * 3 <= grid.length * levels.length, three = (value) => (value === null ? "" : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3))));
  const thin = few.length * 3 > grid.length * levels.length ? [t("missingMany", { count: few.filter(([, , own]) => !own).length, all: grid.length * levels.length })]
    : few.length ? [t("missing", { list: few.map(([k, i, own]) => `${view.names[k]} ${t("bestAt", { load: values[levels[i]] })} (${count(k, i, own)})`).join("; ") })] : levels.length > 1 && grid.length > 1 ? [t("missingNone")] : [];
  const skipped = wrong.filter((row) => cell(PROBLEMS, "severity", row) === "skipped"), tops = view.keys.map((key) => best(byKey.get(key)));
  const top = Math.max(...tops.map(([value]) => value ?? -Infinity)), winner = tops.findIndex(([value]) => value === top);
  const facts = [
    [t("runs"), t("shownOf", { shown: passing.length, all: RUNS.length })], [t("groups"), new Set(passing.map((row) => DATA.groups[row])).size], [t("success"), percent(total(passing, "succeeded") / total(passing, "requests"))], [t("problemsShort"), wrong.length],
    ...(winner >= 0 ? [[t("best"), `${three(top)} tok/s`, `${view.names[winner]}, ${t("bestAt", { load: tops[winner][1] || t("noLevel") })}`]] : []),
  ];
  const head = [named(state.by), t("runs"), t("problemsShort"), t("success"), t("bestShort"), ...levels.map((level) => values[level] || t("noLevel"))];
  const line = (key, k) => {
    const own = byKey.get(key), name = view.names[k], on = state.kept.includes(name);
    const key_ = button(name, () => keep(name), { class: "key", "aria-pressed": String(on), onpointerenter: () => bring(name), onpointerleave: () => bring(null), onfocus: () => bring(name), onblur: () => bring(null) });
    key_.prepend(Object.assign(h("span", { class: "swatch", "aria-hidden": "true", "data-shape": view.shapes[k] }), { style: `color: ${view.colours[k]}` }));
    return h("tr", {}, h("th", { scope: "row" }, key_), h("td", {}, String(own.length)), h("td", {}, String(own.reduce((sum, row) => sum + (runProblems.get(cell(RUNS, "run", row)) ?? 0), 0) || "")), h("td", {}, percent(total(own, "succeeded") / total(own, "requests"))),
      h("td", { class: k === winner ? "extreme" : "" }, three(tops[k][0]), " ", h("small", {}, tops[k][1] ? t("bestAt", { load: tops[k][1] }) : "")),
      levels.map((_, i) => h("td", { class: cells[k][i] !== null && cells[k][i] === extremes[i] ? "extreme" : whole && grid[k][i].length < most[i] ? "few" : "", title: count(k, i, grid[k][i].length) },
        grid[k][i].length ? three(cells[k][i]) : whole ? t("noRun") : "–", ...(cells[k][i] !== null && cells[k][i] === extremes[i] ? [h("span", { class: "hidden" }, ` ${t(higher(state.numbers) ? "highest" : "lowest")}`)] : []),
        ...(whole && grid[k][i].length && grid[k][i].length < most[i] ? [" ", h("small", {}, `${grid[k][i].length}/${most[i]}`)] : []))));
  };
  const differ = VARYING.filter((name) => !LOADS.includes(name) && !["number", "release", state.by, ...(VARYING.includes("config_without_load") ? ["config", "name"] : [])].includes(name) && view.keys.some((key) => new Set(byKey.get(key).map((row) => label(name).rows[row])).size > 1));
  const same = RUNS.columns.filter((c) => ["config", "model", "prompt_length", "max_tokens", "api", "dataset", "tool", ...VARYING].includes(c.name) && hasValues(RUNS, c.name) && view.runs.length && new Set(view.runs.map((row) => text(c.name, row))).size === 1 && text(c.name, view.runs[0])).map((c) => `${named(c.name)} ${short(text(c.name, view.runs[0]))}`);
  const rule = view.byHand ? t("chosenByHand", { shown: view.keys.length, all: view.all }) : view.keys.length < view.all ? t("rule", { shown: view.keys.length, all: view.all }) : t("allShown", { all: view.all });
  place("facts", h("dl", {}, facts.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value), ...(more ? [h("small", {}, ` ${more}`)] : []))))), h("p", { class: "help" }, ...(same.length ? [`${t("common", { labels: same.join(", ") })} `] : []), RUNS.length ? rule : t("noRuns"), ...(view.line.size < view.lines ? [" ", t("lines", { shown: view.line.size, count: view.lines })] : [])));
  place("numbers", ...(view.keys.length && state.numbers ? [
    h("div", { class: "controls" }, choice("numbers", t("cells"), optionsOf("metrics"))),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("numbers") }, h("table", {}, h("thead", {}, h("tr", {}, h("td", { colspan: "5" }), h("th", { colspan: String(levels.length), scope: "colgroup" }, t("level"))), h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, view.keys.map(line)))),
  ] : []),
  h("div", { class: "help" }, ...[...thin, ...(levels.length < counts.size ? [t("moreLevels", { shown: levels.length, all: counts.size })] : []), ...(differ.length ? [t("sameColour", { labels: differ.map(named).join(", ") })] : []), ...(view.keys.length > LIMITS.colours ? [t("repeated", { colours: LIMITS.colours })] : [])].map((said) => h("p", {}, said)),
    ...(skipped.length ? [h("p", {}, t("skipped", { count: skipped.length }), ": ", skipped.slice(0, 5).map((row) => short(cell(PROBLEMS, "run", row) ?? "")).join("; "), skipped.length > 5 ? " … " : " ")] : []),
    h("p", { class: "codes" }, ...(codes.size ? [`${t("problemCodes")}: `] : [t("noProblems")]), ...[...codes].sort((a, b) => b[1].length - a[1].length).flatMap(([code, own]) => [h("a", { href: "#problems", onclick: (event) => { event.preventDefault(); set("problems.code", code); go("problems"); } }, code), ` ${own.length} `])),
    ...(state.kept.length ? [button(t("forget"), () => set("kept", []))] : [])));
  document.getElementById("shown").textContent = t("showing", { shown: passing.length, all: RUNS.length });
  document.querySelectorAll("#filters details").forEach((details) => details.refresh?.());
  const set_ = [...VARYING.map((name) => `is.${name}`)].filter((key) => state[key].length).length + Boolean(state.from) + Boolean(state.to);
  document.querySelector("#more > summary").textContent = set_ ? t("chosenFilters", { count: set_ }) : t("choose");
}

