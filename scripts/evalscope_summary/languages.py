"""What people read, in their language. The messages are English where they arise; `config/messages.zh.json` is the home
of their Chinese, by their English, with names in braces for what varies.

Files that are data (CSV, JSON, Parquet) hold English, so that the same tree gives the same bytes on every machine: they
are translated where they are shown.
"""

import functools
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .old_pythons import language as language

CATALOG = Path(__file__).parents[2] / "config" / "messages.zh.json"
_FIELD = re.compile(r"\{(\w+)\}")


@functools.cache
def _catalog() -> dict[str, str]:
    catalog: dict[str, str] = json.loads(CATALOG.read_text("utf-8"))
    return catalog


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """What messages with something that varies look like, and their Chinese; those with most words first."""
    templates = sorted((text for text in _catalog() if _FIELD.search(text)), key=lambda t: -len(_FIELD.sub("", t)))
    return [(re.compile(_pattern(text), re.DOTALL), _catalog()[text]) for text in templates]


def _pattern(template: str) -> str:
    parts = _FIELD.split(template)  # texts, with the names of fields between them
    pattern = ""
    for i, part in enumerate(parts):
        known = f"(?P<{part}>" in pattern
        varies = r"\d+" if part == "number" else ".+?"
        pattern += re.escape(part) if i % 2 == 0 else f"(?P={part})" if known else f"(?P<{part}>{varies})"
    return pattern


def translated(text: str, to: str | None = None) -> str:
    """A message in the language of the locale, or another one; as it is where nobody translated it.

    What varies in it is translated too, and so is each line of several.

    Args:
        text: in English.
        to: `zh` or `en`.
    """
    if (to or language()) != "zh" or not text.strip():
        return text
    if text in _catalog():
        return _catalog()[text]
    for pattern, chinese in _patterns():
        if match := pattern.fullmatch(text):
            return _filled(chinese, {name: translated(value, "zh") for name, value in match.groupdict().items()})
    if "\n" in text:
        return "\n".join(translated(line, "zh") for line in text.split("\n"))
    return text


def say(template: str, **values: Any) -> str:
    """A message with values in it, in the language of the locale."""
    if language() == "zh":
        template = _catalog().get(template, template)
    return _filled(template, values)


def print_message(message: str) -> None:
    """Say something beside the results, in the language of the locale.

    Args:
        message: in English.
    """
    print(f"evalscope-summary: {translated(message)}", file=sys.stderr, flush=True)


def _filled(template: str, values: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda field: str(values[field[1]]), template)


def counted(number: int, noun: str) -> str:
    """So many of something, in the language of the locale.

    >>> print(counted(1, "run"), counted(2, "run"))
    1 run 2 runs
    """
    return translated(f"{number} {noun}{'' if number == 1 else 's'}")


def counts(runs: int, skipped: int, problems: int, where: str) -> str:
    """How many runs were found, and where they are.

    Args:
        runs: in the tables.
        skipped: not in the tables.
        problems: rows of `summary_problems`.
        where: its path.
    """
    total = counted(runs + skipped, "run")
    if not skipped:
        text = say("{found} found, all in the tables", found=total)
    else:
        text = say("{found} found: {runs} in the tables, {skipped} skipped", found=total, runs=runs, skipped=skipped)
    if not problems:
        return text
    return say("{counts}; {problems}, see {where}", counts=text, problems=counted(problems, "problem"), where=where)
