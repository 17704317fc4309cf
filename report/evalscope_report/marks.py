"""What the charts' specifications are made of: axes, layers of lines and points, and what all have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from .looks import GREY

Spec = dict[str, Any]

PER_GROUP = ["key", "series", "group", "dash", "facet", "level", "load", "name"]

DATUM = {"content": "data"}  # the row itself, which the page puts into words: cheaper than an expression per point
VALID = {
    "filter": "isValid(datum.x) && isValid(datum.y) && (!logX || datum.x > 0) && (!logY || datum.y > 0)",
}
SEVERAL: list[Spec] = [  # of a group of one run, the mean's point is that run
    {"joinaggregate": [{"op": "count", "as": "runs"}], "groupby": ["group", "key", "dash", "facet"]},
    {"filter": "datum.runs > 1"},
]
AS_GREY: Spec = {"color": {"value": GREY}}
# decimal notation, as `7e+4` is hard to read
_AXIS = {"format": ",.6~r", "tickCount": 8}
LINEAR: Spec = {"type": "linear", "zero": True, "nice": True}
LOG: Spec = {"type": "log", "nice": False, "padding": 12}


def axis(field: str, **more: Any) -> Spec:
    """A quantitative axis of a field."""
    return {"field": field, "type": "quantitative", "title": field, "scale": LINEAR, "axis": _AXIS | more}


def lines(transform: Sequence[Spec], width: float = 2, **encoding: Any) -> Spec:
    """A layer of lines through the valid rows, after further transforms."""
    return {
        "transform": [VALID, *transform],
        "mark": {"type": "line", "strokeWidth": width, "strokeOpacity": 0.9},
        "encoding": {"strokeDash": dash(), **encoding},
    }


def points(transform: Sequence[Spec], size: float, visible: float, shape: bool = False, **encoding: Any) -> Spec:
    """A layer of points of the valid rows, after further transforms; `shape`: of their label's value."""
    own = {"shape": {"field": "key", "type": "nominal"}} if shape else {}
    return {
        "transform": [VALID, *transform],
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": size, "fillOpacity": visible},
        "encoding": {**own, **encoding},
    }


def dash() -> Spec:
    """The dashes of a line, by its further label."""
    return {"field": "dash", "type": "nominal"}


_OTHERS: Spec = {
    "data": {"name": "others"},
    "transform": [VALID],
    "mark": {"type": "point", "filled": True, "size": 12, "tooltip": DATUM},
    "encoding": AS_GREY | {"opacity": {"value": 0.45}},
}

_ZOOM = {"name": "zoom", "select": {"type": "interval", "zoom": "wheel![event.shiftKey]"}, "bind": "scales"}
DETAIL = {"field": "series", "type": "nominal"}


def layered(*layers: Spec, others: bool = False, **encoding: Any) -> Spec:
    """A specification; `encoding` is what all layers share."""
    layers = ((_OTHERS,) if others else ()) + layers
    first = layers[0] | {"params": [_ZOOM]} if _can_zoom(encoding) else layers[0]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"name": "runs", "format": {"parse": None}},
        "params": [
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


def mean(*fields: str, by: Sequence[str] = (*PER_GROUP, "x")) -> Spec:
    """The mean, smallest and largest of fields of each group, its number of `runs`, and the row of the `first`."""
    statistics = [
        {"op": op, "field": field, "as": f"{op}_{field}"} for field in fields for op in ("mean", "min", "max")
    ]
    return {
        "aggregate": [*statistics, {"op": "count", "as": "runs"}, {"op": "min", "field": "row", "as": "first"}],
        "groupby": list(by),
    }


LABELLED = 24
"""Lines that have their loads beside them."""

_AT = ("mean_x", "mean_y")


def _place(field: str, axis: str, extent: str) -> Spec:
    """Where about a mean stands on an axis, in pixels."""
    share = (
        f"log{axis} ? log(datum.{field} / datum.min_{field}) / log(datum.max_{field} / datum.min_{field})"
        f" : datum.{field} / datum.max_{field}"
    )
    return {"calculate": f"({share}) * {extent}", "as": f"at_{field}"}


# Loads stand beside the first and the last point of a line, but not on each other: of two that would, that of the
# higher load stays, or of the same load that of the first line.
BESIDE: list[Spec] = [
    {
        "joinaggregate": [
            {"op": "max", "field": "level", "as": "last_level"},
            {"op": "min", "field": "level", "as": "first_level"},
        ],
        "groupby": ["series"],
    },
    {
        "joinaggregate": [
            {"op": "distinct", "field": "series", "as": "lines"},
            *({"op": op, "field": field, "as": f"{op}_{field}"} for op in ("min", "max") for field in _AT),
        ],
        "groupby": [],  # without it Vega-Lite can't draw panels
    },
    {"filter": f"datum.lines <= {LABELLED}"},
    {"filter": "datum.level === datum.last_level || datum.level === datum.first_level"},
    _place("mean_x", "X", "width"),
    _place("mean_y", "Y", "height"),
    {"joinaggregate": [{"op": "values", "field": "level", "as": "all"}], "groupby": ["facet"]},
    {"flatten": ["all"], "as": ["other"]},
    {
        "calculate": "(datum.other.level - datum.level || datum.series - datum.other.series"
        " || datum.group - datum.other.group) > 0 && abs(datum.other.at_mean_y - datum.at_mean_y) < 13"
        " && abs(datum.other.at_mean_x - datum.at_mean_x) < 6 + 7 * length(datum.other.load) ? 1 : 0",
        "as": "covered",
    },
    {
        "aggregate": [{"op": "max", "field": "covered", "as": "covered"}],
        "groupby": [*PER_GROUP, *_AT],
    },
    {"filter": "datum.covered === 0"},
]
