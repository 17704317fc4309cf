"""The order of rows: digits as numbers."""

import functools
import re
from typing import Any

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(text: str | None) -> tuple[Any, ...]:
    """Sort key of a text: runs of digits compare as numbers and stand before other characters, empty text first.

    >>> sorted(["p10", "p2", "pa"], key=natural_key)
    ['p2', 'p10', 'pa']
    """
    parts: list[Any] = _DIGITS.split(text or "")
    for i in range(1, len(parts), 2):
        digits = parts[i].lstrip("0")
        parts[i] = (len(digits), digits)  # as a number, of any length
    return (parts, text or "")


natural = functools.lru_cache(10_000)(natural_key)
"""`natural_key` of texts that come again and again; keys take a hundred times the memory of the texts."""
