"""Draw time against runs, both logarithmic: a line for nothing to do, one run changed, and from nothing."""

from pathlib import Path
from typing import Any


def draw(path: Path, results: list[dict[str, Any]]) -> None:
    """Draw what was measured as an SVG.

    Args:
        path: of the SVG.
        results: of `measure`; those without a `curve` are left out.

    Raises:
        SystemExit: nothing is to be drawn, or the library that draws is missing.
    """
    try:
        import vl_convert
    except ImportError:
        raise SystemExit("--plot needs the dependencies of the report: pip install '.[report]'") from None
    points = [
        {"case": found["curve"][0], "runs": found["curve"][1], "seconds": found["seconds"]}
        for found in results
        if found["curve"]
    ]
    if not points:
        raise SystemExit("--plot: none of the cases has a number of runs to be drawn against: measure '*-groups'")
    specification = {
        "width": 480,
        "height": 320,
        "data": {"values": points},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "runs", "type": "quantitative", "scale": {"type": "log"}, "axis": _axis("runs", "~s")},
            "y": {"field": "seconds", "type": "quantitative", "scale": {"type": "log"}, "axis": _axis("seconds", "~g")},
            "color": {"field": "case", "title": None, "sort": None},
        },
    }
    path.write_text(vl_convert.vegalite_to_svg(specification), encoding="utf-8")


def _axis(title: str, format_: str) -> dict[str, Any]:
    return {"title": title, "format": format_, "tickCount": 4}
