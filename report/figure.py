"""Draw one chart of the page, in its first view, as SVG or PNG. Run by rule `figure`."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert
from evalscope_report.charts import LIMITS, Chart, charts
from evalscope_report.comparing import AT_ONCE, SERIES, chosen, drawn_lines, names, words
from evalscope_report.content import Content, content, run_logged
from evalscope_report.looks import CONFIG, LIGHT, SHAPES, STROKES
from evalscope_report.marks import LOG, Spec
from evalscope_summary.jsonfile import write_atomically

if TYPE_CHECKING:
    snakemake: Any  # Snakemake puts it here

Row = dict[str, Any]


class View:
    """The first view of the tables: which runs are in colour, what they are called, and their rows for any chart.

    Args:
        data: of `content.content`.
    """

    def __init__(self, data: Content) -> None:
        self.data = data
        self.words = data["text"]["en"]
        table = data["tables"]["raw"]
        self.columns = {column["name"]: column for column in table["columns"]}
        self._cells = dict(zip(self.columns, table["data"], strict=True))
        self.labels = {label["name"]: self._cells[label["name"]] for label in data["labels"]}
        self.by, self.dash = data["first"]["by"], data["first"]["dash"]
        every = range(len(data["groups"]))
        own = self.labels[self.by]
        self.keys = chosen(every, own)
        self.names = self._names(self.by, self.keys)
        lines = self.labels[SERIES]
        colour = [row for row in every if own["rows"][row] in set(self.keys)]
        drawn = drawn_lines(colour, own, lines, data["groups"], LIMITS["points"])
        self.runs = [row for row in colour if lines["rows"][row] in drawn]
        self.others = sorted(set(every) - set(self.runs))
        shown = sorted(drawn)
        self._line_names = dict(zip(shown, self._names(SERIES, shown), strict=True))

    def _names(self, by: str, keys: Sequence[int]) -> list[str]:
        first_run: dict[int, int] = {}
        for row, key in enumerate(self.labels[by]["rows"]):
            first_run.setdefault(key, row)
        return names(keys, first_run, self.labels, by, self.words["empty"])

    def cell(self, name: str, row: int) -> Any:
        """A cell, None if it is empty."""
        cells = self._cells[name]
        if isinstance(cells, dict):
            return cells["values"][cells["rows"][row]]
        return cells and cells[row]

    def title(self, name: str) -> str:
        """What an axis calls a column."""
        column = self.columns[name]
        return str(column["en"]).split(";")[0] + (f", {column['unit']}" if column["unit"] else "")

    def row(self, row: int, chart: Chart) -> Row:
        """What a chart knows of a run."""
        group, key = self.data["groups"][row], self.labels[self.by]["rows"][row]
        line = self.labels[SERIES]["rows"][row]
        made = {
            "row": row,
            "key": self.names[self.keys.index(key)] if key in self.keys else None,
            "dash": words(self.cell(self.dash, row)) or self.words["empty"] if self.dash else "",
            "facet": "",
            "series": line,
            "group": group,
            "name": self._line_names.get(line, ""),
            "level": self.cell("level", row),
            "load": self.cell("load", row),
            **{field: self.cell(name, row) for field, name in chart["fields"].items()},
        }
        if "sides" in chart:
            breaks = self.columns[chart["fields"]["y"]]["breaks"]
            sides = self.data["windows"][self.data["window"][row]]["sides"]
            made |= {"breaks": [-1, *breaks], "sides": [None, *(sides[i] or None for i in breaks)]}
        return made

    def rows(self, chart: Chart) -> tuple[list[Row], list[Row]]:
        """The rows of a chart of runs: those in colour, and the others."""
        at = self.data["first"]["at"] if "at" in chart else None
        parts = ([row for row in part if at in (None, self.cell("load", row))] for part in (self.runs, self.others))
        shown, others = ([self.row(row, chart) for row in part] for part in parts)
        return shown, others[: LIMITS["others"]]


def specification(data: Content, name: str) -> Spec:
    """The Vega-Lite specification of a figure, with its data.

    Args:
        data: of `content.content`.
        name: one of `charts.FIGURES`.
    """
    config = CONFIG | {"background": "white", "font": "Noto Sans, Noto Sans CJK SC, DejaVu Sans, sans-serif"}
    chart = charts(data).get(name)
    view = View(data)
    rows, others = view.rows(chart) if chart else ([], [])
    if not chart or not rows:
        text = {"value": view.words["nothing"]}
        values: Spec = {"values": [{}]}
        return {"data": values, "mark": "text", "encoding": {"text": text}, "config": config, "width": 900}
    spec: Spec = copy.deepcopy(chart["spec"])
    encoding = spec["encoding"]
    titles = {axis: view.title(chart["fields"][axis]) for axis in ("x", "y") if axis in chart["fields"]}
    if name == "percentile_profile":
        titles = _profile(view, chart)
    elif name in ("over_time", "repeatability"):
        titles["x"] = view.words["time" if name == "over_time" else "cv"]
    for axis, title in titles.items():
        encoding[axis] |= {"title": title}
    for axis, logarithmic in chart["logs"].items():
        if logarithmic:
            encoding[axis] |= {"scale": LOG}
            loads = [one for one in view.labels.get(chart["fields"][axis], {}).get("values", ()) if one]
            if 0 < len(loads) <= LIMITS["ticks"]:
                encoding[axis] |= {"axis": encoding[axis]["axis"] | {"values": loads}}
            next(one for one in spec["params"] if one["name"] == f"log{axis.upper()}")["value"] = True
    label = next(label for label in data["labels"] if label["name"] == view.by)
    places = places_of(view.keys, len(view.labels[view.by]["values"]))
    longest = max(map(len, view.names))
    domain = {"domain": view.names, "range": [LIGHT[place % len(LIGHT)] for place in places]}
    legend = {"orient": "bottom", "columns": max(1, 120 // (longest + 4))}
    encoding["color"] |= {"title": label["en"], "scale": domain, "legend": legend}
    shapes = {"domain": view.names, "range": [SHAPES[place % len(SHAPES)] for place in places]}
    dashes = sorted({row["dash"] for row in rows})
    for layer in spec["layer"]:
        own = layer["encoding"]
        if "shape" in own:
            own["shape"] |= {"title": label["en"], "scale": shapes}
        if "strokeDash" in own and view.dash:
            strokes = {"domain": dashes, "range": [STROKES[i % len(STROKES)] for i in range(len(dashes))]}
            own["strokeDash"] |= {"title": view.dash, "scale": strokes}
        elif "strokeDash" in own:
            del own["strokeDash"]
    breaks = [one | {"change": one["en"]} for one in data["breaks"]]
    height = 220 if name == "repeatability" else 400
    datasets = {"runs": rows, "others": others, "breaks": breaks}
    return spec | {"datasets": datasets, "width": 900, "height": height, "config": config}


def places_of(keys: Sequence[int], values: int) -> list[int]:
    """Of each value in colour, the place of its colour and shape: its own in the label, if all its values have one, so
    that a filter doesn't change them; else that among those shown."""
    return list(keys) if values <= AT_ONCE else list(range(len(keys)))


def _profile(view: View, chart: Chart) -> dict[str, str]:
    measured = view.title(chart["fields"]["p50"]).partition(" of the ")[2]
    at = view.data["first"]["at"]
    return {"x": view.words["percentile"], "y": f"{measured} ({view.words['level']} {at})" if at else measured}


def write_figure(raw: Path, problems: Path, settings: Path, name: str, output: Path) -> None:
    """Read the tables and draw a figure; the ending of the output's name says in which format.

    Args:
        raw: `summary_raw.csv`.
        problems: `summary_problems.csv`.
        settings: see `content.content`.
        name: one of `charts.FIGURES`.
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
