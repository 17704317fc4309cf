"""The summary of a run of AIPerf, or of genai-perf before it: its keys, and what cells they make."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...columns import BY_NAME, PERCENTILE_COLUMNS
from ...record import Values
from ..cells import Checked, file_name, is_type
from ..keys import Key, Keys, config_of, digest_of, taken, value_at
from . import genai_perf

METRICS = {
    "output_throughput": "output_token_throughput",
    "total_throughput": "total_token_throughput",  # 0.5.0
    "request_throughput": "request_throughput",
    "input_throughput": "input_token_throughput",  # 0.12.0
    "latency": "request_latency",
    "ttft": "time_to_first_token",
    "token_latency": "inter_token_latency",
    "inter_token_latency": "inter_chunk_latency",
    "input_tokens": "input_sequence_length",
    "output_tokens": "output_sequence_length",
    "cache_hit_rate": "overall_usage_prompt_cache_read_pct",  # 0.12.0
}
"""Column → the metric whose `avg` it is."""

PERCENTILES = {
    "latency": "request_latency",
    "ttft": "time_to_first_token",
    "tpot": "inter_token_latency",
    "itl": "inter_chunk_latency",
    "output": "e2e_output_token_throughput",  # between 0.5.0 and 0.9.0
    "input_tokens": "input_sequence_length",
    "output_tokens": "output_sequence_length",
    "decode": "output_token_throughput_per_user",
}
"""Our metric of percentile columns → the one that has `p1` to `p99`, `min` and `max`."""

_ENDS = {0: "min", 100: "max"}

SECONDS = {"ms": 1000.0, "sec": 1.0, "s": 1.0, "us": 1e6, "ns": 1e9}
"""Unit of a duration → what it is divided by to be in seconds."""

LABELS: Keys = {
    "model": (Key("models.items.0.name"), Key("endpoint.model_names.0"), Key("model_names.0")),
    "parallel": (Key("load.concurrency"),),
    "rate": (Key("load.rate"), Key("load.request_rate")),
    "number": (Key("load.requests"), Key("load.request_count")),
    "api": (Key("endpoint.type"),),
    "stream": (Key("endpoint.streaming"),),
    "dataset": (Key("data.dataset"), Key("data.type"), Key("data.public_dataset"), Key("data.custom_dataset_type")),
}
"""Column → where it is in what `given` makes of the configuration."""

DATA_FILES = ("data.path", "data.file")

LENGTHS = {
    "isl": ("data.prompts.isl", "data.prompt.input_tokens"),
    "osl": ("data.prompts.osl", "data.prompt.output_tokens"),
}

ARGUMENTS = {
    "arrival": "concurrency: how requests follow each other, `phases.type` or `loadgen.request_rate_mode`",
    "duration": "none",
    "ramps": "none",
    "lengths": "none: mean and standard deviation of the lengths of prompts and replies",
    "turns": "none",
    "prefix_prompts": "none",
    "extra": "none: what `--extra-inputs` adds to each request",
}
"""What changes the load and is in no label, with the defaults."""

_ARGUMENT_PATHS = {
    "duration": ("load.duration", "load.benchmark_duration"),
    "turns": ("data.turns", "data.conversation.turn"),
    "prefix_prompts": ("data.prefix_prompts", "data.prompt.prefix_prompt"),
    "extra": ("endpoint.extra", "data.extra"),
}
_RAMPS = ("concurrency_ramp", "prefill_ramp", "rate_ramp")
_ARRIVALS = {None: "concurrency", "concurrency_burst": "concurrency"}

_REPEAT = re.compile(r"profile_runs|run_[0-9]{4,}|trial_[0-9]{4,}|(?:concurrency|request_rate|rate|requests)_[0-9.]+")
_LEVEL = re.compile(r"(?:-(?:concurrency|request_rate)[0-9.]+)+\Z")
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?")


def given(content: Mapping[str, Any]) -> dict[str, Any]:
    """What was configured, with `load` for the phase that is measured and `data` for the data set, whichever release
    wrote it: lists of phases and data sets from 0.9.0 on, `loadgen` and `input` up to 0.5.0."""
    config = content.get("input_config")
    if not isinstance(config, dict):
        return {}
    if genai_perf.is_run(content):
        return genai_perf.given(config)
    load, data = config.get("loadgen"), config.get("input")
    phases, datasets = config.get("phases"), config.get("datasets")
    if isinstance(phases, list):
        load = next((phase for phase in phases if isinstance(phase, dict) and _is_measured(phase)), None)
    if isinstance(datasets, list):
        data = datasets[0] if datasets else None
    return config | {"load": load, "data": data}


def _is_measured(phase: Mapping[str, Any]) -> bool:
    return "profiling" in (phase.get("kind"), phase.get("name")) and phase.get("exclude_from_results") is not True


def _first(content: Any, paths: tuple[str, ...]) -> Any:
    return next((value for path in paths if (value := value_at(content, path)) is not None), None)


def is_input_only(content: Mapping[str, Any]) -> bool:
    """Whether its endpoint generates nothing."""
    kind = str(value_at(given(content), "endpoint.type"))
    return "embedding" in kind or "rank" in kind


def labels(content: Mapping[str, Any], checked: Checked, path: str, name: str | None) -> Values:
    """The labels of a run.

    Args:
        content: of the summary.
        checked: notes what is unusable.
        path: of the file below the tree.
        name: that somebody gave to the file.
    """
    config = given(content)
    values = taken(checked, config, LABELS)
    if not is_input_only(content):
        values.setdefault("stream", False)
    if file := _first(config, DATA_FILES):
        text = checked.text("path", file)
        values |= {"dataset_file": file_name(text)} if text else {}
    isl, osl = (_length(_first(config, LENGTHS[key])) for key in ("isl", "osl"))
    if osl and is_type(osl[0], "integer") and osl[0] > 0:
        values["max_tokens"] = int(osl[0])
    if isl and not isl[1] and is_type(isl[0], "integer") and isl[0] > 0:
        values |= dict.fromkeys(("min_prompt_length", "max_prompt_length"), int(isl[0]))
    if start := timestamp(content):
        values["timestamp"] = start
    if config_ := place(path, name, values.get("model")):
        values["config"] = config_
    return values


def place(path: str, *otherwise: str | None) -> str | None:
    """The config of a run: the folders of its file, without what AIPerf adds for repeats and levels of load."""
    folders = [_LEVEL.sub("", part) for part in path.split("/")[:-1] if not _REPEAT.fullmatch(part)]
    return config_of("/".join((*folders, "")), *otherwise)


def timestamp(content: Mapping[str, Any]) -> str | None:
    """When the test began, on the client's clock."""
    start = content.get("start_time")
    match = _TIME.match(start) if isinstance(start, str) else None
    if not match:
        return None
    from datetime import datetime  # not needed to find runs

    try:
        return f"{datetime(*map(int, match.groups())):%Y%m%d_%H%M%S}"  # type: ignore[arg-type]
    except ValueError:
        return None


