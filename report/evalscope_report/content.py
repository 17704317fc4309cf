"""What the page and the figures show: the tables with what their columns mean, and which definitions each run was
measured by. All knowledge about columns, groups and releases comes from the data layer's own tables."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE.parent / "scripts"))

from evalscope_summary import dictionary, readers  # noqa: E402
from evalscope_summary.columns import AT_LEAST, BELOW, BY_NAME, FURTHER_METRICS, PERCENTILE_METRICS, Column  # noqa: E402
from evalscope_summary.layouts import (  # noqa: E402
    PROBLEM_COLUMNS,
    label_names,
    metric_columns,
    raw_columns,
    stats_columns,
)
from evalscope_summary.problems import printable  # noqa: E402
from evalscope_summary.readers.releases import Window, release  # noqa: E402
from evalscope_summary.tables.csv import read_csv  # noqa: E402
from evalscope_summary.tables.errors import WrongTable  # noqa: E402
from evalscope_summary.tables.frame import cells_of  # noqa: E402
from evalscope_summary.tables.groups import groups  # noqa: E402

DIGITS = 7
"""Significant digits of numbers in the page; the tables have all."""

TEXT = json.loads((HERE / "text.json").read_text("utf-8"))
"""Language → name → what the page says."""

_CHINESE = json.loads((HERE.parent / "config" / "columns.zh.json").read_text("utf-8"))
_PERCENTILES = {metric.name: metric for metric in (*PERCENTILE_METRICS, *FURTHER_METRICS)}

Content = dict[str, Any]
"""See `content`."""


def content(raw: Path, stats: Path | None, problems: Path, settings_file: Path) -> Content:
    """Read the tables.

    Args:
        raw: `summary_raw.csv`.
        stats: `summary_stats.csv`, None if it isn't shown.
        problems: `summary_problems.csv`.
        settings_file: the settings of rule `overview`: how runs are grouped, and what columns there are.

    Returns:
        tables: name → `columns` (dictionaries that describe them) and `data` (see `_encoded`), in the same order.
        groups: of each run, the row of its group in `summary_stats`.
        series: of each group, a number that it shares with the groups that differ from it in the load alone.
        labels: the columns that runs are grouped by.
        breaks: releases that changed what a metric means; columns name theirs by index.
        windows: releases that can have written a run: `label`, and per break whether the run is certainly from
            before (-1) or since then (1).
        window: of each run, its window.
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
    of_run, series = _groups(runs, settings)
    windows, window = _windows(runs, [release for release, *_ in breaks])
    tables = {
        "raw": _table(columns, runs, of_column),
        "problems": _table(PROBLEM_COLUMNS, wrong, {}),
    }
    if stats:
        tables["stats"] = _table(stats_columns(settings), read_csv(stats, stats_columns(settings)), {})
    names = list(settings["trees"].values())
    places = [readers.place(_in_its_tree(run or "", names)) for run in cells_of(wrong["run"])]
    return {
        "tables": tables,
        "groups": of_run,
        "series": series,
        "labels": list(label_names(settings)),
        "breaks": [
            {"release": release, "metric": metric, "en": change, "zh": TEXT["zh"]["changes"].get(change, change)}
            for release, metric, change in breaks
        ],
        "windows": windows,
        "window": window,
        "problemPlaces": [[timestamp, printable(config)] for timestamp, config in places],
        "digits": DIGITS,
        "metrics": settings["metrics"],
        "text": TEXT,
    }


def _in_its_tree(run: str, names: Sequence[str]) -> str:
    """The path of a run below its tree, without the tree's name, which it has if there are several."""
    return next((run.removeprefix(f"{name}/") for name in names if name and run.startswith(f"{name}/")), run)


LOAD = ("parallel", "rate", "number")
"""The labels that say how much load there was: a line in a chart leads over groups that differ in these alone."""


def _groups(runs: pd.DataFrame, settings: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Of each run its group, and of each group its series, numbered as they come."""
    found = groups(runs, settings)
    others = [name for name in found.labels if name not in LOAD]
    series = found.labels.groupby(others, dropna=False, sort=False).ngroup()
    return found.of_run.tolist(), series.tolist()


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
        "family": metric.metric or ("metrics" if is_metric else "labels"),
        "percent": metric.percent,
    }


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
