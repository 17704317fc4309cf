"""Where GuideLLM has what, in all its formats: tables alone."""

from typing import Any

from ...columns import PERCENTILE_COLUMNS
from ..keys import Key, Keys

REPORT = "report"
"""Where what a file says of all its runs is put beside what it says of one."""

LABELS: Keys = {
    "tool_version": (Key("report.metadata.guidellm_version"),),  # 0.5.4
    "model": (
        Key("config.backend.model"),
        Key("report.config.spec.backend.model"),
        Key("report.args.model"),
        Key("worker.backend_model"),  # up to 0.3.1
    ),
    "parallel": (Key("config.strategy.streams"), Key("args.strategy.streams")),
    "rate": (Key("config.strategy.rate"), Key("args.strategy.rate")),
    "api": (Key("config.backend.kind"), Key("report.args.backend"), Key("worker.backend_type")),
    "stream": (Key("config.backend.stream"),),  # 0.7.0
}

COUNTS: Keys = {
    "succeeded": (Key("metrics.request_totals.successful"), Key("request_totals.successful")),  # the latter up to 0.3.1
    "failed": (Key("metrics.request_totals.errored"), Key("request_totals.errored")),
}

METRICS: Keys = {
    "time_taken": (Key("duration"),),
    "output_throughput": (Key("metrics.output_tokens_per_second.successful.mean"),),
    "total_throughput": (Key("metrics.tokens_per_second.successful.mean"),),
    "request_throughput": (Key("metrics.requests_per_second.successful.mean"),),
    "input_throughput": (Key("metrics.prompt_tokens_per_second.successful.mean"),),  # 0.4.0
    "latency": (Key("metrics.request_latency.successful.mean"),),
    "ttft": (Key("metrics.time_to_first_token_ms.successful.mean", 1000),),
    "token_latency": (Key("metrics.inter_token_latency_ms.successful.mean", 1000),),
    "input_tokens": (Key("metrics.prompt_token_count.successful.mean"),),
    "output_tokens": (Key("metrics.output_token_count.successful.mean"),),
}

DISTRIBUTIONS = {
    "ttft": Key("time_to_first_token_ms", 1000),
    "tpot": Key("inter_token_latency_ms", 1000),
    "latency": Key("request_latency"),
    "input_tokens": Key("prompt_token_count"),
    "output_tokens": Key("output_token_count"),
}
"""Our metric → what it is called in `metrics`."""

STEPS = {0: "min", 100: "max"} | {p: f"percentiles.p{p:02}" for p in (1, 5, 10, 25, 50, 75, 90, 95, 99)}
"""Percentile → where it is in a distribution."""

PERCENTILE_KEYS: Keys = {
    PERCENTILE_COLUMNS[percent, metric]: (Key(f"metrics.{key.path}.successful.{step}", key.divisor),)
    for metric, key in DISTRIBUTIONS.items()
    for percent, step in STEPS.items()
}

TOKEN_RATES = {
    "output_throughput": "output_tokens_per_second",
    "total_throughput": "tokens_per_second",
    "input_throughput": "prompt_tokens_per_second",
}
"""Column → the rate in `metrics` whose `count` is the number of its tokens, from 0.4.0 on."""

RIGHT = "0.7.4"
"""The first release whose rates of tokens are over the time that was measured."""

NUMBER = ("config.constraints.max_requests", "args.max_number")
"""Where the number of requests is that was asked for, newest first."""

ARGUMENTS = {
    "strategy": ("config.strategy.type_", "args.strategy.type_"),
    "rampup_duration": ("config.strategy.rampup_duration",),
    "initial_burst": ("args.strategy.initial_burst",),
    "warmup": ("config.warmup", "args.warmup_number", "args.warmup_duration"),
    "cooldown": ("config.cooldown", "args.cooldown_number", "args.cooldown_duration"),
    "max_duration": (
        "config.constraints.max_duration",
        "config.constraints.max_seconds",
        "args.max_duration",
    ),
    "request_format": ("config.backend.request_format", "report.args.data_request_formatter"),
}
"""What changes the load and is in no label → where it is; the first that says something counts."""

DATA = "data"
"""What stands for all that is said of the data set."""

DATA_PATHS = ("report.config.spec.data", "report.args.data", "request_loader.data")
"""Where that is, newest first."""

SYNTHETIC = "synthetic_text"
"""What GuideLLM calls a data set that it makes up, from 0.7.0 on."""

PLAIN = {"kind": SYNTHETIC, "turns": 1}
"""Of a data set: what is the same as not to say it."""

UNSAID: tuple[Any, ...] = (None, "", 0, False, [], {})
"""Values that say nothing."""

FORMATS = (1, 2)
"""What `metadata.version` may be."""
