"""Where a tool has the values of our columns: tables of keys, and what they give. For readers whose runs are JSON."""

import hashlib
import json
import math
import os
import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from ..columns import BY_NAME, PERFORMANCE
from ..problems import storable
from ..record import Record, Values
from .cells import Checked
from .requests import Requests

_TIMESTAMP = re.compile(r"[0-9]{8}[_-][0-9]{6}")


class Key(NamedTuple):
    """Where a tool has a value.

    Attributes:
        path: keys of objects and indices of lists, separated by dots.
        divisor: what the value is divided by to be in the column's unit.
    """

    path: str
    divisor: float = 1.0

    def described(self) -> str:
        """It as the documentation shows it."""
        return f"`{self.path}`{f' / {self.divisor:g}' if self.divisor != 1 else ''}"


Keys = Mapping[str, tuple[Key, ...]]
"""Column → where its value is, newest spelling first."""


@cache
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def value_at(content: Any, path: str) -> Any:
    """What lies at a path (see `Key`) in JSON, None if there is nothing."""
    for step in _steps(path):
        if isinstance(content, dict):
            content = content.get(step) if isinstance(step, str) else content.get(str(step))
        elif isinstance(content, list) and isinstance(step, int) and step < len(content):
            content = content[step]
        else:
            return None
        if content is None:
            return None
    return content


def taken(checked: Checked, content: Mapping[str, Any], keys: Keys) -> Values:
    """The cells that stand at the first of their keys that is there, each by its column's type.

    Durations of 0 are none, and NaN is: tools write them where there was nothing to average.
    """
    values: Values = {}
    for column, places in keys.items():
        for key in places:
            value = value_at(content, key.path)
            if value is not None:
                cell = _cell(checked, column, key, value)
                if cell is not None:
                    values[column] = cell
                break
    return values


def _cell(checked: Checked, column: str, key: Key, value: Any) -> Any:
    target = BY_NAME[column]
    if target.type == "text":
        return checked.text(key.path, value)
    if target.type == "integer":
        return checked.count(key.path, value)
    if target.type == "boolean":
        return value if isinstance(value, bool) else None
    if value != value or (target.unit == "s" and value == 0 and value is not False):
        return None
    return checked.number(key.path, value, key.divisor)


def config_of(path: str, *otherwise: str | None) -> str | None:
    """The config of a run: the folders between the tree and its file, but those that are only a time.

    Args:
        path: of the file below the tree.
        otherwise: names to take in their order where there are no such folders.
    """
    folders = [part for part in os.path.dirname(path).split("/") if part and not _TIMESTAMP.fullmatch(part)]
    return storable("/".join(folders)) or next((name for name in otherwise if name), None)


def digest_of(value: Any) -> str:
    """What stands for a value of an argument in a record; all that are nested too deeply are the same."""
    try:
        text = json.dumps(value, sort_keys=True)
    except RecursionError:
        text = "nested too deeply"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finish(record: Record, checked: Checked, applies: Callable[[str], bool] = lambda column: True) -> None:
    """What holds for the cells of every tool: without a success there is no performance but the duration, and what
    could not be used is said.

    Args:
        record: with the counts in its common part, and what the tool reported.
        checked: what was found unusable.
        applies: whether a run of its kind can have values in a column.
    """
    common = record.common.values
    succeeded, failed, requests = (common.get(column) for column in ("succeeded", "failed", "requests"))
    if succeeded == 0:
        message = "no request succeeded, so the performance cells are empty; look into the log for the reason"
        record.note("warning", "no-successful-requests", checked.file, message)
    elif succeeded is not None and failed is not None and requests not in (None, succeeded + failed):
        message = f"{succeeded} succeeded + {failed} failed requests are not the {requests} requests it counts"
        record.note("warning", "counts-disagree", checked.file, message)
    for part in (record.common, record.reported, *record.derived.values()):
        part.values = {
            column: value
            for column, value in part.values.items()
            if value is not None
            and applies(column)
            and (succeeded != 0 or column not in PERFORMANCE or column == "time_taken")
        }
    if checked.unusable:
        message = f"no usable value for {', '.join(checked.unusable)}: nothing is taken from there"
        record.note("warning", "value-out-of-range", checked.file, message)


def origins_of(*tables: Keys) -> dict[str, str]:
    """`Reader.origins` of tables of keys."""
    return {column: " or ".join(key.described() for key in keys) for table in tables for column, keys in table.items()}


def put(requests: Requests, name: str, source: str, values: Sequence[Any]) -> None:
    """Append values of all requests to an array of `Requests`, as its `take` does with one.

    Args:
        requests: some of a run.
        name: of the array.
        source: the tool's own name of the values.
        values: as they were read.
    """
    try:
        numbers = array("d", values)
        if not numbers or (min(numbers) >= 0 and max(numbers) < math.inf):  # false for NaN, too
            getattr(requests, name).extend(numbers)
            return
    except (TypeError, OverflowError):
        pass  # not all are numbers
    for value in values:
        requests.take(name, source, value)
