"""Releases of a tool: which can have written a run, and which changed what a metric means."""

import functools
from dataclasses import dataclass

Release = tuple[int, ...]


@functools.lru_cache(1000)
def release(text: str) -> Release:
    """`"2.10.0"` → (2, 10, 0), so that releases compare as numbers."""
    return tuple(int(part) for part in text.split("."))


@dataclass
class Window:
    """The releases that can have written a run: from `at_least` up to, not including, `below` (None: no bound)."""

    at_least: str
    below: str | None

    def written_since(self, bound: str) -> None:
        """Note that only `bound` and later can have written it."""
        if release(bound) > release(self.at_least):
            self.at_least = bound

    def written_before(self, bound: str) -> None:
        """Note that `bound` and later can't have written it."""
        if self.below is None or release(bound) < release(self.below):
            self.below = bound

    def certainly_since(self, bound: str) -> bool:
        """Whether the run was written by `bound` or later."""
        return release(self.at_least) >= release(bound)

    def certainly_before(self, bound: str) -> bool:
        """Whether the run was written before `bound`."""
        return self.below is not None and release(self.below) <= release(bound)


@dataclass(frozen=True)
class Break:
    """A release from which on a metric means something else.

    Attributes:
        release: the first release with the new meaning.
        change: what changed.
        measured: the client measures something else, so that recomputing from the request rows does not help.
    """

    release: str
    change: str
    measured: bool = False


@dataclass(frozen=True)
class Definition:
    """A metric and its breaks.

    Attributes:
        name: what messages call it.
        columns: its columns, but for percentiles.
        percentiles: the metrics of its percentile columns.
        breaks: oldest first.
    """

    name: str
    columns: tuple[str, ...]
    percentiles: tuple[str, ...]
    breaks: tuple[Break, ...]

    def covers(self, column: str, metric: str) -> bool:
        """Whether a column is of this metric; `metric` is that of a percentile column, else empty."""
        return metric in self.percentiles if metric else column in self.columns
