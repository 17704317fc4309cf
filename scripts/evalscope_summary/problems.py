"""What can be wrong with a run: the rows of `summary_problems`."""

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


def printable(text: str) -> str:
    """A text that UTF-8 can hold: bytes of a file name that are none, and lone surrogates, become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
