"""Draw one chart of the page, in its first view, as SVG or PNG. Run by rule `figure`."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert
from evalscope_report.charts import CHARTS, CONFIG, LIMITS, LINEAR, REPEATED, Spec, fill
from evalscope_report.content import Content, content, run_logged
from evalscope_summary.jsonfile import write_atomically

if TYPE_CHECKING:
    snakemake: Any  # Snakemake puts it here

TEXT_COLOUR = "#1b1f24"
Row = dict[str, Any]


class Runs:
    """The table of runs by column and row, and the words for its columns.

    Args:
        data: of `content.content`.
    """

    def __init__(self, data: Content) -> None:
        self.data = data
        self.words = data["text"]["en"]
        table = data["tables"]["raw"]
        self.columns = {column["name"]: column for column in table["columns"]}
        self._cells = dict(zip(self.columns, table["data"], strict=True))
        self.rows = range(len(data["groups"]))

    def cell(self, name: str, row: int) -> Any:
        """A cell, None if it is empty."""
        cells = self._cells[name]
        if isinstance(cells, dict):
            return cells["values"][cells["rows"][row]]
        return cells and cells[row]

    def first(self, *names: str) -> str:
        """The first of some columns that has a value, else the first."""
        return next((name for name in names if self._cells[name]), names[0])

    def title(self, name: str) -> str:
        """What an axis calls a column."""
        column = self.columns[name]
        return str(column["en"]).split(";")[0] + (f", {column['unit']}" if column["unit"] else "")

    def sides(self, row: int) -> list[int]:
        """Per break, whether a run is certainly from before (-1) or since then (1)."""
        sides: list[int] = self.data["windows"][self.data["window"][row]]["sides"]
        return sides

    def row(self, row: int, **more: Any) -> Row:
        """What all charts know of a run."""
        group = self.data["groups"][row]
        parallel, rate = self.cell("parallel", row), self.cell("rate", row)
        labels = {name: _short(self.cell(name, row) or self.words["empty"]) for name in ("config", "model")}
        return {
            "group": group,
            "series": self.data["series"][group],
            "level": rate if parallel is None else parallel,
            "levelText": ""
            if parallel is None and rate is None
            else f"{rate:g}/s"
            if parallel is None
            else str(parallel),
            "colour": labels["config"],
            "facet": "",
            "release": self.data["windows"][self.data["window"][row]]["label"],
            "workload": "",
            "run": self.cell("run", row),
            **labels,
            **more,
        }


def _short(text: str, most: int = 72) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[1 - most // 2 :]}"


def _crossed(runs: Runs, x: str, y: str) -> Iterator[Row]:
    for row in runs.rows:
        values = {"x": runs.cell(x, row), "y": runs.cell(y, row)}
        if None not in values.values():
            yield runs.row(row, **values)


Drawn = tuple[list[Row], list[Row], dict[str, Any]]
"""Rows, marks, and words of a specification."""


def load_curves(runs: Runs) -> Drawn:
    """A metric against the load."""
    x, y = runs.first("parallel", "rate"), runs.first("output_throughput", "latency")
    return list(_crossed(runs, x, y)), [], {"xTitle": runs.title(x), "yTitle": runs.title(y), "xStep": x == "parallel"}


def latency_throughput(runs: Runs) -> Drawn:
    """Latency against throughput."""
    x, y = "output_throughput", "latency"
    return list(_crossed(runs, x, y)), [], {"xTitle": runs.title(x), "yTitle": runs.title(y)}


def percentile_profile(runs: Runs) -> Drawn:
    """Percentiles of TTFT (of latency, if nothing was streamed) of the first groups."""
    family = runs.columns[runs.first("50p_ttft_", "50p_latency_")]["family"]
    columns = [c for c in runs.columns.values() if c["family"] == family and 10 <= (c["percent"] or 0) <= 99]
    members: dict[int, list[int]] = {}
    for row in runs.rows:
        members.setdefault(runs.data["groups"][row], []).append(row)
    rows = []
    for _, own in sorted(members.items())[: LIMITS["groups"]]:
        known = runs.row(own[0])
        known["colour"] = f"{known['config']} · {known['levelText']}"
        for column in columns:
            values = [value for row in own if (value := runs.cell(column["name"], row)) is not None]
            if values:
                rows.append(known | {"x": column["percent"], "y": sum(values) / len(values), "runs": len(values)})
    title = runs.title(columns[0]["name"]).partition(" of the ")[2]
    return rows, [], {"xTitle": runs.words["percentile"], "yTitle": title, "colourTitle": runs.words["group"]}


def over_time(runs: Runs) -> Drawn:
    """A metric by the time of the run, with marks where a release changed its definition."""
    metric = runs.first("ttft", "latency")
    breaks = runs.columns[metric]["breaks"]
    timed = [
        (_milliseconds(runs.cell("timestamp", row)), row)
        for row in runs.rows
        if runs.cell("timestamp", row) and runs.cell(metric, row) is not None
    ]
    timed.sort()
    rows, marks = [], {}
    known: dict[int, dict[int, int]] = {}  # group → break → on which side of it its last run lies
    ever_before: set[int] = set()
    eras: dict[int, int] = {}
    marked: set[int] = set()
    for time, row in timed:
        group, sides = runs.data["groups"][row], runs.sides(row)
        own = known.setdefault(group, {})
        changed = [i for i in breaks if sides[i] and own.get(i, sides[i]) != sides[i]]
        eras[group] = eras.get(group, 0) + bool(changed)
        fresh = [i for i in breaks if sides[i] == 1 and i in ever_before and i not in marked]
        marked.update(fresh)
        for i in sorted({*fresh, *(i for i in changed if sides[i] == 1)}):
            marks[i, time] = {"time": time, "config": runs.cell("config", row), **runs.data["breaks"][i]}
        own |= {i: sides[i] for i in breaks if sides[i]}
        ever_before.update(i for i in breaks if sides[i] == -1)
        rows.append(runs.row(row, time=time, y=runs.cell(metric, row), era=eras[group]))
    return rows, _labelled(list(marks.values())), {"xTitle": runs.words["time"], "yTitle": runs.title(metric)}


def _labelled(marks: list[Row]) -> list[Row]:
    """Marks with what is written beside them: each release once, in four lines so that neighbours don't overlap."""
    marks.sort(key=lambda mark: mark["time"])
    of_time: dict[int, list[str]] = {}
    seen: set[str] = set()
    for mark in marks:
        mark |= {"label": "", "line": 0, "change": mark["en"]}
        if mark["release"] not in seen:
            of_time.setdefault(mark["time"], []).append(mark["release"])
            seen.add(mark["release"])
    for number, (time, releases) in enumerate(of_time.items()):
        first = next(mark for mark in marks if mark["time"] == time)
        first |= {"label": ", ".join(releases), "line": number % 4 * 13}
    return marks


