"""How a value that a tool wrote becomes a cell, in all readers."""

import math
import re
from collections.abc import Container
from typing import Any

from ..columns import Type
from ..problems import storable

ORDINARY = 1e15
"""Nearly all values are numbers from 0 to here, and need no closer look."""

_SHOWN = 40  # characters of a wrong value that a message quotes
_LONGEST = 2**16  # characters of a label; readers of CSV have limits for a field, and for a row


def is_type(value: Any, column_type: Type) -> bool:
    """Whether a value read from a file is what a cell of this type may hold (integers fit into 64 bits)."""
    if column_type == "text":
        return isinstance(value, str)
    if column_type == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if column_type == "float":
        return isinstance(value, float) or abs(value) < 2**1023  # a larger integer is no float
    return value == value and abs(value) < 2**63 and value == int(value)


def file_name(path: str) -> str:
    """The last component of a path as written on any system; of a URL, nothing that may be a key."""
    # its user and query may hold one
    if url := re.match(r"(?:[^/?#]*:)?//([^?#;]*)", path):
        path = url[1].partition("/")[2]
    beginning, _, query = path.partition("?")
    if "=" in query:
        path = beginning
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


class Checked:
    """The values of a file as cells. What can't be one is left out and noted; nothing is quoted but numbers.

    Attributes:
        file: its name.
        unusable: the keys of what was left out, with the number that was found or what else it was.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.unusable: list[str] = []

    def _note(self, key: str, value: Any) -> None:
        shown = f"{value!r:.{_SHOWN}}" if isinstance(value, int | float) else f"a {type(value).__name__}"
        self.unusable.append(f"`{key}` ({shown})")

    def number(
        self,
        key: str,
        value: Any,
        divisor: float = 1.0,
        sentinels: Container[Any] = (),
        nan_is_empty: bool = False,
    ) -> float | None:
        """A metric, which is finite and not negative; None for a sentinel, and for what can't be one.

        Args:
            key: of the value.
            value: as the file has it.
            divisor: what it is divided by to be in the column's unit.
            sentinels: numbers that stand for "no value", before the division.
            nan_is_empty: NaN does too.
        """
        if (type(value) is float or type(value) is int) and 0 <= value < ORDINARY:
            return value / divisor + 0.0  # -0.0 becomes 0.0
        if value is None:
            return None
        if not is_type(value, "float"):
            self._note(key, value)
            return None
        if value in sentinels or (nan_is_empty and value != value):
            return None
        if not math.isfinite(value) or value < 0:
            self._note(key, value)
            return None
        return float(value) / divisor

    def count(self, key: str, value: Any, unlimited: Container[Any] = ()) -> int | None:
        """A count or a limit; None where it is one of `unlimited`, and for what can't be one."""
        if value is None or value in unlimited:
            return None
        if type(value) is int and 0 <= value < ORDINARY:
            return value
        if not is_type(value, "integer") or value < 0:
            self._note(key, value)
            return None
        return int(value)

    def text(self, key: str, value: Any) -> str | None:
        """A label, storable, and with an ellipsis where it is cut; None where it is empty."""
        if value is None:
            return None
        if not isinstance(value, str):
            self._note(key, value)
            return None
        kept = storable(value[: _LONGEST + 1])
        return (kept if len(kept) <= _LONGEST else kept[: _LONGEST - 1] + "…") or None
