"""How all charts look: colours, shapes and kinds of lines by place, and what Vega-Lite needs to know of fonts."""

from typing import Any

LIGHT = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#4b2e9e", "#7a1f4d", "#8a8a1f", "#12562b", "#20242a", "#a8562a"),
)
DARK = (
    *("#3d9be0", "#f0732a", "#1fbf92", "#e39ac4", "#f5bd3d", "#9ad6ff"),
    *("#9b7cff", "#d14a86", "#7f8f2a", "#2f8048", "#f2f4f7", "#a9683f"),
)
"""A colour per place. Places with the same shape differ for colour-blind readers, too; a test checks it."""

SHAPES = ("circle", "square", "triangle-up", "diamond")
"""Shapes of points; the colour of a place comes with the shape of its remainder."""

STROKES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])
"""Kinds of lines, by the place of the value of the second label."""

GREY = "#9aa4ae"
"""What is not chosen, in both themes."""

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "mark": {"invalid": "show"},  # the specifications filter what is not valid, so that it is not done twice
    "axis": {"titleFontWeight": "normal", "titleFontSize": 12, "labelFontSize": 11, "labelOverlap": True},
    # above the axis, as the meaning of a column is too long for its side
    "axisY": {"titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom", "titleX": 0, "titleY": -7},
    "legend": {
        "labelFontSize": 12,
        "symbolOpacity": 1,
        "symbolStrokeWidth": 2,
        "labelLimit": 0,
        "titleLimit": 0,
        "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
    },
    "header": {"labelAnchor": "start", "titleAnchor": "start"},
}