def _length(value: Any) -> tuple[Any, Any] | None:
    """Mean and standard deviation of a number of tokens."""
    if isinstance(value, dict):
        return (value["mean"], value.get("stddev") or 0) if "mean" in value else None
    return None if value is None else (value, 0)


def counts(content: Mapping[str, Any], checked: Checked) -> Values:
    """The counts of requests: `request_count` is of those that succeeded, and that of failed ones is absent if none;
    genai-perf counted no failures, and up to 0.0.8 nothing."""
    succeeded = _average(content, checked, "request_count", "succeeded")
    if succeeded is None:
        return {}
    if genai_perf.is_run(content):
        return {"succeeded": succeeded, "requests": succeeded}
    failed = _average(content, checked, "error_request_count", "failed") or 0
    return {"succeeded": succeeded, "failed": failed, "requests": succeeded + failed}


def _average(content: Mapping[str, Any], checked: Checked, metric: str, column: str) -> Any:
    block = content.get(metric)
    return _cell(checked, column, metric, block, "avg") if isinstance(block, dict) else None


def _cell(checked: Checked, column: str, metric: str, block: Mapping[str, Any], key: str) -> Any:
    """A statistic of a metric, in the column's unit. A duration in a unit that is none is left out."""
    target, value = BY_NAME[column], block.get(key)
    path = f"{metric}.{key}"
    if target.type == "integer":
        return checked.count(path, value)
    unit = block.get("unit")
    divisor = SECONDS.get(unit if isinstance(unit, str) else "") if target.unit == "s" else 1.0
    if divisor is None:
        checked.unusable.append(f"`{metric}` (its unit)")
        return None
    return checked.number(path, value, divisor)


