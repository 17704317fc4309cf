"""What can be wrong with a run: the rows of `summary_problems`."""

import re
from typing import Literal, NamedTuple

Severity = Literal["skipped", "warning"]

CODES = (
    "incomplete",
    "unreadable-json",
    "unreadable-database",
    "unknown-format",
    "no-successful-requests",
    "counts-disagree",
    "percentiles-disagree",
    "corrected-throughput",
    "value-out-of-range",
    "duplicate-run",
    "mixed-definitions",
    "mixed-arguments",
)


FIELDS = {
    "severity": "`skipped` (the run is not in the table) or `warning` (it is, perhaps with empty cells)",
    "code": "what is wrong, one word of a fixed list",
    "run": "path of the folder below the results tree",
    "file": "name of the file in that folder, empty where no single file is meant",
    "message": "what was found and what to do",
}
"""The columns of `summary_problems`, and what they hold."""


class Problem(NamedTuple):
    """One row of `summary_problems`; the fields are its columns, see `FIELDS` and `CODES`."""

    severity: Severity
    code: str
    run: str
    file: str
    message: str


_UNSEEN = re.compile(
    "[\0-\x1f\x7f-\x9f"  # control characters: terminals obey them, and readers of CSV and XML stumble over them
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, or turn text round
    "\ud800-\udfff\ufffe\uffff]"  # lone surrogates, also of bytes in a file name that are no UTF-8; no characters
)  # joiners (U+200C, U+200D) stay: words and emoji need them


def printable(text: str) -> str:
    r"""A text that every format can hold and every terminal show: what can't be seen becomes escapes.

    >>> print(printable("two\nlines \x1b[31m"))
    two\nlines \x1b[31m
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
