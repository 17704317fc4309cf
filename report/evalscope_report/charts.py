"""The charts, as Vega-Lite specifications of the first view. A figure is drawn from one as it is; the page changes the
titles, the kinds of scales and the colours of those it shows, and gives both the same rows.

A row stands for a run: `row` (its place), `key` (what has a colour), `dash` and `facet` (the values of further labels),
`series` and `group` (numbers), `name`, `level` and `load` (a number, and in words), and the `fields` of the chart. All
that is computed of rows is computed by transforms here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .comparing import DASHES
from .looks import GREY

Spec = dict[str, Any]
Chart = dict[str, Any]
"""`spec`; `fields`: field → column; `pick`: fields that the page lets choose → from what (`metrics`, `loads`,
`families`, `measures`); `logs`: axes that can be logarithmic; `rows`: `runs`, `requests` or `compared`; `at`: only runs
of one load are drawn; `per`: what a line or point stands for, so that the page can count them."""

PERCENTS = (10, 25, 50, 75, 90, 95, 99)
REPEATED = ("output_throughput", "request_throughput", "latency", "ttft", "token_latency", "inter_token_latency")
"""The metrics of the chart of repeatability."""

LABELLED = 24
"""Lines that have their loads beside them."""

PER_GROUP = ["key", "series", "group", "dash", "facet", "level", "load", "name"]

_DATUM = {"content": "data"}  # the row itself, which the page puts into words: cheaper than an expression per point
_MUTED = "isValid(brought) ? datum.key !== brought : length(kept) > 0 && indexof(kept, datum.key) < 0"  # of the page
_VALID = {
    "filter": "isValid(datum.x) && isValid(datum.y) && (!logX || datum.x > 0) && (!logY || datum.y > 0)",
}
# decimal notation, as `7e+4` is hard to read
_AXIS = {"format": ",.6~r", "tickCount": 8}
LINEAR: Spec = {"type": "linear", "zero": True, "nice": True}
LOG: Spec = {"type": "log", "nice": False, "padding": 12}


def _axis(axis: str, **more: Any) -> Spec:
    return {"field": axis, "type": "quantitative", "title": axis, "scale": LINEAR, "axis": _AXIS | more}


def _opacity(value: float) -> Spec:
    return {"condition": {"test": _MUTED, "value": 0.07}, "value": value}


def _lines(transform: Sequence[Spec], width: float = 2, **encoding: Any) -> Spec:
    return {
        "transform": [_VALID, *transform],
        "mark": {"type": "line", "strokeWidth": width},
        "encoding": {"opacity": _opacity(0.9), "strokeDash": _dash(), **encoding},
    }


def _points(transform: Sequence[Spec], size: float, opacity: float, shape: bool = False, **encoding: Any) -> Spec:
    own = {"shape": {"field": "key", "type": "nominal"}} if shape else {}
    return {
        "transform": [_VALID, *transform],
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": size},
        "encoding": {"opacity": _opacity(opacity), **own, **encoding},
    }


def _dash() -> Spec:
    return {"field": "dash", "type": "nominal"}


_OTHERS: Spec = {
    "data": {"name": "others"},
    "transform": [_VALID],
    "mark": {"type": "point", "filled": True, "size": 12, "tooltip": _DATUM},
    "encoding": {"color": {"value": GREY}, "opacity": {"value": 0.45}},
}

_ZOOM = {"name": "zoom", "select": {"type": "interval", "zoom": "wheel![event.shiftKey]"}, "bind": "scales"}
_DETAIL = {"field": "series", "type": "nominal"}


def _chart(*layers: Spec, others: bool = False, **encoding: Any) -> Spec:
    """A specification; `encoding` is what all layers share."""
    layers = ((_OTHERS,) if others else ()) + layers
    first = layers[0] | {"params": [_ZOOM]} if _can_zoom(encoding) else layers[0]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"name": "runs", "format": {"parse": None}},
        "params": [
            {"name": "brought", "value": None},
            {"name": "kept", "value": []},
            {"name": "logX", "value": False},
            {"name": "logY", "value": False},
        ],
        "encoding": {
            **encoding,
            "color": {"field": "key", "type": "nominal", "sort": None, "scale": {}, "legend": {"orient": "bottom"}},
        },
        "layer": [first, *layers[1:]],
    }


def _can_zoom(encoding: Mapping[str, Spec]) -> bool:
    return all(encoding[axis].get("type") == "quantitative" for axis in ("x", "y"))


def _mean(*fields: str, by: Sequence[str] = (*PER_GROUP, "x")) -> Spec:
    statistics = [
        {"op": op, "field": field, "as": f"{op}_{field}"} for field in fields for op in ("mean", "min", "max")
    ]
    return {"aggregate": [*statistics, {"op": "count", "as": "runs"}], "groupby": list(by)}


_LOADS = _axis("x", tickMinStep=0)

LOAD_CURVES = _chart(
    {
        "transform": [_VALID, _mean("y")],
        "mark": {"type": "area", "interpolate": "linear"},
        "encoding": {
            "y": {"field": "min_y"},
            "y2": {"field": "max_y"},
            "detail": _DETAIL,
            "opacity": {"condition": {"test": _MUTED, "value": 0.02}, "value": 0.15},
        },
    },
    _lines([_mean("y")], y={"field": "mean_y"}, detail=_DETAIL),
    _points([], 18, 0.6),
    _points([_mean("y")], 46, 0.95, shape=True, y={"field": "mean_y"}),
    others=True,
    x=_LOADS,
    y=_axis("y"),
)

_MEANS = _mean("x", "y", by=PER_GROUP)
_AT_MEANS = {"x": {"field": "mean_x"}, "y": {"field": "mean_y"}}
LATENCY_THROUGHPUT = _chart(
    _lines([_MEANS], 1.8, **_AT_MEANS, order={"field": "level", "type": "quantitative"}, detail=_DETAIL),
    _points([], 14, 0.5),
    _points([_MEANS], 60, 0.95, shape=True, **_AT_MEANS),
    {
        # beside the last point of a line, and the first: more would lie on each other
        "transform": [
            _VALID,
            _MEANS,
            {
                "joinaggregate": [
                    {"op": "max", "field": "level", "as": "last"},
                    {"op": "min", "field": "level", "as": "first"},
                ],
                "groupby": ["series"],
            },
            {"joinaggregate": [{"op": "distinct", "field": "series", "as": "lines"}], "groupby": []},
            {
                "calculate": f"datum.lines <= {LABELLED} && (datum.level === datum.last || datum.level === datum.first)"
                " ? datum.load : ''",
                "as": "beside",
            },
        ],
        "mark": {"type": "text", "align": "left", "dx": 7, "dy": -7, "fontSize": 11},
        "encoding": {**_AT_MEANS, "text": {"field": "beside", "type": "nominal"}, "opacity": _opacity(1)},
    },
    others=True,
    x=_axis("x"),
    y=_axis("y"),
)

_FOLDED = [
    {"fold": [f"p{percent}" for percent in PERCENTS], "as": ["percentile", "y"]},
    {"calculate": "toNumber(slice(datum.percentile, 1))", "as": "x"},
    _VALID,
    _mean("y"),
]
PERCENTILE_PROFILE = _chart(
    {**_lines([], y={"field": "mean_y"}, detail={"field": "group", "type": "nominal"}), "transform": _FOLDED},
    {**_points([], 46, 0.95, shape=True, y={"field": "mean_y"}), "transform": _FOLDED},
    x=_axis("x", values=list(PERCENTS), labelExpr="'P' + datum.value"),
    y=_axis("y"),
)
PERCENTILE_PROFILE["encoding"]["x"]["scale"] = LINEAR | {"zero": False}

_TIME = {
    "field": "time",
    "type": "temporal",
    "scale": {"type": "utc", "padding": 10},
    "title": "time",
    "axis": {
        "labelExpr": "utcFormat(datum.value, span(domain('x')) > 3456e5 ? '%Y-%m-%d' : '%m-%d %H:%M')",
        "tickCount": 8,
    },
}
_TIMED = {"filter": "isValid(datum.time) && isValid(datum.y) && (!logY || datum.y > 0)"}
_BY_TIME = [{"field": "time", "order": "ascending"}]
_SIDES = {"flatten": ["breaks", "sides"], "as": ["break", "side"]}

# A run's sides: of each release that changed the metric, whether it is from before (-1) or since then (1), null where
# that is not certain. A line is interrupted where two runs of a group lie on different sides.
_ERAS = [
    _TIMED,
    _SIDES,
    {
        "window": [{"op": "prev_value", "field": "side", "as": "known"}],
        "groupby": ["group", "break"],
        "sort": _BY_TIME,
        "frame": [None, 0],
    },
    {"window": [{"op": "lag", "field": "known", "as": "last"}], "groupby": ["group", "break"], "sort": _BY_TIME},
    {"calculate": "isValid(datum.last) && isValid(datum.known) && datum.last !== datum.known ? 1 : 0", "as": "crossed"},
    {
        "aggregate": [{"op": "max", "field": "crossed", "as": "crossed"}],
        "groupby": ["row", "time", "y", "key", "group", "dash"],
    },
    {
        "window": [{"op": "sum", "field": "crossed", "as": "era"}],
        "groupby": ["group"],
        "sort": _BY_TIME,
        "frame": [None, 0],
    },
]
# The first run since a release that follows one from before it, whatever their groups.
_MARKS = [
    _TIMED,
    _SIDES,
    {"calculate": "datum.side === -1 ? 1 : 0", "as": "old"},
    {
        "window": [{"op": "sum", "field": "old", "as": "seen"}],
        "groupby": ["break"],
        "sort": _BY_TIME,
        "frame": [None, 0],
    },
    {"filter": "datum.side === 1 && datum.seen > 0"},
    {"aggregate": [{"op": "min", "field": "time", "as": "since"}], "groupby": ["break"]},
    {"calculate": "toDate(datum.since)", "as": "date"},
    {
        "lookup": "break",
        "from": {"data": {"name": "breaks"}, "key": "index", "fields": ["release", "metric", "change"]},
    },
]
OVER_TIME = _chart(
    {
        "transform": _MARKS,
        "mark": {"type": "rule", "tooltip": _DATUM, "strokeDash": [4, 3], "strokeWidth": 1.2},
        "encoding": {"x": {"field": "date"}, "color": {"value": GREY}, "y": {"value": 0}, "y2": {"value": "height"}},
    },
    {
        "transform": [
            *_MARKS,
            {"aggregate": [{"op": "min", "field": "since", "as": "since"}], "groupby": ["release"]},
            {"calculate": "toDate(datum.since)", "as": "date"},
            {"window": [{"op": "row_number", "as": "place"}], "sort": [{"field": "since", "order": "ascending"}]},
            {"calculate": "(datum.place - 1) % 4 * 13", "as": "line"},
        ],
        "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 4, "fontSize": 11},
        "encoding": {
            "x": {"field": "date"},
            "y": {"value": 2},
            "yOffset": {"field": "line", "type": "quantitative", "scale": None},
            "text": {"field": "release", "type": "nominal"},
            "color": {"value": GREY},
        },
    },
    {
        "transform": _ERAS,
        "mark": {"type": "line", "strokeWidth": 1},
        "encoding": {
            "opacity": _opacity(0.5),
            "strokeDash": _dash(),
            "detail": [{"field": "group", "type": "nominal"}, {"field": "era", "type": "nominal"}],
        },
    },
    {
        "transform": [_TIMED],
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 40},
        "encoding": {"opacity": _opacity(0.85), "shape": {"field": "key", "type": "nominal"}},
    },
    x=_TIME,
    y=_axis("y"),
)

_VARIATION = [
    {"fold": list(REPEATED), "as": ["metric", "value"]},
    {"filter": "isValid(datum.value)"},
    {
        "aggregate": [
            {"op": "mean", "field": "value", "as": "mean"},
            {"op": "stdev", "field": "value", "as": "std"},
            {"op": "valid", "field": "value", "as": "runs"},
        ],
        "groupby": ["metric", *PER_GROUP],
    },
    {"filter": "datum.runs > 1 && datum.mean !== 0"},
    {"calculate": "datum.std / datum.mean", "as": "x"},
    {"filter": "!logX || datum.x > 0"},
]
REPEATABILITY = _chart(
    {
        "transform": _VARIATION,
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 46},
        "encoding": {"opacity": _opacity(0.8), "shape": {"field": "key", "type": "nominal"}},
    },
    x=_axis("x") | {"axis": {"format": ".3~%", "tickCount": 8}},
    y={
        "field": "metric",
        "type": "nominal",
        "title": None,
        "sort": list(REPEATED),
        "axis": {"grid": True, "labelLimit": 0},
    },
)

GPU_MEMORY = _chart(
    {
        "transform": [_VALID, _mean("y", "low", "high")],
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"y": {"field": "min_low"}, "y2": {"field": "max_high"}, "opacity": _opacity(0.5)},
    },
    _points([], 50, 0.85, shape=True),
    x=_LOADS,
    y=_axis("y"),
)

SLO_SHARE = _chart(
    _lines([_mean("y")], y={"field": "mean_y"}, detail=_DETAIL),
    _points([], 18, 0.6),
    _points([_mean("y")], 46, 0.95, shape=True, y={"field": "mean_y"}),
    x=_LOADS,
    y=_axis("y", format="%") | {"scale": LINEAR | {"domainMax": 1}},
)

# A row per run: lists, so that a page with many requests has few objects until they are drawn.
_FLAT = [{"flatten": ["xs", "ys"], "as": ["x", "y"]}, _VALID]
_PER_RUN = {"field": "row", "type": "nominal"}
DISTRIBUTION = _chart(
    {
        "transform": _FLAT,
        "mark": {"type": "line", "strokeWidth": 1.4, "interpolate": "step-after"},
        "encoding": {
            "opacity": _opacity(0.8),
            "strokeDash": _dash(),
            "detail": _PER_RUN,
            "order": {"field": "y", "type": "quantitative"},
        },
    },
    {
        "transform": [*_FLAT, {"filter": "datum.y === 50 || datum.y === 90 || datum.y === 99"}],
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 40},
        "encoding": {"opacity": _opacity(0.9), "shape": {"field": "key", "type": "nominal"}},
    },
    x=_axis("x"),
    y=_axis("y", labelExpr="datum.value + ' %'"),
)
REQUESTS_OVER_TIME = _chart(
    {
        "transform": _FLAT,
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 16},
        "encoding": {"opacity": _opacity(0.6), "shape": {"field": "key", "type": "nominal"}},
    },
    x=_axis("x"),
    y=_axis("y"),
)

# tok/s that a user sees against tok/s of each GPU: means of groups, and those that no other group beats in both
_PARETO = [
    {"filter": "datum.tpot > 0 && isValid(datum.throughput) && toNumber(datum.gpus) > 0"},
    {"calculate": "1 / datum.tpot", "as": "x"},
    {"calculate": "datum.throughput / toNumber(datum.gpus)", "as": "y"},
    _VALID,
    _MEANS,
]
_FRONTIER = [
    *_PARETO,
    {
        "window": [{"op": "max", "field": "mean_y", "as": "best"}],
        "sort": [{"field": "mean_x", "order": "descending"}],
        "frame": [None, -1],
    },
    {"filter": "!(datum.best >= datum.mean_y)"},
]
PARETO = _chart(
    {
        "transform": _FRONTIER,
        "mark": {"type": "line", "strokeWidth": 5, "interpolate": "step-before", "opacity": 0.35},
        "encoding": {
            "color": {"value": GREY},
            "order": {"field": "mean_x", "type": "quantitative"},
            **_AT_MEANS,
        },
    },
    {
        "transform": _PARETO,
        "mark": {"type": "line", "strokeWidth": 1.4},
        "encoding": {
            **_AT_MEANS,
            "opacity": _opacity(0.8),
            "strokeDash": _dash(),
            "order": {"field": "level", "type": "quantitative"},
            "detail": _DETAIL,
        },
    },
    {
        "transform": _PARETO,
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 60},
        "encoding": {**_AT_MEANS, "opacity": _opacity(0.95), "shape": {"field": "key", "type": "nominal"}},
    },
    {
        "data": {"name": "slo"},
        "mark": {"type": "rule", "strokeDash": [6, 3], "strokeWidth": 1.5},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "color": {"value": GREY}},
    },
    x=_axis("x"),
    y=_axis("y"),
)

COMPARISON = _chart(
    {
        "data": {"values": [{"x": 1}]},
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "color": {"value": GREY}},
    },
    {
        "transform": [{"filter": "isValid(datum.ratio_low) && isValid(datum.ratio_high)"}],
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "ratio_low"},
            "x2": {"field": "ratio_high"},
            "y": {"field": "test", "type": "nominal"},
            "yOffset": {"field": "key"},
            "opacity": _opacity(0.7),
        },
    },
    {
        "transform": [{"filter": "isValid(datum.x)"}],
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 50},
        "encoding": {
            "y": {"field": "test", "type": "nominal"},
            "yOffset": {"field": "key"},
            "shape": {"field": "key", "type": "nominal"},
            "opacity": _opacity(1),
        },
    },
    x=_axis("x") | {"scale": LINEAR | {"zero": False, "padding": 10}},
    y={"title": None, "sort": None, "axis": {"labelLimit": 0, "grid": True}},
)

FIGURES = (
    "latency_throughput",
    "load_curves",
    "percentile_profile",
    "over_time",
    "repeatability",
    "gpu_memory",
)
"""The charts that are made as pictures, too."""


def charts(data: Mapping[str, Any]) -> dict[str, Chart]:
    """The charts that the tables have columns for, in order.

    Args:
        data: of `content.content`.
    """
    table = data["tables"]["raw"]
    columns = {column["name"]: column for column in table["columns"]}
    full = {name for name, cells in zip(columns, table["data"], strict=True) if cells is not None}
    first = data["first"]

    def of(*names: str) -> str:
        return next((name for name in names if name in full), names[0])

    family = columns[of("50p_ttft_", "50p_latency_")]["family"]
    family_columns = {f"p{c['percent']}": c["name"] for c in columns.values() if c["family"] == family}
    gpus = _gpu_label(data["labels"], columns, table["data"])
    loads = {"x": first["x"]}
    levels = [level for level in table["data"][list(columns).index("level")] if level]
    wide = bool(levels) and max(levels) >= 16 * min(levels)  # 1 to 128 would lie at the left
    logs = {"x": wide, "y": False}
    both = {"x": False, "y": False}
    made: dict[str, Chart] = {
        "latency_throughput": _made(
            LATENCY_THROUGHPUT,
            {"x": of("output_throughput", "request_throughput"), "y": of("99p_ttft_", "ttft", "latency")},
            {"y": "metrics", "x": "metrics"},
            both,
            facets=True,
        ),
        "load_curves": _made(
            LOAD_CURVES,
            loads | {"y": of("output_throughput", "latency")},
            {"y": "metrics", "x": "loads"},
            logs,
            facets=True,
        ),
        "percentile_profile": _made(
            PERCENTILE_PROFILE,
            {f"p{percent}": family_columns[f"p{percent}"] for percent in PERCENTS},
            {"family": "families"},
            {"y": False},
            at=True,
            family=family,
        ),
    }
    if data["requests"]:
        made["distribution"] = _made(
            DISTRIBUTION, {"y": of("ttft", "latency")}, {"y": "measures"}, {"x": False}, rows="requests", at=True
        )
        made["requests_over_time"] = _made(
            REQUESTS_OVER_TIME,
            {"y": "latency"},
            {"y": "measures"},
            {"y": False},
            rows="requests",
            at=True,
        )
    if "slo_share" in full:
        made["slo_share"] = _made(SLO_SHARE, loads | {"y": "slo_share"}, {"x": "loads"}, {"x": wide})
    if data["compared"]:
        made["comparison"] = _made(COMPARISON, {}, {"metric": "compared"}, {}, rows="compared")
    if gpus and {"token_latency", "output_throughput"} <= full:
        fields = {"tpot": "token_latency", "throughput": "output_throughput", "gpus": gpus}
        made["pareto"] = _made(PARETO, fields, {}, both)
    made["over_time"] = _made(
        OVER_TIME, {"time": "time", "y": of("ttft", "latency")}, {"y": "metrics"}, {"y": False}, sides=True
    )
    made["repeatability"] = _made(REPEATABILITY, {name: name for name in REPEATED}, {}, {"x": False})
    if "avg_gpu_memory" in full:
        fields = loads | {"y": "avg_gpu_memory", "low": "min_gpu_memory", "high": "max_gpu_memory"}
        made["gpu_memory"] = _made(GPU_MEMORY, fields, {"x": "loads"}, {"x": wide})
    return made


def _made(
    spec: Spec, fields: Mapping[str, str], pick: Mapping[str, str], logs: Mapping[str, bool], **more: Any
) -> Chart:
    return {"spec": spec, "fields": dict(fields), "pick": dict(pick), "logs": dict(logs), "rows": "runs"} | more


def _gpu_label(labels: Sequence[Mapping[str, Any]], columns: Mapping[str, Any], data: Sequence[Any]) -> str:
    """The label that holds the number of GPUs: one with `gpu` in its name whose values are numbers; else empty."""
    places = list(columns)
    for label in labels:
        if "gpu" in label["name"].lower():
            values = [one for one in data[places.index(label["name"])]["values"] if one not in (None, "")]
            if values and all(str(one).isdigit() and int(one) > 0 for one in values):
                return str(label["name"])
    return ""


LIMITS = {"dashes": DASHES, "panels": 12, "levels": 8, "lines": 120, "others": 1500, "printed": 40}
"""What is shown at most: kinds of lines, panels, loads in the table of numbers, lines in colour, points of others, rows
of a table on paper."""
