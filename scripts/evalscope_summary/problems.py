"""What can be wrong with a run: the rows of `summary_problems`."""

import re
from typing import Literal, NamedTuple

Severity = Literal["skipped", "warning"]

CODES = {
    "incomplete": "a file that a run needs is missing: stopped, or still running",
    "unreadable-json": "the file is damaged, cut off, may not be read, or is JSON of more than 16 MiB",
    "unreadable-database": "the database is damaged, cut off, locked, or may not be read",
    "unknown-format": "no file of a known kind",
    "no-successful-requests": "all requests failed: counts only, no performance",
    "counts-disagree": "succeeded + failed are not the requests, or the database holds another number",
    "percentiles-disagree": "the request rows give other percentiles than the file",
    "corrected-throughput": "the tool divided by the wrong time; corrected, its values are in the message",
    "no-request-rows": "the tool kept no row of each request, so that nothing can be recomputed",
    "requested-tokens": "the tool seems to count the tokens that were asked for, not those that came",
    "value-out-of-range": "a metric that is negative, no number or infinite: the cell is empty",
    "duplicate-run": "the same bytes as another run: perhaps a copy; both stay",
    "mixed-definitions": "a group averages runs of several tools, or of releases that give a metric different meanings",
    "mixed-arguments": "a group averages runs that differ in an argument that changes the workload and is in no label",
}
"""Code → what it means, for the documentation."""


class Problem(NamedTuple):
    """One row of `summary_problems`; the fields are its columns, see `layouts.PROBLEM_COLUMNS` and `CODES`."""

    severity: Severity
    code: str
    run: str
    file: str
    message: str


_AMBIGUOUS = re.compile(r"\\+(?=[\ud800-\udfff]|ud[89a-f][0-9a-f]{2})")  # before an escape, or what looks like one


def storable(text: str) -> str:
    r"""A text that UTF-8 can hold: bytes of a file name that are none, and lone surrogates, become escapes.

    Different texts stay different: backslashes before such an escape, or before what looks like one, are doubled.

    >>> print(storable("caf\udce9"), storable(r"caf\udce9"), storable(r"C:\users"))
    caf\udce9 caf\\udce9 C:\users
    """
    if "\\" in text:
        text = _AMBIGUOUS.sub(r"\g<0>\g<0>", text)
    elif text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def in_tree(tree: str, run: str) -> str:
    """The name of a run, or the path of a folder, among several trees.

    >>> in_tree("july", "a/b"), in_tree("july", ""), in_tree("", "a/b")
    ('july/a/b', 'july', 'a/b')

    Args:
        tree: its name; empty if it is the only one.
        run: its name, or the path, in the tree.
    """
    return f"{tree}/{run}" if tree and run else tree or run


_UNSEEN = re.compile(
    "[\0-\x1f\x7f-\x9f"  # control characters, which terminals obey
    "\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, or turn text round
    "\ud800-\udfff\ufffe\uffff]"  # no characters
)  # joiners (U+200C, U+200D) stay: words and emoji need them


def printable(text: str) -> str:
    r"""A text as terminals and reports show it: on one line, with escapes for what can't be seen.

    >>> print(printable("two\nlines \x1b[31m"))
    two\nlines \x1b[31m
    """
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
