"""The charts, as Vega-Lite specifications that the page and the figures share.

A specification doesn't name columns: whoever draws it makes rows with the fields of the chart (`x`, `y`, `colour`, …)
and those of `_PER_GROUP` from the columns that were chosen, and replaces the words that begin with `$` (titles, kind
of a scale, …); see `fill`.
"""

from collections.abc import Mapping
from typing import Any

Spec = dict[str, Any]

_DATUM = {"content": "data"}  # the row itself, which the page puts into words: cheaper than an expression per point
_AXIS = {"format": ".4~g", "tickCount": 8, "labelOverlap": True}


def _axis(axis: str, **more: Any) -> Spec:
    return {
        "field": axis,
        "type": "quantitative",
        "title": f"${axis}Title",
        "scale": f"${axis}Scale",
        "axis": _AXIS | more,
    }


_X = _axis("x", tickMinStep="$xStep")
_Y = _axis("y")
_COLOUR = {
    "field": "colour",
    "type": "nominal",
    "title": "$colourTitle",
    "sort": None,
    "scale": "$colourScale",
    "legend": "$legend",
}
_PER_GROUP = ["group", "series", "colour", "facet", "level", "levelText", "config", "model", "workload"]


def _chart(*layers: Spec) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"name": "rows"},
        "layer": list(layers),
    }


def _mean(*fields: str) -> Spec:
    statistics = [
        {"op": op, "field": field, "as": f"{op}_{field}"} for field in fields for op in ("mean", "min", "max")
    ]
    return {"aggregate": [*statistics, {"op": "count", "as": "runs"}], "groupby": [*_PER_GROUP, "x"]}


LOAD_CURVES = _chart(
    {
        "transform": [_mean("y")],
        "mark": {"type": "area", "opacity": 0.18, "interpolate": "linear"},
        "encoding": {
            "x": _X,
            "y": _Y | {"field": "min_y"},
            "y2": {"field": "max_y"},
            "color": _COLOUR,
            "detail": {"field": "series", "type": "nominal"},
        },
    },
    {
        "transform": [_mean("y")],
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": _X,
            "y": _Y | {"field": "mean_y"},
            "color": _COLOUR,
            "detail": {"field": "series", "type": "nominal"},
        },
    },
    {
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": "$size", "opacity": "$opacity"},
        "encoding": {
            "x": _X,
            "y": _Y,
            "color": _COLOUR,
        },
    },
)

_MEANS = {
    "aggregate": [
        {"op": "mean", "field": "x", "as": "mean_x"},
        {"op": "mean", "field": "y", "as": "mean_y"},
        {"op": "count", "as": "runs"},
    ],
    "groupby": _PER_GROUP,
}
_MEAN_X, _MEAN_Y = _X | {"field": "mean_x"}, _Y | {"field": "mean_y"}

LATENCY_THROUGHPUT = _chart(
    {
        "transform": [_MEANS],
        "mark": {"type": "line", "strokeWidth": 1.5, "opacity": 0.7},
        "encoding": {
            "x": _MEAN_X,
            "y": _MEAN_Y,
            "order": {"field": "level", "type": "quantitative"},
            "color": _COLOUR,
            "detail": {"field": "series", "type": "nominal"},
        },
    },
    {
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 14, "opacity": "$opacity"},
        "encoding": {
            "x": _X,
            "y": _Y,
            "color": _COLOUR,
        },
    },
    {
        "transform": [_MEANS],
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 60, "opacity": 0.95},
        "encoding": {
            "x": _MEAN_X,
            "y": _MEAN_Y,
            "color": _COLOUR,
        },
    },
    {
        "transform": [_MEANS],
        "mark": {"type": "text", "align": "left", "dx": 7, "dy": -7, "fontSize": 11},
        "encoding": {"x": _MEAN_X, "y": _MEAN_Y, "text": "$beside"},
    },
)

PERCENTILE_PROFILE = _chart(
    {
        "mark": {"type": "line", "point": {"filled": True, "size": 36, "tooltip": _DATUM}, "strokeWidth": 1.5},
        "encoding": {
            "x": _axis("x", values=[10, 25, 50, 75, 90, 99], labelExpr="'P' + datum.value"),
            "y": _Y,
            "color": _COLOUR,
            "detail": {"field": "group", "type": "nominal"},
        },
    }
)

_TIME = {
    "field": "time",
    "type": "temporal",
    "scale": {"type": "utc", "padding": 8},
    "title": "$time",
    "axis": {"labelOverlap": True},
}

