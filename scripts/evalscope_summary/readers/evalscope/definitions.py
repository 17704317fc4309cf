"""What makes runs of evalscope differ under the same labels: releases that changed what a metric means, and arguments
that change the workload. Rows to add for a release, as in `formats`."""

from collections.abc import Mapping
from typing import Any

from ..releases import Break, Definition
from . import formats

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "throughput",
        ("output_throughput", "total_throughput", "request_throughput"),
        (),
        (
            # 1.4.0 mended the wrong time of 1.1.1 to 1.3.0, which is corrected here: see `formats.throughput_is_wrong`
            Break("1.1.1", "the duration ends with the last completed request, not when its result was consumed"),
            Break("1.11.1", "failed requests extend the duration"),
        ),
    ),
    Definition(
        "TTFT",
        ("ttft", "first_turn_ttft", "subsequent_turn_ttft"),
        ("ttft",),
        (
            Break("0.14.0", "streaming became the default; without it TTFT is the latency"),
            Break("1.1.1", "first chunk with choices, not first line of any kind; one HTTP session", measured=True),
            Break("1.10.0", "over streamed requests only"),
            Break("1.11.1", "first chunk with content", measured=True),
            Break("1.12.0", "reasoning counts as content", measured=True),
            Break("1.13.0", "tool calls count as content", measured=True),
        ),
    ),
    Definition(
        "TPOT",
        ("token_latency",),
        ("tpot", "decode"),
        (
            Break("0.12.0", "mean of latency / output tokens, not duration / output tokens of all requests"),
            Break("0.15.0", "time between first and last chunk / output tokens"),
            Break("0.16.1", "time between first and last chunk / chunks"),
            Break("0.17.1", "(latency - TTFT) / (output tokens - 1)"),
            Break("1.10.0", "over streamed requests only"),
            Break("1.13.0", "without replies of one token"),
        ),
    ),
    Definition(
        "ITL",
        ("inter_token_latency", "steady_itl"),
        ("itl",),
        (
            Break("0.17.1", "mean of all intervals, not time between first and last chunk / chunks"),
            Break("1.1.1", "an interval per token, not one more", measured=True),
            Break("1.10.0", "over streamed requests only"),
            Break("1.11.1", "an interval less than tokens", measured=True),
        ),
    ),
    Definition(
        "latency",
        ("latency",),
        ("latency", "output", "total", "input"),
        (
            Break("0.13.2", "a new HTTP session for each request", measured=True),
            Break("1.1.1", "up to the last chunk with data, in one HTTP session", measured=True),
        ),
    ),
    Definition(
        "percentiles",
        (),
        tuple(formats.PERCENTILE_KEYS),
        (
            Break("1.7.0", "two decimals, so that latency has steps of 10 ms"),
            Break("1.11.1", "nearest rank, not one rank above it"),
            Break("1.13.0", "four decimals"),
        ),
    ),
    Definition(
        "counts of multi-turn runs",
        ("turns",),
        (),
        (Break("1.7.0", "`number` is conversations, not turns"),),
    ),
)
"""Where runs of different releases don't compare, for the warning `mixed-definitions` and the documentation."""

# --- arguments --------------------------------------------------------------------------

TEXT_ARGUMENTS = ("alias", "name", "model", "dataset_path", "api", "dataset")
"""Arguments that labels are made of, and are text."""

LIMITS = ("min_tokens", "min_prompt_length", "max_prompt_length", "prefix_length")
"""Arguments that are labels, which `dataset_args` (from 1.9.1) may hold too."""

CHAT_TEMPLATE = "apply_chat_template"

WORKLOAD_ARGUMENTS: Mapping[str, Any] = {
    # argument that changes what is sent or how, and is in no label: its default since the release that added it
    "temperature": None,  # up to 0.13.1 none was sent (null), since then 0.0: these are two workloads
    "top_p": None,
    "top_k": None,
    "frequency_penalty": None,
    "repetition_penalty": None,
    "n_choices": None,
    "logprobs": None,
    "stop": None,
    "stop_token_ids": None,
    "extra_args": None,
    CHAT_TEMPLATE: None,  # written as decided from the URL: see `labels.workload_arguments`
    "tokenize_prompt": False,
    "tokenizer_path": None,
    "prompt": None,
    "query_template": None,
    "image_width": 224,
    "image_height": 224,
    "image_format": "RGB",
    "image_num": 1,
    "image_patch_size": 28,
    "prefix_count": 1,
    "multi_turn": False,
    "min_turns": 1,
    "max_turns": None,
    "open_loop": False,
    "warmup_num": 0,
    "duration": None,
    "dataset_args": None,
}
"""Left out on purpose: `seed` (its default moved, and repeats with several seeds are one test), `dataset_offset`
(evalscope sets it for each level of a sweep), paths and addresses, timeouts and settings of the client."""

DATASET_ARGUMENTS: Mapping[str, Any] = {
    # what `multi_turn_args` (from 1.7.0) writes for what was not given; later releases fold it into `dataset_args`
    "first_turn_length": 65000,
    "subsequent_turn_length": 500,
    "chars_per_token": 3.0,
}

OTHER_DATASET_ARGUMENTS = frozenset({*LIMITS, "num_workers"})
"""What `dataset_args` may hold besides and is no difference here: labels, and a setting of the client."""

# --- where cells come from, in words -------------------------------------------------------------------------------

FILLED_FROM = f"{formats.DATABASE} by the release's own rule"
_GPU_MEMORY = f"{formats.DATABASE}: `max_gpu_memory_cost`, none where all are 0"

ORIGINS: Mapping[str, str] = {
    # column: beside or instead of the keys in `formats`, for the documentation
    "timestamp": "the nearest folder above the run, or itself, that is named YYYYMMDD_HHMMSS",
    "config": "path of the run; where it has none, args `alias`, `name`, the name folder, `model`",
    "model": "args `model`",
    "parallel": "args `parallel`",
    "prompt_length": "args `prompt`, else a word in config's last component, else in the data set's file name",
    "max_tokens": "args `max_tokens`",
    "total_throughput": "(input_tokens + output_tokens) * succeeded / time_taken (up to 0.13.2)",
    "avg_gpu_memory": _GPU_MEMORY,
    "max_gpu_memory": _GPU_MEMORY,
    "min_gpu_memory": _GPU_MEMORY,
    "name": "args `alias`, else `name`",
    "number": "args `number`",
    "rate": "args `rate`",
    "max_tokens_low": "args `max_tokens`",
    "min_tokens": "args `dataset_args`, else `min_tokens`",
    "api": "args `api`",
    "dataset": "args `dataset`",
    "dataset_file": "args `dataset_path`",
    "min_prompt_length": "args `dataset_args`, else `min_prompt_length`",
    "max_prompt_length": "args `dataset_args`, else `max_prompt_length`; none from 131072 on",
    "prefix_length": "args `dataset_args`, else `prefix_length`",
    "stream": "args `stream`: true where it says so",
    "evalscope_at_least": "the keys, fields and columns that the run's files have",
    "evalscope_below": "the keys, fields and columns that the run's files lack",
    "run": "path of the folder",
}
