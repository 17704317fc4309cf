"""Which charts there are, and what the page may choose in each; `specifications` has what they look like."""

from collections.abc import Mapping, Sequence
from typing import Any

from .comparing import DASHES
from .marks import Spec
from .specifications import (
    COMPARISON,
    DISTRIBUTION,
    GPU_MEMORY,
    LATENCY_THROUGHPUT,
    LOAD_CURVES,
    OVER_TIME,
    PARETO,
    PERCENTILE_PROFILE,
    PERCENTS,
    REPEATABILITY,
    REPEATED,
    REQUESTS_OVER_TIME,
    SLO_SHARE,
)

Chart = dict[str, Any]
"""`spec`; `fields`: field → column; `pick`: fields that the page lets choose → from what (`metrics`, `loads`,
`families`, `measures`); `logs`: axes that can be logarithmic; `rows`: `runs`, `requests` or `compared`; `at`: only runs
of one load are drawn; `per`: what a line or point stands for, so that the page can count them."""


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


LIMITS = {"dashes": DASHES, "panels": 12, "ticks": 14, "levels": 8, "points": 384, "others": 1500, "printed": 40}
"""What is shown at most: kinds of lines, panels, loads on a logarithmic axis and in the table of numbers, groups in
colour, runs of others, rows of a table on paper."""
