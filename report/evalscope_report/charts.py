"""The charts, as Vega-Lite specifications that the page and the figures share.

A specification doesn't name columns: whoever draws it makes rows with the fields that `_TOOLTIP` lists and those of the
chart (`x`, `y`, `colour`, …) from the columns that were chosen, and replaces the words that begin with `$` (titles, kind
of a scale, …); see `fill`.
"""

from collections.abc import Mapping
from typing import Any

Spec = dict[str, Any]

_TOOLTIP = [
    {"field": field, "type": "nominal", "title": f"${field}"} for field in ("config", "model", "release", "workload")
]
_AXIS = {"format": ".4~g", "tickCount": 8, "labelOverlap": True}


def _axis(axis: str, **more: Any) -> Spec:
    scale = {"type": f"${axis}Scale", "zero": False, "nice": True, "padding": 8}
    return {"field": axis, "type": "quantitative", "title": f"${axis}Title", "scale": scale, "axis": _AXIS | more}


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
_PER_GROUP = ["group", "series", "colour", "facet", "level", "levelText", "config", "model", "release", "workload"]


def _value(field: str, title: str, kind: str = "quantitative") -> Spec:
    return {"field": field, "type": kind, "title": title} | ({"format": ".5~g"} if kind == "quantitative" else {})


def _run(x: str = "$xTitle", y: str = "$yTitle") -> list[Spec]:
    """The tooltip of one run."""
    return [_value("y", y), _value("x", x), *_TOOLTIP, {"field": "run", "type": "nominal", "title": "$run"}]


def _chart(layers: list[Spec], **more: Any) -> Spec:
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "data": {"name": "rows"}, **more, "layer": layers}


def _mean(*fields: str) -> Spec:
    statistics = [
        {"op": op, "field": field, "as": f"{op}_{field}"} for field in fields for op in ("mean", "min", "max")
    ]
    return {"aggregate": [*statistics, {"op": "count", "as": "runs"}], "groupby": [*_PER_GROUP, "x"]}


_RUNS = {"field": "runs", "type": "quantitative", "title": "$runs"}

LOAD_CURVES = _chart(
    [
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
            "mark": {"type": "point", "filled": True, "size": "$size", "opacity": "$opacity"},
            "encoding": {"x": _X, "y": _Y, "color": _COLOUR, "tooltip": _run()},
        },
    ]
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
    [
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
            "mark": {"type": "point", "filled": True, "size": 14, "opacity": "$opacity"},
            "encoding": {"x": _X, "y": _Y, "color": _COLOUR, "tooltip": _run()},
        },
        {
            "transform": [_MEANS],
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.95},
            "encoding": {
                "x": _MEAN_X,
                "y": _MEAN_Y,
                "color": _COLOUR,
                "tooltip": [
                    _value("levelText", "$level", "nominal"),
                    _value("mean_y", "$yTitle"),
                    _value("mean_x", "$xTitle"),
                    _RUNS,
                    *_TOOLTIP,
                ],
            },
        },
        {
            "transform": [_MEANS, {"filter": "$labelled"}],
            "mark": {"type": "text", "align": "left", "dx": 7, "dy": -7, "fontSize": 11},
            "encoding": {"x": _MEAN_X, "y": _MEAN_Y, "text": {"field": "levelText", "type": "nominal"}},
        },
    ]
)

PERCENTILE_PROFILE = _chart(
    [
        {
            "mark": {"type": "line", "point": {"filled": True, "size": 36}, "strokeWidth": 1.5},
            "encoding": {
                "x": _axis("x", values=[10, 25, 50, 75, 90, 99], labelExpr="'P' + datum.value"),
                "y": _Y,
                "color": _COLOUR,
                "detail": {"field": "group", "type": "nominal"},
                "tooltip": [_value("y", "$yTitle"), _value("x", "$xTitle"), _RUNS, *_TOOLTIP],
            },
        }
    ]
)

_TIME = {"field": "time", "type": "temporal", "scale": {"type": "utc"}, "title": "$time", "axis": {"labelOverlap": True}}

OVER_TIME = _chart(
    [
        {
            "data": {"name": "marks"},
            "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.2, "color": "$ink"},
            "encoding": {
                "x": _TIME,
                "tooltip": [
                    {"field": "release", "type": "nominal", "title": "evalscope"},
                    {"field": "metric", "type": "nominal", "title": "$metric"},
                    {"field": "change", "type": "nominal", "title": "$change"},
                    {"field": "config", "type": "nominal", "title": "$config"},
                ],
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
            "mark": {"type": "point", "filled": True, "size": "$size", "opacity": "$opacity"},
            "encoding": {
                "x": _TIME,
                "y": _Y,
                "color": _COLOUR,
                "tooltip": [
                    _value("y", "$yTitle"),
                    {"field": "time", "type": "temporal", "title": "$time", "format": "%Y-%m-%d %H:%M:%S"},
                    _value("levelText", "$level", "nominal"),
                    *_TOOLTIP,
                    {"field": "run", "type": "nominal", "title": "$run"},
                ],
            },
        },
    ]
)

REPEATABILITY = _chart(
    [
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
            "mark": {"type": "point", "filled": True, "size": 44, "opacity": "$opacity"},
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
                    "scale": {"type": "$xScale", "nice": True},
                },
                "color": _COLOUR,
                "tooltip": [
                    {"field": "metric", "type": "nominal", "title": "$metric"},
                    {"field": "cv", "type": "quantitative", "title": "$xTitle", "format": ".3~%"},
                    _value("mean_y", "$mean"),
                    _RUNS,
                    _value("levelText", "$level", "nominal"),
                    *_TOOLTIP,
                ],
            },
        }
    ]
)

GPU_MEMORY = _chart(
    [
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
            "mark": {"type": "point", "filled": True, "size": 50, "opacity": "$opacity"},
            "encoding": {
                "x": _X,
                "y": _Y,
                "color": _COLOUR,
                "tooltip": [_value("low", "$low"), _value("high", "$high"), *_run()],
            },
        },
    ]
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