def _milliseconds(timestamp: str) -> int:
    clock = datetime.datetime.strptime(timestamp, "%Y%m%d_%H%M%S").replace(tzinfo=datetime.UTC)
    return int(clock.timestamp() * 1000)


def repeatability(runs: Runs) -> Drawn:
    """The coefficients of variation of the main metrics."""
    rows = [
        runs.row(row, metric=runs.columns[metric]["en"], y=runs.cell(metric, row))
        for metric in REPEATED
        for row in runs.rows
        if runs.cell(metric, row) is not None
    ]
    sizes: dict[tuple[int, str], int] = {}
    for row in rows:
        sizes[row["group"], row["metric"]] = sizes.get((row["group"], row["metric"]), 0) + 1
    return (
        [row for row in rows if sizes[row["group"], row["metric"]] > 1],
        [],
        {"xTitle": runs.words["cv"], "yTitle": ""},
    )


def gpu_memory(runs: Runs) -> Drawn:
    """Peak GPU memory against the load."""
    x, y = runs.first("parallel", "rate"), "avg_gpu_memory"
    rows = [
        runs.row(row, **values)
        for row in runs.rows
        if None
        not in (
            values := {
                "x": runs.cell(x, row),
                "y": runs.cell(y, row),
                "low": runs.cell("min_gpu_memory", row),
                "high": runs.cell("max_gpu_memory", row),
            }
        ).values()
    ]
    return rows, [], {"xTitle": runs.title(x), "yTitle": runs.title(y), "xStep": x == "parallel"}


