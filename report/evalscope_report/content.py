"""What the page and the figures show: the tables with what their columns mean, and which definitions each run was
measured by. All knowledge about columns, groups and releases comes from the data layer's own tables."""

import datetime
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from evalscope_summary import dictionary, readers
from evalscope_summary.columns import AT_LEAST, BELOW, BY_NAME, FURTHER_METRICS, PERCENTILE_METRICS, Column
from evalscope_summary.layouts import (
    OF_ONE,
    PROBLEM_COLUMNS,
    label_names,
    metric_columns,
    raw_columns,
    stats_columns,
)
from evalscope_summary.problems import printable
from evalscope_summary.readers.releases import Window, release
from evalscope_summary.tables.csv import read_csv
from evalscope_summary.tables.errors import WrongTable
from evalscope_summary.tables.frame import cells_of
from evalscope_summary.tables.groups import groups

from .comparing import LOAD, SERIES, derived, described, encoded, first_view, words
from .requests import requests as drawn_requests

HERE = Path(__file__).parents[1]

DIGITS = 7
"""Significant digits of numbers in the page; the tables have all."""

TEXT = json.loads((HERE / "text.json").read_text("utf-8"))
"""Language → name → what the page says."""

_CHINESE = json.loads((HERE.parent / "config" / "columns.zh.json").read_text("utf-8"))
_PERCENTILES = {metric.name: metric for metric in (*PERCENTILE_METRICS, *FURTHER_METRICS)}

Content = dict[str, Any]
"""See `content`."""


def content(
    raw: Path,
    stats: Path | None,
    problems: Path,
    settings_file: Path,
    requests: Path | None = None,
    compared: Path | None = None,
) -> Content:
    """Read the tables.

    Args:
        raw: `summary_raw.csv`.
        stats: `summary_stats.csv`, None if it isn't shown.
        problems: `summary_problems.csv`.
        settings_file: the settings of rule `overview`: how runs are grouped, and what columns there are.
        requests: `summary_requests.parquet`, None if there is none.
        compared: `summary_compare.csv`, None if there is none.

    Returns:
        tables: name → `columns` (dictionaries that describe them) and `data` (see `_encoded`), in the same order; those
            of `raw` that are `hidden` are made here: labels, `time` (ms), `level`, `offered` load.
        groups: of each run, the row of its group in `summary_stats`.
        labels: what runs are compared by: `name`, `en`, `zh`; all are columns of `raw`, with `values` and `rows`.
        first: of `comparing.first_view`, and `x`, the label on the axis of loads.
        breaks: releases that changed what a metric means; columns name theirs by index.
        windows: releases that can have written a run: `label`, and per break whether the run is certainly from
            before (-1) or since then (1).
        window: of each run, its window.
        requests: of `requests.requests`, None without them.
        compared: of `_compared`.
        metrics: `reported` or `recomputed`.
        text: language → name → what the page says.

    Raises:
        WrongTable: a table is not of this version.
    """
    settings = json.loads(settings_file.read_bytes())
    columns = raw_columns(settings)
    runs = read_csv(raw, columns)
    wrong = read_csv(problems, PROBLEM_COLUMNS)
    breaks, of_column = _breaks(columns, settings["metrics"] == "recomputed")
    windows, window = _windows(runs, [release for release, *_ in breaks])
    found = groups(runs, settings)
    of_run = found.of_run.tolist()
    made, series = derived(of_run, found.labels)
    labels = _labels(runs, settings, made, [windows[one]["label"] for one in window])
    labels[SERIES] = encoded(series[group] for group in of_run)
    levels, texts = _levels(runs, labels[SERIES]["rows"])
    table = _table(columns, runs, of_column)
    hidden = {
        **{name: label for name, label in labels.items() if name not in runs},
        "load": encoded(texts),
        "level": levels,
        "time": [_milliseconds(one) for one in cells_of(runs["timestamp"])],
        "offered": _offered(runs),
    }
    table["columns"] += [_hidden(name) for name in hidden]
    table["data"] = [
        labels.get(column.name, cells) for column, cells in zip(columns, table["data"], strict=True)
    ] + list(hidden.values())
    tables = {"raw": table, "problems": _table(PROBLEM_COLUMNS, wrong, {})}
    if stats:
        tables["stats"] = _statistics(read_csv(stats, stats_columns(settings)), settings, found.sizes)
    rates = sum(text.endswith("/s") for text in texts)
    chinese = TEXT["zh"]["changes"]
    first = first_view(labels, texts) | {"x": "rate" if rates * 2 > len(texts) else "parallel"}
    names = list(settings["trees"].values())
    places = [readers.place(_in_its_tree(run or "", names)) for run in cells_of(wrong["run"])]
    return {
        "tables": tables,
        "groups": of_run,
        "labels": [
            described(name, TEXT) for name, label in labels.items() if name == SERIES or len(label["values"]) > 1
        ],
        "first": first,
        "breaks": [
            {
                "index": i,
                "release": release,
                "metric": metric,
                "en": change,
                "zh": chinese.get(change, change),
            }
            for i, (release, metric, change) in enumerate(breaks)
        ],
        "windows": windows,
        "window": window,
        "problemPlaces": [[timestamp, printable(config)] for timestamp, config in places],
        "requests": drawn_requests(requests, *_wanted(runs, labels[SERIES])) if requests else None,
        "compared": _compared(compared) if compared else [],
        "digits": DIGITS,
        "metrics": settings["metrics"],
        "slo": settings.get("slo") or {},
        "text": TEXT,
    }


