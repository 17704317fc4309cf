"""What a run of GuideLLM was asked to do."""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...problems import storable
from ...record import Values
from ..cells import Checked, file_name
from ..keys import config_of, digest_of, taken, value_at
from ..result_files import Document
from . import formats

_SECRET = re.compile("key|token(?!s)|secret|passw|auth|credential|cookie|header", re.IGNORECASE)
_DEEPEST = 16  # objects in one another that GuideLLM writes, with some to spare


def labels_of(document: Document, checked: Checked) -> Values:
    """The labels of a run, and its release."""
    content = document.content
    labels = taken(checked, content, formats.LABELS)
    if first_of(content, formats.ARGUMENTS["strategy"]) == "synchronous":
        labels["parallel"] = 1
    given = value_at(content, "report.config.metadata.labels")
    if isinstance(given, dict) and given:
        told = [f"{name}={value}" for name, value in given.items() if _is_open(name, value)]
        labels |= {"name": checked.text("labels", ",".join(told))} if told else {}
    config = config_of(document.path, labels.get("name"), labels.get("model"), document.path.rpartition(".")[0])
    number = checked.count("max_requests", _limit(content))
    others = {"config": config, "timestamp": _start(content), "number": number} | _data_labels(content, checked)
    return labels | {column: value for column, value in others.items() if value is not None}


def _is_open(name: str, value: Any) -> bool:
    """Whether a label may be shown: it is not called like a secret, and its value is no URL, which may hold one."""
    return isinstance(value, str | int | float) and not _SECRET.search(name) and "://" not in f"{name}{value}"


def first_of(content: Mapping[str, Any], paths: Sequence[str]) -> Any:
    """The first of some places that says something."""
    return next((value for path in paths if (value := value_at(content, path)) not in formats.UNSAID), None)


def _limit(content: Mapping[str, Any]) -> Any:
    """The number of requests asked for; a sweep may have one for each of its benchmarks."""
    limit = first_of(content, formats.NUMBER)
    if not isinstance(limit, dict):
        return limit
    count = limit.get("max_num", value_at(limit, "args.count"))
    index = limit.get("current_index")
    if not isinstance(count, list):
        return count
    return count[index] if type(index) is int and 0 <= index < len(count) else None


def _start(content: Mapping[str, Any]) -> str | None:
    """When the measured time began, in UTC, so that a table does not depend on where it is made."""
    start = content.get("start_time")
    if isinstance(start, bool) or not isinstance(start, int | float) or not 0 < start < 1e11:
        return None
    return f"{datetime.datetime.fromtimestamp(start, datetime.UTC):%Y%m%d_%H%M%S}"


def _data(content: Mapping[str, Any]) -> list[Any]:
    """What is said of each data set: an object from 0.7.0 on, before that a text."""
    given = first_of(content, formats.DATA_PATHS)
    return [_spec(each) for each in (given if isinstance(given, list) else [given])]


def _spec(given: Any) -> Any:
    """`prompt_tokens=32,output_tokens=24`, which may be JSON as well, as an object; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        parsed = json.loads(given)
    except (ValueError, RecursionError):
        pairs = [item.partition("=") for item in given.split(",")]
        parsed = {name.strip(): value.strip() for name, _, value in pairs} if "_tokens=" in given else None
    if not isinstance(parsed, dict):
        return given if isinstance(parsed, str | int | float | None) else parsed
    spec = {
        key: int(value) if str(value).isdecimal() and len(str(value)) < 16 else value for key, value in parsed.items()
    }
    return {"kind": formats.SYNTHETIC} | spec


def _data_labels(content: Mapping[str, Any], checked: Checked) -> Values:
    spec = _data(content)[0]
    if isinstance(spec, str):
        return {"dataset_file": storable(file_name(spec)) or None}
    if not isinstance(spec, dict):
        return {}
    path = spec.get("path", spec.get("source"))
    shortest, longest = _range(spec, "prompt_tokens", checked)
    low, high = _range(spec, "output_tokens", checked)
    return {
        "dataset": checked.text("data.kind", spec.get("kind")),
        "dataset_file": storable(file_name(path)) or None if isinstance(path, str) else None,
        "min_prompt_length": shortest,
        "max_prompt_length": longest,
        "max_tokens": high,
        "max_tokens_low": low if low != high else None,
    }


def _range(spec: Mapping[str, Any], name: str, checked: Checked) -> tuple[int | None, int | None]:
    """The shortest and longest that are asked for; None where lengths vary without a bound."""
    low, high = (checked.count(f"data.{key}", spec.get(key)) for key in (f"{name}_min", f"{name}_max"))
    if low is high is None and not spec.get(f"{name}_stdev"):
        low = high = checked.count(f"data.{name}", spec.get(name))
    return low, high


def arguments_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what changes the load. What is said in different ways, or not at all, is the same."""
    given: dict[str, Any] = {name: _said(first_of(content, paths)) for name, paths in formats.ARGUMENTS.items()}
    if isinstance(given["request_format"], str):  # `/v1/chat/completions` was `chat_completions`
        given["request_format"] = given["request_format"].removeprefix("/v1/").replace("/", "_").removeprefix("text_")
    plain = formats.PLAIN.items()
    given[formats.DATA] = [
        _said({key: value for key, value in one.items() if (key, value) not in plain} if isinstance(one, dict) else one)
        for one in _data(content)
    ]
    return {name: digest_of(value) for name, value in given.items()}


def _said(value: Any, depth: int = 0) -> Any:
    """A value without what says nothing."""
    if isinstance(value, dict) and depth < _DEEPEST:
        kept = {key: _said(one, depth + 1) for key, one in value.items() if key not in ("current_index", "mode")}
        return {key: one for key, one in kept.items() if one not in formats.UNSAID} or None
    return value