FIGURES: dict[str, Callable[[Runs], Drawn]] = {
    function.__name__: function
    for function in (load_curves, latency_throughput, percentile_profile, over_time, repeatability, gpu_memory)
}


def specification(data: Content, name: str) -> Spec:
    """The Vega-Lite specification of a figure, with its data.

    Args:
        data: of `content.content`.
        name: one of `FIGURES`.
    """
    runs = Runs(data)
    rows, marks, words = FIGURES[name](runs)
    config = CONFIG | {"background": "white", "font": "Noto Sans, Noto Sans CJK SC, DejaVu Sans, sans-serif"}
    if not rows:
        text = {"value": runs.words["nothing"].replace(" that passes the filters", "")}
        return {
            "data": {"values": [{}]},
            "mark": {"type": "text", "fontSize": 14, "color": TEXT_COLOUR},
            "encoding": {"text": text},
            "width": 640,
            "height": 120,
            "config": config,
        }
    drawn_groups = len({row["group"] for row in rows})
    present = list(dict.fromkeys(row["colour"] for row in rows))
    everywhere = [_short(runs.cell("config", row) or runs.words["empty"]) for row in runs.rows]
    colours = list(dict.fromkeys([*everywhere, *present])) if "colourTitle" not in words else present
    words = {
        **{word: text for word, text in runs.words.items() if isinstance(text, str)},
        "xScale": LINEAR,
        "yScale": LINEAR,
        "xStep": 0,
        "colourTitle": runs.words["config"],
        "colourScale": {"domain": colours, "scheme": "tableau20" if len(colours) > 10 else "tableau10"},
        "legend": {"orient": "bottom", "columns": 2, "values": present[: LIMITS["colours"]], "labelLimit": 420},
        "size": 30,
        "opacity": 0.75,
        "beside": {"field": "levelText"} if drawn_groups <= LIMITS["labelled"] else {"value": ""},
        "labelLimit": 300,
        "ink": TEXT_COLOUR,
        **words,
    }
    filled = fill(CHARTS[name], words)
    return {
        **filled,
        "layer": [layer for layer in filled["layer"] if marks or layer.get("data") != {"name": "marks"}],
        "datasets": {"rows": rows, "marks": marks},
        "width": 900,
        "height": 400 if name != "repeatability" else 220,
        "config": config,
    }


def write_figure(raw: Path, problems: Path, settings: Path, name: str, output: Path) -> None:
    """Read the tables and draw a figure; the ending of the output's name says in which format.

    Args:
        raw: `summary_raw.csv`.
        problems: `summary_problems.csv`.
        settings: see `content.content`.
        name: one of `FIGURES`.
        output: the picture.
    """
    spec = specification(content(raw, None, problems, settings), name)
    if output.suffix == ".svg":
        write_atomically(output, vl_convert.vegalite_to_svg(spec).encode())
    else:
        write_atomically(output, vl_convert.vegalite_to_png(spec, scale=2))


if __name__ == "__main__":
    tables = (Path(snakemake.input[name]) for name in ("raw", "problems", "settings"))
    run_logged(Path(snakemake.log[0]), write_figure, *tables, snakemake.wildcards.figure, Path(snakemake.output[0]))
