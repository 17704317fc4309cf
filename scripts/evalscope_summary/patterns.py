"""The regular expressions of the configuration, which end for every pattern and every text: RE2 takes linear time."""

import functools
import re
import warnings
from typing import Any

_UNICODE = {"w": r"\p{L}\p{N}_", "d": r"\p{Nd}"}  # as in Python, where RE2 takes only those of ASCII
_PARTS = re.compile(r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\.|\[\^?\]?|\]|\[", re.DOTALL)
_ADVICE = (
    "patterns are matched by RE2, which has no lookaround ((?=…), (?<!…)), no references to groups (\\1, (?P=name)), no"
    " possessive repeats and no more than 1000 of one: match what is around, too, and name with (?P<name>…) the part"
    " that you want"
)


class WrongPattern(SystemExit):
    """A pattern can't be used; the text says why, and ends a program."""


def names(pattern: str) -> tuple[str, ...]:
    """The named groups of a pattern, in their order."""
    return tuple(re.compile(pattern).groupindex)  # no text is matched


def check(pattern: str) -> None:
    """Check that a pattern can be used.

    Raises:
        WrongPattern: it can't.
    """
    if not pattern:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise WrongPattern(f"{pattern!r} is no regular expression: {error}") from error
    try:
        import re2  # noqa: F401 (where rules have environments of their own, Snakemake's may lack it: then they say it)
    except ImportError:
        return
    compiled(pattern)


@functools.lru_cache(10)
def compiled(pattern: str) -> Any:
    """A pattern with the methods `search` and `sub` of those of `re`.

    Raises:
        WrongPattern: RE2 can't do it.
    """
    import re2  # only where a pattern is set: it takes 20 ms

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_for_re2(pattern), options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0]
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        raise WrongPattern(f"{pattern!r} can't be used: {reason}; {_ADVICE}") from error


def _for_re2(pattern: str) -> str:
    r"""The same pattern as RE2 spells it.

    >>> print(_for_re2(r"(?P<name>\w+)-[\d.]+\Z"))
    (?P<name>[\p{L}\p{N}_]+)-[\p{Nd}.]+\z
    """
    in_class = False

    def translated(match: re.Match[str]) -> str:
        nonlocal in_class
        text = match[0]
        if text[0] == "[":
            if in_class:  # Python knows no classes in classes, as [[:alpha:]]
                in_class = not text.endswith("]")
                return "\\" + text
            in_class = True
        elif text == "]":
            in_class = False
        elif len(text) > 2:
            return f"\\x{{{text[2:]}}}"
        elif text[1] in "wd":
            return _UNICODE[text[1]] if in_class else f"[{_UNICODE[text[1]]}]"
        elif text[1] in "WD" and not in_class:
            return f"[^{_UNICODE[text[1].lower()]}]"
        elif text == r"\D":
            return r"\P{Nd}"
        elif text == r"\Z":
            return r"\z"
        return text

    return _PARTS.sub(translated, pattern)