def _labels(
    runs: pd.DataFrame, settings: Mapping[str, Any], made: Mapping[str, Any], releases: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The labels, those first that people have chosen themselves: of `label_pattern`, then the tool and the model."""
    names = list(label_names(settings))
    own = [name for name in names if name not in BY_NAME]
    first = [*own, "tool", "model", *(name for name in made if name.startswith("folder_")), "config_without_load"]
    order = dict.fromkeys([*first, *(name for name in names if name not in LOAD)])
    found = {name: made.get(name) or encoded(_printable(runs[name])) for name in order if name in made or name in names}
    windows = sorted(set(releases), key=lambda label: release(label.lstrip("≥").split(" ")[0]))
    releases_label = {"values": windows, "rows": [windows.index(label) for label in releases]}
    return {**found, "release": releases_label, **{name: encoded(cells_of(runs[name])) for name in LOAD}}


def _in_its_tree(run: str, names: Sequence[str]) -> str:
    """The path of a run below its tree, without the tree's name, which it has if there are several."""
    return next((run.removeprefix(f"{name}/") for name in names if name and run.startswith(f"{name}/")), run)


def _printable(series: pd.Series) -> list[Any]:
    return [printable(one) if isinstance(one, str) else one for one in cells_of(series)]


def _levels(runs: pd.DataFrame, series: Sequence[int]) -> tuple[list[float | None], list[str]]:
    """Of each run its load, and how it is written: the rate in open loops, and where a line has more rates than
    concurrencies (which then are limits); else the concurrency."""
    loads = pd.DataFrame({"series": series, **{name: runs[name].astype("float64").to_numpy() for name in LOAD[:2]}})
    different = loads.groupby("series")[list(LOAD[:2])].nunique()
    by_rate = (different["rate"] > different["parallel"]).reindex(loads["series"]).to_numpy()
    levels: list[float | None] = []
    texts = []
    for concurrency, rate, more_rates in zip(loads["parallel"], loads["rate"], by_rate, strict=True):
        if pd.notna(rate) and (pd.isna(concurrency) or more_rates):
            levels.append(float(rate))
            texts.append(f"{words(float(rate))}/s")
        else:
            levels.append(None if pd.isna(concurrency) else float(concurrency))
            texts.append(words(levels[-1]))
    return levels, texts


def _offered(runs: pd.DataFrame) -> list[float | None]:
    """Of each run the requests per second that were asked for; of a closed loop, which asks for none, those it made."""
    offered = cells_of(runs["rate"].fillna(runs["request_throughput"]))
    return [one if one is None else float(f"{one:.{DIGITS}g}") for one in offered]


def _milliseconds(timestamp: str | None) -> int | None:
    """The client's clock as if it showed UTC, so that no time zone of the reader moves it."""
    try:
        clock = datetime.datetime.strptime(timestamp or "", "%Y%m%d_%H%M%S").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return int(clock.timestamp() * 1000)


def _wanted(runs: pd.DataFrame, series: Mapping[str, Any]) -> tuple[dict[str, int], list[int]]:
    """Path of each run → its row, and the rows of runs: of each line in turn, first of those with the most runs."""
    lines = series["rows"]
    sizes = Counter(lines)
    seen: Counter[int] = Counter()
    turns = []
    for line in lines:
        turns.append(seen[line])
        seen[line] += 1
    rows = sorted(range(len(runs)), key=lambda row: (turns[row], -sizes[lines[row]], lines[row], row))
    return {run: row for row, run in enumerate(cells_of(runs["run"]))}, rows


def _compared(path: Path) -> list[dict[str, Any]]:
    """The rows of `summary_compare` with a ratio, as dictionaries; texts as they are printed. What the chart needs: `x`
    (the ratio), `key` (what is compared) and `test` (the labels that differ among the tests of a metric)."""
    numbers = ("baseline_runs", "other_runs", "baseline_value", "other_value", "ratio", "ratio_low", "ratio_high")
    header = pd.read_csv(path, nrows=0).columns
    types = {name: "Float64" if name in numbers else "string" for name in header}  # `1.10` stays a text
    table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
    table = table[table["ratio"].notna()]
    cells = {name: _printable(table[name]) for name in table}
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    labels = [name for name in header if name not in (*numbers, "baseline", "other", "metric", "unit")]
    values = defaultdict(set)
    for row in rows:
        for name in labels:
            values[row["metric"], name].add(row[name])
    for row in rows:
        own = {name: words(row[name]) for name in labels if len(values[row["metric"], name]) > 1}
        parts = [f"{name} {value}" if name in LOAD else value for name, value in own.items() if value]
        row |= {"x": row["ratio"], "key": words(row["other"]), "test": " · ".join(parts)}
    return rows


def _breaks(columns: Sequence[Column], recomputed: bool) -> tuple[list[tuple[str, str, str]], dict[str, list[int]]]:
    """The breaks (release, metric, change) that matter here, oldest first, and column → the indices of its own."""
    known = sorted(
        ((definition, change) for _, definition, change in dictionary.breaks() if change.measured or not recomputed),
        key=lambda known: release(known[1].release),
    )
    of_column = {
        column.name: [i for i, (definition, _) in enumerate(known) if definition.covers(column.name, column.metric)]
        for column in columns
    }
    return [(change.release, definition.name, change.change) for definition, change in known], of_column


def _windows(runs: pd.DataFrame, releases: Sequence[str]) -> tuple[list[dict[str, Any]], list[int]]:
    """The windows of releases that runs come from, oldest first, and the one of each run."""
    pairs = list(zip(cells_of(runs[AT_LEAST]), cells_of(runs[BELOW]), strict=True))
    found = sorted(set(pairs), key=lambda pair: (release(pair[0] or "0"), release(pair[1] or "9999")))
    windows = []
    for at_least, below in found:
        window = Window(at_least or "0", below)
        sides = [1 if window.certainly_since(r) else -1 if window.certainly_before(r) else 0 for r in releases]
        windows.append({"label": f"{at_least} – <{below}" if below else f"≥{at_least}", "sides": sides})
    index = {pair: i for i, pair in enumerate(found)}
    return windows, [index[pair] for pair in pairs]


# --- columns -----------------------------------------------------------------------------------------------------


def _table(columns: Sequence[Column], table: pd.DataFrame, breaks: Mapping[str, list[int]]) -> dict[str, Any]:
    return {
        "columns": [_described(column) | {"breaks": breaks.get(column.name, [])} for column in columns],
        "data": [_encoded(column, table[column.name]) for column in columns],
    }


def _described(column: Column) -> dict[str, Any]:
    """What the page knows of a column."""
    metric = BY_NAME[column.of] if column.of else column
    chinese = _chinese(metric)
    if column.statistic:
        chinese = f"{TEXT['zh'][column.statistic]}：{chinese}"
    is_metric = metric.name in _METRICS
    return {
        "name": column.name,
        "type": column.type,
        "unit": column.unit,
        "en": column.description,
        "zh": chinese,
        "metric": metric.name if is_metric else "",
        "statistic": column.statistic,
        "of": column.of,
        "family": metric.metric or ("metrics" if is_metric else "labels"),
        "percent": metric.percent,
    }


def _hidden(name: str) -> dict[str, Any]:
    """A column that no table shows."""
    titles = {language: text.get(name, name) for language, text in TEXT.items()}
    plain: dict[str, Any] = {
        "type": "float",
        "metric": "",
        "statistic": "",
        "family": "hidden",
        "percent": None,
        "breaks": [],
    }
    return {"name": name, "unit": "req/s" if name == "offered" else "", **titles, **plain, "hidden": True}


def _statistics(stats: pd.DataFrame, settings: Mapping[str, Any], sizes: Any) -> dict[str, Any]:
    """`summary_stats`, without what a group of one run has from that run: in most sweeps, every second number."""
    columns = stats_columns(settings)
    single = sizes == 1
    cut = {column.name: stats[column.name].mask(single) for column in columns if column.statistic in OF_ONE}
    return _table(columns, stats.assign(**cut), {})


_METRICS = frozenset(column.name for column in metric_columns("all"))


def _chinese(column: Column) -> str:
    if column.metric:
        described = _PERCENTILES[column.metric].description
        name = {0: "最小值", 100: "最大值"}.get(column.percent or 0, f"P{column.percent}")
        return f"{name}：{_CHINESE.get(described, described)}"
    return str(_CHINESE.get(column.description, TEXT["zh"]["columns"].get(column.description, column.description)))


def _encoded(column: Column, series: pd.Series) -> Any:
    """The cells of a column, as small as may be: null if all are empty; for text `values` and for each row the index
    of its own; else a list."""
    cells = cells_of(series)
    if all(cell is None for cell in cells):
        return None
    if column.type == "text":
        values = {text: i for i, text in enumerate(dict.fromkeys(cells))}
        return {
            "values": [text if text is None else printable(text) for text in values],
            "rows": [values[text] for text in cells],
        }
    if column.type == "float":
        return [value if value is None else float(f"{value:.{DIGITS}g}") for value in cells]
    return cells


def run_logged(log: Path, function: Callable[..., None], *arguments: Any) -> None:
    """Run what a rule does; what is wrong with a table becomes a message, in the rule's log and without a traceback."""
    try:
        function(*arguments)
    except WrongTable as error:
        log.write_text(f"{error}\n", "utf-8")
        sys.exit(str(error))
    log.write_text("")


def dump(data: Content) -> bytes:
    """The content as JSON."""
    return orjson.dumps(data)
