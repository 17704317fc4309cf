"""Values of any number in bounded memory, for exact ranks and means."""

import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_IN_MEMORY = 2**19
"""Values that wait in memory (4 MB); when there are more, they go sorted into a temporary file."""


class Sample:
    """The finite values of one metric. Values must not be negative.

    Attributes:
        count: how many finite values there are.
        total: their sum.
        dropped: how many others were added: NaN or infinite.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.dropped = 0
        self._waiting: list[Values] = []
        self._waiting_count = 0
        self._sorted: list[Values] = []
        self._file: IO[bytes] | None = None

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        if self._file:
            self._file.close()

    def add(self, values: Values) -> None:
        """Add values; NaN and infinite ones are counted only."""
        finite = values[np.isfinite(values)]
        self.count += len(finite)
        self.total += float(finite.sum())
        self.dropped += len(values) - len(finite)
        self._waiting.append(finite)
        self._waiting_count += len(finite)
        if self._waiting_count > _IN_MEMORY:
            self._file = self._file or tempfile.TemporaryFile(prefix="evalscope-summary-")  # noqa: SIM115
            offset = self._file.tell()
            self._file.write(self._sort().data)  # not `tofile`, which doesn't say why it failed
            self._file.flush()
            self._sorted[-1] = np.memmap(self._file, np.float64, "r", offset)
            self._file.seek(0, 2)

    def _sort(self) -> Values:
        """Make one more sorted part of what waits."""
        part = np.sort(np.concatenate(self._waiting)) + 0.0  # -0.0 becomes 0.0
        self._waiting.clear()
        self._waiting_count = 0
        self._sorted.append(part)
        return part

    @property
    def mean(self) -> float | None:
        """The mean of the values, None without any."""
        return self.total / self.count if self.count else None

    def smallest(self, rank: int) -> float:
        """The value at index `rank` of all values in ascending order."""
        if self._waiting:
            self._sort()
        if len(self._sorted) == 1:
            return float(self._sorted[0][rank])
        low, high = 0, int(np.array(np.inf).view(np.uint64))  # of floats that are not negative, the bits are in order
        while low < high:
            middle = (low + high) // 2
            value = np.array(middle, np.uint64).view(np.float64)
            if sum(int(part.searchsorted(value, "right")) for part in self._sorted) > rank:
                high = middle
            else:
                low = middle + 1
        return float(np.array(low, np.uint64).view(np.float64))
