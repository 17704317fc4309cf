"""The charts, as Vega-Lite specifications of the first view. A figure is drawn from one as it is; the page changes the
titles, the kinds of scales and the colours of those it shows, and gives both the same rows.

A row stands for a run: `row` (its place), `key` (what has a colour), `dash` and `facet` (the values of further labels),
`series` and `group` (numbers), `name`, `level` and `load` (a number, and in words), and the `fields` of the chart. All
that is computed of rows is computed by transforms here.
"""

from .marks import (
    AS_GREY,
    BESIDE,
    DATUM,
    DETAIL,
    LINEAR,
    PER_GROUP,
    SEVERAL,
    VALID,
    axis,
    dash,
    layered,
    lines,
    mean,
    points,
)

PERCENTS = (10, 25, 50, 75, 90, 95, 99)
REPEATED = ("output_throughput", "request_throughput", "latency", "ttft", "token_latency", "inter_token_latency")
"""The metrics of the chart of repeatability."""

_LOADS = axis("x", tickMinStep=0)

LOAD_CURVES = layered(
    {
        "transform": [VALID, mean("y")],
        "mark": {"type": "area", "interpolate": "linear", "fillOpacity": 0.15},
        "encoding": {"y": {"field": "min_y"}, "y2": {"field": "max_y"}, "detail": DETAIL},
    },
    lines([mean("y")], y={"field": "mean_y"}, detail=DETAIL),
    points(SEVERAL, 18, 0.6),
    points([mean("y")], 46, 0.95, shape=True, y={"field": "mean_y"}),
    others=True,
    x=_LOADS,
    y=axis("y"),
)

_MEANS = mean("x", "y", by=PER_GROUP)
_AT_MEANS = {"x": {"field": "mean_x"}, "y": {"field": "mean_y"}}
LATENCY_THROUGHPUT = layered(
    lines([_MEANS], 1.8, **_AT_MEANS, order={"field": "level", "type": "quantitative"}, detail=DETAIL),
    points(SEVERAL, 14, 0.5),
    points([_MEANS], 60, 0.95, shape=True, **_AT_MEANS),
    {
        "transform": [VALID, _MEANS, *BESIDE],
        "mark": {"type": "text", "align": "left", "dx": 7, "dy": -7, "fontSize": 11},
        "encoding": {**_AT_MEANS, "text": {"field": "load", "type": "nominal"}},
    },
    others=True,
    x=axis("x"),
    y=axis("y"),
)

