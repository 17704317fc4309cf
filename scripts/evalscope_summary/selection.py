"""Which runs are wanted: the settings `exclude`, `since` and `until`."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from fnmatch import translate

from .problems import in_tree

_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T_ ]?(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)?", re.ASCII)


def moment(text: str, end: bool = False) -> str:
    """A time as `timestamp` has it, `YYYYMMDD_HHMMSS`: of a day, hour or minute its first second, or its last.

    >>> moment("2026-01-31"), moment("20260131", end=True), moment("2026-01-31T12:30"), moment("20260131120000")
    ('20260131_000000', '20260131_235959', '20260131_123000', '20260131_120000')

    Args:
        text: in the same form (YAML makes a number without its separator of it), a part of it, or as ISO writes it.
        end: the last second is meant.

    Raises:
        ValueError: it is no time.
    """
    match = _MOMENT.fullmatch(text)
    if not match:
        raise ValueError(text)
    given = "".join(part for part in match.groups() if part)
    rest = ("99999999235959" if end else "00000000000000")[len(given) :]
    return datetime.strptime(given + rest, "%Y%m%d%H%M%S").strftime("%Y%m%d_%H%M%S")


def within(timestamp: str | None, since: str, until: str) -> bool:
    """Whether a run is of a period; one without a timestamp is of every.

    Args:
        timestamp: `YYYYMMDD_HHMMSS`.
        since: the first second of the period, in the same form; empty: it has no beginning.
        until: its last second; empty: it has no end.
    """
    return not timestamp or ((not since or timestamp >= since) and (not until or timestamp <= until))


class Selection:
    """What is left out of a tree. Several threads may ask at once.

    Args:
        exclude: glob patterns on paths below the tree (`*` matches `/` too).
        since: as for `within`.
        until: as for `within`.
        tree: name of the tree, if it is one of several: paths begin with it for `exclude`.

    Attributes:
        tree: as given.
        left_out: the paths for which the answer was that they are not wanted.
        wants_all: nothing is left out, so that nobody has to ask.
    """

    def __init__(self, exclude: Sequence[str], since: str, until: str, tree: str = "") -> None:
        self._patterns = {pattern: re.compile(translate(pattern)).match for pattern in exclude}
        self._period = (since, until)
        self.tree = tree
        self._matched: set[str] = set()
        self.left_out: set[str] = set()
        self.wants_all = not (exclude or since or until)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """The patterns that matched nothing until now."""
        return tuple(pattern for pattern in self._patterns if pattern not in self._matched)

    @property
    def answers(self) -> tuple[set[str], set[str]]:
        """What was answered until now, for `learn`."""
        return self.left_out, self._matched

    def learn(self, answers: tuple[set[str], set[str]]) -> None:
        """Take what another process was answered about other paths."""
        left_out, matched = answers
        self.left_out |= left_out
        self._matched |= matched

    def excludes(self, path: str) -> bool:
        """Whether a pattern leaves a path out."""
        if not self._patterns:
            return False
        whole = in_tree(self.tree, path) if self.tree else path
        if not (matching := [pattern for pattern, matches in self._patterns.items() if matches(whole)]):
            return False
        self._matched.update(matching)
        self.left_out.add(path)
        return True

    def is_of_another_period(self, path: str, place: Callable[[str], tuple[str | None, str] | None]) -> bool:
        """Whether a path is left out for the timestamp that it shows.

        Args:
            path: of a source or trace.
            place: `Reader.place` of who claims it.
        """
        if not any(self._period):
            return False
        placed = place(path)
        if not placed or within(placed[0], *self._period):
            return False
        self.left_out.add(path)
        return True
