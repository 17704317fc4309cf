"""The requests of a run in our terms, whatever tool measured them. What cells are made of them: `recompute`."""

from __future__ import annotations  # array.array is generic only from Python 3.12 on

import math
import sys
from array import array
from collections import Counter
from dataclasses import dataclass, field

from ..jsonfile import is_passing


class UnreadableRequests(Exception):
    """The requests of a run can't be read; the text says why.

    Attributes:
        passing: they may be readable at the next start without a change to the file.
    """

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing

    @classmethod
    def because(cls, message: str, error: Exception) -> UnreadableRequests:
        """As the consequence of an error, which may be over at the next start."""
        return cls(message, is_passing(error))


def _numbers() -> array[float]:
    return array("d")


@dataclass
class Requests:
    """Some requests of a run, failed ones too, as parallel arrays. All requests of a large run come in parts, each of
    which fits into memory; their order doesn't matter.

    Seconds and tokens; NaN where a value is missing, or can't be one (negative, infinite, a text). A request that
    failed has its start and end, and `stream`; its other values are NaN.

    Attributes:
        start: when it was sent, on the client's clock, whose zero means nothing; 0 or NaN where that was not recorded.
        end: when its reply was complete, on the same clock; 0 or NaN where that was not recorded.
        latency: from start to end, as the client measured it.
        ttft: time to the first token; 0 where there was none.
        input_tokens: of the prompt.
        output_tokens: of the reply.
        succeeded: 1 or 0 (`array("b")`).
        stream: 1 where the reply was streamed; anything else where it was not, NaN where it can't be.
        intervals: the times between the chunks of the replies, one reply after the other. What is no number of
            seconds is left out of all that is computed, and counted.
        interval_counts: how many of them each request has (`array("q")`).
        continued: how many more stand in front, which belong to the last request of the part before.
        unusable: the tool's own name of a value → how often it was there and could not be one.
    """

    start: array[float] = field(default_factory=_numbers)
    end: array[float] = field(default_factory=_numbers)
    latency: array[float] = field(default_factory=_numbers)
    ttft: array[float] = field(default_factory=_numbers)
    input_tokens: array[float] = field(default_factory=_numbers)
    output_tokens: array[float] = field(default_factory=_numbers)
    succeeded: array[int] = field(default_factory=lambda: array("b"))
    stream: array[float] = field(default_factory=_numbers)
    intervals: array[float] = field(default_factory=_numbers)
    interval_counts: array[int] = field(default_factory=lambda: array("q"))
    continued: int = 0
    unusable: Counter[str] = field(default_factory=Counter)

    def take(self, name: str, source: str, value: object) -> None:
        """Append a value to one of the arrays of numbers; NaN where it is missing or can't be one.

        Args:
            name: of the array.
            source: the tool's own name of it, for `unusable`.
            value: as it was read; None if it is missing.
        """
        usable = isinstance(value, int | float) and 0 <= value <= sys.float_info.max  # an integer may be larger
        getattr(self, name).append(value if usable else math.nan)
        if not usable and value is not None:
            self.unusable[source] += 1
