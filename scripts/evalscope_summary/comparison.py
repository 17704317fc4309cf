"""What `summary_compare` says of two groups of runs and a metric; its other columns are labels (`layouts`)."""

from .columns import Column, Role, Type

_INTERVAL = "end of the 95 % confidence interval of the ratio; empty below two runs on a side"

_ROWS: tuple[tuple[str, Type, Role, str, str], ...] = (
    # name, type, role, description, origin
    ("baseline", "text", "label", "value of the compared label that ratios are to", "the setting `compare`"),
    ("other", "text", "label", "another value of that label; empty where no run has one", "summary_raw"),
    ("metric", "text", "label", "column of summary_raw that is compared: `ttft`", "summary_raw: its header"),
    ("unit", "text", "label", "unit of both values; empty for shares", "summary_raw: its columns"),
    ("baseline_runs", "integer", "count", "runs of the baseline with a value", "summary_raw: its rows"),
    ("other_runs", "integer", "count", "runs of the other with a value", "summary_raw: its rows"),
    ("baseline_value", "float", "statistic", "mean of the baseline's runs, in `unit`", "summary_raw: `metric`"),
    ("other_value", "float", "statistic", "mean of the other's runs, in `unit`", "summary_raw: `metric`"),
    ("ratio", "float", "statistic", "other_value / baseline_value", "other_value, baseline_value"),
    ("ratio_low", "float", "statistic", f"lower {_INTERVAL}", "summary_raw: `metric`"),
    ("ratio_high", "float", "statistic", f"upper {_INTERVAL}", "summary_raw: `metric`"),
)

COMPARE_MEASURE = tuple(
    Column(name, type_, "", description, role, origin=origin) for name, type_, role, description, origin in _ROWS
)
"""The last columns of `summary_compare`."""

NOTHING_TO_COMPARE = (
    "'compare' has to say the label and its value that others are compared with: compare: {by: model, baseline: qwen3}"
)
"""Said where there is no setting, or half of it."""