OVER_TIME = _chart(
    {
        "data": {"name": "marks"},
        "mark": {"type": "rule", "tooltip": _DATUM, "strokeDash": [4, 3], "strokeWidth": 1.2, "color": "$ink"},
        "encoding": {
            "x": _TIME,
        },
    },
    {
        "data": {"name": "marks"},
        "transform": [{"filter": "datum.label != ''"}],
        "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 4, "fontSize": 11, "color": "$ink"},
        "encoding": {
            "x": _TIME,
            "y": {"value": 2},
            "yOffset": {"field": "line", "type": "quantitative", "scale": None},
            "text": {"field": "label", "type": "nominal"},
        },
    },
    {
        "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.6},
        "encoding": {
            "x": _TIME,
            "y": _Y,
            "color": _COLOUR,
            "detail": [{"field": "group", "type": "nominal"}, {"field": "era", "type": "nominal"}],
        },
    },
    {
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": "$size", "opacity": "$opacity"},
        "encoding": {
            "x": _TIME,
            "y": _Y,
            "color": _COLOUR,
        },
    },
)

REPEATABILITY = _chart(
    {
        "transform": [
            {
                "aggregate": [
                    {"op": "mean", "field": "y", "as": "mean_y"},
                    {"op": "stdev", "field": "y", "as": "std_y"},
                    {"op": "valid", "field": "y", "as": "runs"},
                ],
                "groupby": ["metric", *_PER_GROUP],
            },
            {"filter": "datum.runs > 1 && datum.mean_y != 0"},
            {"calculate": "datum.std_y / datum.mean_y", "as": "cv"},
        ],
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 44, "opacity": "$opacity"},
        "encoding": {
            "y": {
                "field": "metric",
                "type": "nominal",
                "title": None,
                "sort": None,
                "axis": {"grid": True, "labelLimit": "$labelLimit"},
            },
            "x": {
                "field": "cv",
                "type": "quantitative",
                "title": "$xTitle",
                "axis": {"format": ".3~%"},
                "scale": "$xScale",
            },
            "color": _COLOUR,
        },
    }
)

GPU_MEMORY = _chart(
    {
        "transform": [_mean("y", "low", "high")],
        "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5},
        "encoding": {
            "x": _X,
            "y": _Y | {"field": "min_low"},
            "y2": {"field": "max_high"},
            "color": _COLOUR,
        },
    },
    {
        "mark": {"type": "point", "filled": True, "tooltip": _DATUM, "size": 50, "opacity": "$opacity"},
        "encoding": {
            "x": _X,
            "y": _Y,
            "color": _COLOUR,
        },
    },
)

CONFIG: Spec = {
    "background": "transparent",
    "axis": {"titleFontWeight": "normal", "titleFontSize": 12, "labelFontSize": 11},
    # above the axis, as the meaning of a column is too long for its side
    "axisY": {"titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom", "titleX": 0, "titleY": -7},
    "legend": {"labelFontSize": 12, "symbolOpacity": 1},
}
"""How all charts look, but for colours and fonts."""

CHARTS: Mapping[str, Spec] = {
    "load_curves": LOAD_CURVES,
    "latency_throughput": LATENCY_THROUGHPUT,
    "percentile_profile": PERCENTILE_PROFILE,
    "over_time": OVER_TIME,
    "repeatability": REPEATABILITY,
    "gpu_memory": GPU_MEMORY,
}


LIMITS = {"colours": 20, "groups": 20, "labelled": 60}
"""What a chart shows at most: entries of the legend; groups of a profile, where none were chosen; groups with their
load beside them."""

REPEATED = ("output_throughput", "request_throughput", "latency", "ttft", "token_latency", "inter_token_latency")
"""The metrics of the chart of repeatability."""

LINEAR: Spec = {"type": "linear", "zero": False, "nice": True, "padding": 8}
LOG: Spec = {"type": "log", "nice": True, "padding": 8}


def fill(spec: Any, words: Mapping[str, Any]) -> Any:
    """A specification with its `$` words replaced (page.js does the same).

    Args:
        spec: of `CHARTS`, or a part of it.
        words: without `$`, word → value of any kind.

    Raises:
        KeyError: a word has no value.
    """
    if isinstance(spec, str) and spec.startswith("$") and len(spec) > 1:
        return words[spec[1:]]
    if isinstance(spec, Mapping):
        return {key: value if key == "$schema" else fill(value, words) for key, value in spec.items()}
    return [fill(part, words) for part in spec] if isinstance(spec, list) else spec
