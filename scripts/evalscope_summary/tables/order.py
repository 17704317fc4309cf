"""The order of rows: digits as numbers."""

import functools
import re

_DIGITS = re.compile(r"([0-9]+)")
_CONTROLS = re.compile("[\0-\n]")
_END, _ESCAPE = "\1", "\2"  # stand before every other character


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPE + chr(ord("@") + ord(match[0]))


def _number(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0")
    length = str(len(digits))
    return f"{_END}{len(length)}{length}{digits}"  # as a number, of any length


def natural_key(text: str | None) -> bytes:
    r"""Sort key of a text: runs of digits compare as numbers and stand before other characters, empty text first, ties
    by plain text. No key is the beginning of another one, so that several can stand one after the other, and none holds
    a line break.

    >>> sorted(["p10", "p2", "pa", "p02", "p"], key=natural_key)
    ['p', 'p02', 'p2', 'p10', 'pa']
    """
    plain = _CONTROLS.sub(_escaped, text or "")
    return f"{_DIGITS.sub(_number, plain)}{_END}{_END}{plain}{_END}".encode("utf-8", "surrogatepass")


natural = functools.lru_cache(10_000)(natural_key)
"""`natural_key` of texts that come again and again; a key takes twice the memory of its text."""
