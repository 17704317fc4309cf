"""What was different in genai-perf, the predecessor of AIPerf: how its summary is told, and what it was asked to do."""

from collections.abc import Mapping
from typing import Any

from ..keys import value_at

NAME = "genai-perf"
"""Of the tool, in the tables."""

_BLOCKS = ("request_throughput", "request_latency")


def is_run(content: Mapping[str, Any]) -> bool:
    """Whether it is a summary of genai-perf: metrics as AIPerf has them, without what AIPerf says of the run, and the
    arguments under their names there, flat up to 0.0.8 and later by their sections."""
    config = content.get("input_config")
    return (
        isinstance(config, dict)
        and content.keys().isdisjoint(("was_cancelled", "aiperf_version", "aggregation_type"))
        and all(value_at(content, f"{block}.unit") is not None for block in _BLOCKS)
        and (isinstance(config.get("perf_analyzer"), dict) or {"artifact_dir", "profile_export_file"} <= config.keys())
    )


def given(config: Mapping[str, Any]) -> dict[str, Any]:
    """What was configured, as `summary.given` has it.

    Args:
        config: the `input_config` of a summary.
    """
    analyzer = config.get("perf_analyzer")
    if isinstance(analyzer, dict):
        data = config.get("input")
        data = data if isinstance(data, dict) else {}
        endpoint = config.get("endpoint")
        stimulus = analyzer.get("stimulus")
        load = dict(stimulus) if isinstance(stimulus, dict) else {}
        if value_at(analyzer, "measurement.mode") == "request_count":
            load["request_count"] = value_at(analyzer, "measurement.num") or None
        lengths = {"isl": data.get("synthetic_tokens"), "osl": data.get("output_tokens")}
        file, extra, turns = data.get("file"), data.get("extra"), value_at(data, "sessions.turns")
        models = config.get("model_names")
    else:
        load = {name: config.get(name) for name in ("concurrency", "request_rate", "request_count")}
        lengths = {
            name: {"mean": config.get(f"{key}_mean"), "stddev": config.get(f"{key}_stddev")}
            for name, key in (("isl", "synthetic_input_tokens"), ("osl", "output_tokens"))
        }
        endpoint = {"type": config.get("endpoint_type"), "streaming": config.get("streaming")}
        file, extra, turns = None, config.get("extra_inputs"), None
        models = config.get("model")
    return {
        "model_names": [models] if isinstance(models, str) else models,
        "endpoint": endpoint,
        "load": load,
        "data": {"file": file or None, "extra": extra or None, "prompts": lengths, "turns": turns},
    }
