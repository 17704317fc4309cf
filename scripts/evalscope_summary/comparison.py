"""What `summary_compare` says of two groups of runs and a metric; its other columns are labels (`layouts`)."""

from .columns import Column

COMPARE_MEASURE = (
    Column(
        "baseline",
        "text",
        "",
        "value of the compared label that ratios are to",
        "label",
        origin="the setting `compare`",
    ),
    Column(
        "other", "text", "", "another value of that label; empty where no run has one", "label", origin="summary_raw"
    ),
    Column(
        "metric",
        "text",
        "",
        "column of summary_raw that is compared: `ttft`",
        "label",
        origin="summary_raw: its header",
    ),
    Column("unit", "text", "", "unit of both values; empty for shares", "label", origin="summary_raw: its columns"),
    Column(
        "baseline_runs", "integer", "", "runs of the baseline with a value", "count", origin="summary_raw: its rows"
    ),
    Column("other_runs", "integer", "", "runs of the other with a value", "count", origin="summary_raw: its rows"),
    Column(
        "baseline_value",
        "float",
        "",
        "mean of the baseline's runs, in `unit`",
        "statistic",
        origin="summary_raw: `metric`",
    ),
    Column(
        "other_value", "float", "", "mean of the other's runs, in `unit`", "statistic", origin="summary_raw: `metric`"
    ),
    Column("ratio", "float", "", "other_value / baseline_value", "statistic", origin="other_value, baseline_value"),
    Column(
        "ratio_low",
        "float",
        "",
        "lower end of the 95 % confidence interval of the ratio; empty below two runs on a side",
        "statistic",
        origin="summary_raw: `metric`",
    ),
    Column(
        "ratio_high",
        "float",
        "",
        "upper end of the 95 % confidence interval of the ratio; empty below two runs on a side",
        "statistic",
        origin="summary_raw: `metric`",
    ),
)
"""The last columns of `summary_compare`."""

NOTHING_TO_COMPARE = (
    "'compare' has to say the label and its value that others are compared with: compare: {by: model, baseline: qwen3}"
)
"""Said where there is no setting, or half of it."""
