"""What the charts' specifications are made of: axes, layers of lines and points, and what all have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from .looks import GREY

Spec = dict[str, Any]

PER_GROUP = ["key", "series", "group", "dash", "facet", "level", "load", "name"]

DATUM = {"content": "data"}  # the row itself, which the page puts into words: cheaper than an expression per point
MUTED = "isValid(brought) ? datum.key !== brought : length(kept) > 0 && indexof(kept, datum.key) < 0"  # of the page
VALID = {
    "filter": "isValid(datum.x) && isValid(datum.y) && (!logX || datum.x > 0) && (!logY || datum.y > 0)",
}
# decimal notation, as `7e+4` is hard to read
_AXIS = {"format": ",.6~r", "tickCount": 8}
LINEAR: Spec = {"type": "linear", "zero": True, "nice": True}
LOG: Spec = {"type": "log", "nice": False, "padding": 12}


def axis(field: str, **more: Any) -> Spec:
    """A quantitative axis of a field."""
    return {"field": field, "type": "quantitative", "title": field, "scale": LINEAR, "axis": _AXIS | more}


def opacity(value: float) -> Spec:
    """How much is seen of a mark; next to nothing while another one is brought out."""
    return {"condition": {"test": MUTED, "value": 0.07}, "value": value}


def lines(transform: Sequence[Spec], width: float = 2, **encoding: Any) -> Spec:
    """A layer of lines through the valid rows, after further transforms."""
    return {
        "transform": [VALID, *transform],
        "mark": {"type": "line", "strokeWidth": width},
        "encoding": {"opacity": opacity(0.9), "strokeDash": dash(), **encoding},
    }


def points(transform: Sequence[Spec], size: float, visible: float, shape: bool = False, **encoding: Any) -> Spec:
    """A layer of points of the valid rows, after further transforms; `shape`: of their label's value."""
    own = {"shape": {"field": "key", "type": "nominal"}} if shape else {}
    return {
        "transform": [VALID, *transform],
        "mark": {"type": "point", "filled": True, "tooltip": DATUM, "size": size},
        "encoding": {"opacity": opacity(visible), **own, **encoding},
    }


def dash() -> Spec:
    """The dashes of a line, by its further label."""
    return {"field": "dash", "type": "nominal"}


_OTHERS: Spec = {
    "data": {"name": "others"},
    "transform": [VALID],
    "mark": {"type": "point", "filled": True, "size": 12, "tooltip": DATUM},
    "encoding": {"color": {"value": GREY}, "opacity": {"value": 0.45}},
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


def mean(*fields: str, by: Sequence[str] = (*PER_GROUP, "x")) -> Spec:
    """The mean, smallest and largest of fields of each group, and its `runs`."""
    statistics = [
        {"op": op, "field": field, "as": f"{op}_{field}"} for field in fields for op in ("mean", "min", "max")
    ]
    return {"aggregate": [*statistics, {"op": "count", "as": "runs"}], "groupby": list(by)}