_FOLDED = [
    {"fold": [f"p{percent}" for percent in PERCENTS], "as": ["percentile", "y"]},
    {"calculate": "toNumber(slice(datum.percentile, 1))", "as": "x"},
    VALID,
    mean("y"),
]
PERCENTILE_PROFILE = layered(
    {**lines([], y={"field": "mean_y"}, detail={"field": "group", "type": "nominal"}), "transform": _FOLDED},
    {**points([], 46, 0.95, shape=True, y={"field": "mean_y"}), "transform": _FOLDED},
    x=axis("x", values=list(PERCENTS), labelExpr="'P' + datum.value"),
    y=axis("y"),
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
OVER_TIME = layered(
    {
        "transform": _MARKS,
        "mark": {"type": "rule", "tooltip": DATUM, "strokeDash": [4, 3], "strokeWidth": 1.2},
        "encoding": {"x": {"field": "date"}, **AS_GREY, "y": {"value": 0}, "y2": {"value": "height"}},
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
            **AS_GREY,
        },
    },
    {
        "transform": _ERAS,
        "mark": {"type": "line", "strokeWidth": 1, "strokeOpacity": 0.5},
        "encoding": {
            "strokeDash": dash(),
            "detail": [{"field": "group", "type": "nominal"}, {"field": "era", "type": "nominal"}],
        },
    },
    {
        "transform": [_TIMED],
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": 40, "fillOpacity": 0.85},
        "encoding": {"shape": {"field": "key", "type": "nominal"}},
    },
    x=_TIME,
    y=axis("y"),
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
REPEATABILITY = layered(
    {
        "transform": _VARIATION,
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": 46, "fillOpacity": 0.8},
        "encoding": {"shape": {"field": "key", "type": "nominal"}},
    },
    x=axis("x") | {"axis": {"format": ".3~%", "tickCount": 8}},
    y={
        "field": "metric",
        "type": "nominal",
        "title": None,
        "sort": list(REPEATED),
        "axis": {"grid": True, "labelLimit": 0},
    },
)

GPU_MEMORY = layered(
    {
        "transform": [VALID, mean("y", "low", "high")],
        "mark": {"type": "rule", "strokeWidth": 2, "strokeOpacity": 0.5},
        "encoding": {"y": {"field": "min_low"}, "y2": {"field": "max_high"}},
    },
    points([], 50, 0.85, shape=True),
    x=_LOADS,
    y=axis("y"),
)

SLO_SHARE = layered(
    lines([mean("y")], y={"field": "mean_y"}, detail=DETAIL),
    points(SEVERAL, 18, 0.6),
    points([mean("y")], 46, 0.95, shape=True, y={"field": "mean_y"}),
    x=_LOADS,
    y=axis("y", format="%") | {"scale": LINEAR | {"domainMax": 1}},
)

# A row per run: lists, so that a page with many requests has few objects until they are drawn.
_FLAT = [{"flatten": ["xs", "ys"], "as": ["x", "y"]}, VALID]
_PER_RUN = {"field": "row", "type": "nominal"}
DISTRIBUTION = layered(
    {
        "transform": _FLAT,
        "mark": {"type": "line", "strokeWidth": 1.4, "interpolate": "step-after", "strokeOpacity": 0.8},
        "encoding": {
            "strokeDash": dash(),
            "detail": _PER_RUN,
            "order": {"field": "y", "type": "quantitative"},
        },
    },
    {
        "transform": [*_FLAT, {"filter": "datum.y === 50 || datum.y === 90 || datum.y === 99"}],
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": 40, "fillOpacity": 0.9},
        "encoding": {"shape": {"field": "key", "type": "nominal"}},
    },
    x=axis("x"),
    y=axis("y", labelExpr="datum.value + ' %'"),
)
REQUESTS_OVER_TIME = layered(
    {
        "transform": _FLAT,
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": 16, "fillOpacity": 0.6},
        "encoding": {"shape": {"field": "key", "type": "nominal"}},
    },
    x=axis("x"),
    y=axis("y"),
)

# tok/s that a user sees against tok/s of each GPU: means of groups, and those that no other group beats in both
_PARETO = [
    {"filter": "datum.tpot > 0 && isValid(datum.throughput) && toNumber(datum.gpus) > 0"},
    {"calculate": "1 / datum.tpot", "as": "x"},
    {"calculate": "datum.throughput / toNumber(datum.gpus)", "as": "y"},
    VALID,
    _MEANS,
]
_FASTEST = [{"field": "mean_x", "order": "descending"}]
_FRONTIER = [
    *_PARETO,
    {"window": [{"op": "max", "field": "mean_y", "as": "best"}], "sort": _FASTEST, "frame": [None, 0]},
    {"window": [{"op": "lag", "field": "best", "as": "before"}], "sort": _FASTEST},
    {"filter": "!isValid(datum.before) || datum.before < datum.mean_y"},
]
PARETO = layered(
    {
        "transform": _FRONTIER,
        "mark": {"type": "line", "strokeWidth": 5, "interpolate": "step-before", "strokeOpacity": 0.35},
        "encoding": {
            **AS_GREY,
            "order": {"field": "mean_x", "type": "quantitative"},
            **_AT_MEANS,
        },
    },
    {
        "transform": _PARETO,
        "mark": {"type": "line", "strokeWidth": 1.4, "strokeOpacity": 0.8},
        "encoding": {
            **_AT_MEANS,
            "strokeDash": dash(),
            "order": {"field": "level", "type": "quantitative"},
            "detail": DETAIL,
        },
    },
    {
        "transform": _PARETO,
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": 60, "fillOpacity": 0.95},
        "encoding": {**_AT_MEANS, "shape": {"field": "key", "type": "nominal"}},
    },
    {
        "data": {"name": "slo"},
        "mark": {"type": "rule", "strokeDash": [6, 3], "strokeWidth": 1.5},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, **AS_GREY},
    },
    x=axis("x"),
    y=axis("y"),
)

COMPARISON = layered(
    {
        "data": {"values": [{"x": 1}]},
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, **AS_GREY},
    },
    {
        "transform": [{"filter": "isValid(datum.ratio_low) && isValid(datum.ratio_high)"}],
        "mark": {"type": "rule", "strokeWidth": 2, "strokeOpacity": 0.7},
        "encoding": {
            "x": {"field": "ratio_low"},
            "x2": {"field": "ratio_high"},
            "y": {"field": "test", "type": "nominal"},
            "yOffset": {"field": "key"},
        },
    },
    {
        "transform": [{"filter": "isValid(datum.x)"}],
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": 50},
        "encoding": {
            "y": {"field": "test", "type": "nominal"},
            "yOffset": {"field": "key"},
            "shape": {"field": "key", "type": "nominal"},
        },
    },
    x=axis("x") | {"scale": LINEAR | {"zero": False, "padding": 10}},
    y={"title": None, "sort": None, "axis": {"labelLimit": 0, "grid": True}},
)