def metrics(content: Mapping[str, Any], checked: Checked, common: Values) -> Values:
    """The performance cells.

    Args:
        content: metric → its statistics.
        checked: notes what is unusable.
        common: with the counts.
    """
    values = dict(_performance(content, checked))
    succeeded, rate = common.get("succeeded"), values.get("request_throughput")
    block = content.get("benchmark_duration")
    if succeeded and rate:
        values["time_taken"] = succeeded / rate
    elif isinstance(block, dict) and (seconds := _cell(checked, "time_taken", "benchmark_duration", block, "avg")):
        values["time_taken"] = seconds
    seconds, tokens = values.get("time_taken"), (values.get("input_tokens"), values.get("output_tokens"))
    if "total_throughput" not in values and seconds and succeeded and None not in tokens:
        values["total_throughput"] = sum(tokens) * succeeded / seconds  # type: ignore[arg-type]
    return values


def _performance(content: Mapping[str, Any], checked: Checked) -> Iterator[tuple[str, Any]]:
    for column, metric in METRICS.items():
        value = _average(content, checked, metric, column)
        if value is not None:
            yield column, value
    for (percent, ours), column in PERCENTILE_COLUMNS.items():
        metric = PERCENTILES.get(ours, "")
        block = content.get(metric)
        if isinstance(block, dict):
            value = _cell(checked, column, metric, block, _ENDS.get(percent, f"p{percent}"))
            if value is not None:
                yield column, value


def arguments(content: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what changes the load and is in no label; empty and absent are the same."""
    config = given(content)
    load = config.get("load")
    load = load if isinstance(load, dict) else {}
    arrival = load.get("type", load.get("request_rate_mode"))
    found = {name: _first(config, paths) for name, paths in _ARGUMENT_PATHS.items()} | {
        "arrival": _ARRIVALS.get(arrival if isinstance(arrival, str | None) else "", arrival),
        "ramps": [load[key] for key in _RAMPS if load.get(key)],
        "lengths": [_length(_first(config, paths)) for paths in LENGTHS.values()],
    }
    return {name: digest_of(found[name] or None) for name in ARGUMENTS}


def origins() -> dict[str, str]:
    """`Reader.origins`."""
    load, data = "`input_config.phases[profiling].{}`", "`input_config.datasets.0.{}`"
    old_load, old_data = "`input_config.loadgen.{}`", "`input_config.input.{}`"

    def at(metric: str, key: str, column: str) -> str:
        return f"`{metric}.{key}`{' / 1000' if BY_NAME[column].unit == 's' else ''}"

    return (
        {column: at(metric, "avg", column) for column, metric in METRICS.items()}
        | {
            column: at(PERCENTILES[ours], _ENDS.get(percent, f"p{percent}"), column)
            for (percent, ours), column in PERCENTILE_COLUMNS.items()
            if ours in PERCENTILES
        }
        | {
            "timestamp": "`start_time`",
            "config": "folders of the file, without what it adds for repeats and levels (`profile_runs/run_0001`,"
            " `concurrency_4`, `-concurrency4`)",
            "name": "the file's name, where `--profile-export-prefix` gave one",
            "model": "`input_config.models.items.0.name` or `input_config.endpoint.model_names.0`",
            "parallel": f"{load.format('concurrency')} or {old_load.format('concurrency')}",
            "rate": f"{load.format('rate')} or {old_load.format('request_rate')}",
            "number": f"{load.format('requests')} or {old_load.format('request_count')}",
            "api": "`input_config.endpoint.type`",
            "stream": "`input_config.endpoint.streaming`",
            "dataset": f"{data.format('dataset')} or {data.format('type')} or {old_data.format('public_dataset')} or"
            f" {old_data.format('custom_dataset_type')}",
            "dataset_file": f"the last component of {data.format('path')} or {old_data.format('file')}",
            "max_tokens": f"{data.format('prompts.osl.mean')} or {old_data.format('prompt.output_tokens.mean')}",
            "min_prompt_length": f"{data.format('prompts.isl.mean')} or {old_data.format('prompt.input_tokens.mean')},"
            " if it doesn't vary",
            "max_prompt_length": "the same",
            "succeeded": "`request_count.avg`",
            "failed": "`error_request_count.avg`, else 0",
            "requests": "`request_count.avg` + `error_request_count.avg`",
            "time_taken": "`request_count.avg` / `request_throughput.avg`, else `benchmark_duration.avg`",
            "total_throughput": "`total_token_throughput.avg`, else (input + output tokens) × succeeded / time_taken",
            "run": "path of the file",
        }
    )
