"""The request rows of runs, one file per source, kept as long as the files that they were made from: what
`readers.requests` says of each request, in the order of their starts.

A file is a line of JSON (what it was made of, and the runs with their number of rows and their duration), and then the
rows, each the `layouts.REQUEST_MEASURES` as native floats, NaN where there is none.
"""

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import bounded, jsonfile
from .bounded import Failure, Worker
from .digests import of_module
from .discovery import Claimed
from .inventory import Inventory, left_out_beside, source_hash
from .layouts import REQUEST_MEASURES
from .readers import reader
from .readers.base import Signature
from .readers.recompute import Duration, first_token, token_latency, usable_intervals, values_of
from .readers.requests import Requests, UnreadableRequests
from .records import Records, computing_seconds, is_below, remove_others, signature_now

Rows = NDArray[np.float64]
"""A row per request, a column for each of `REQUEST_MEASURES`."""

_AT_ONCE = 2**17  # rows in memory: 9 MB
_START = REQUEST_MEASURES.index("start")
_ATTEMPTS = 3


class Read(NamedTuple):
    """How it went with a source.

    Attributes:
        signature: of the files that its rows were made from; empty if they have to be made again at the next start.
        messages: why a run has no rows, one each.
    """

    signature: Signature
    messages: list[str]


class Run(NamedTuple):
    """A run whose rows are kept.

    Attributes:
        name: in the tables.
        requests: how many it has.
        seconds: its duration, as `metrics: recomputed` has it; None if it can't be told.
    """

    name: str
    requests: int
    seconds: float | None


class RequestRows:
    """The kept rows of a tree.

    Args:
        folder: where they lie.
        root: the results tree.
        inventory: of the batch.
    """

    def __init__(self, folder: Path, root: str, inventory: Inventory) -> None:
        self.folder = folder
        self._root = root
        self._inventory = inventory
        self._code = of_module(__file__)
        self._worker: Worker[tuple[str, Failure | None], Read] = Worker(
            self._make, lambda item: computing_seconds(inventory.sources[item[0]])
        )
        self.close = self._worker.close

    def refresh(self) -> Iterator[list[str] | None]:
        """Read the new and changed sources; yields for each source what its reader has to say, None if it was kept."""
        self._worker.start()
        for source in self._inventory.sources:
            if self._header(source) is not None:
                yield None
                continue
            (result,) = self._worker([(source, None)])
            if isinstance(result, Failure):
                (result,) = self._worker([(source, result)])
            yield result.messages if isinstance(result, Read) else [f"{source}: reading it {result.message}"]

    def update(self, batch: str, left_out: Set[str] = frozenset()) -> tuple[int, list[str]]:
        """Read the new and changed sources of a batch, and remove the rows of those that are gone.

        Args:
            batch: such as `1-of-8`.
            left_out: of `discovery.Tree`: rows of what is there, but not wanted now, are kept.

        Returns:
            How many were read, and why a run has no rows, a text each.
        """
        refreshed = [messages for messages in self.refresh() if messages is not None]
        self.close()
        number, batches = (int(part) for part in batch.split("-of-"))
        self._remove_others(number - 1, batches, left_out)
        return len(refreshed), [message for messages in refreshed for message in messages]

    @classmethod
    def of_batch(cls, path: Path, batch: str) -> tuple["RequestRows", Inventory, int]:
        """The kept rows of a batch as its files are now; says why runs have none.

        Args:
            path: of the batch's inventory, in `<work folder of the tree>/inventory/`.
            batch: such as `1-of-8`.

        Returns:
            The rows, the inventory, and how many sources were read.
        """
        inventory = Inventory.load(path)
        tree = path.parent.parent
        kept = cls(tree / "requests", Records(tree / "records").tree(inventory), inventory)
        read, messages = kept.update(batch, left_out_beside(path))
        for message in messages:
            print(message, file=sys.stderr)
        return kept, inventory, read

    def runs(self, source: str) -> Iterator[tuple[Run, Iterator[Rows]]]:
        """The runs of a source that was refreshed, and their rows in parts that are to be taken before the next run."""
        with open(self._path(source), "rb") as file:
            for run in json.loads(file.readline())["runs"]:
                own = Run(*run)
                yield own, _blocks(file, own.requests)

    def _remove_others(self, batch: int, batches: int, left_out: Set[str]) -> None:
        wanted = {f"{source_hash(source)}.rows" for source in (*self._inventory.sources, *left_out)}
        remove_others(
            self.folder, wanted, batch, batches, lambda path: bool(left_out) and is_below(_source(path), left_out)
        )

    def _path(self, source: str) -> str:
        hash_ = source_hash(source)
        return f"{self.folder}/{hash_[:2]}/{hash_}.rows"

    def _made_of(self, source: str, signature: Signature) -> dict[str, Any]:
        """What decides what rows a source has."""
        readers = self._inventory.digests(self._inventory.sources[source])
        return {"source": source, "readers": readers, "code": self._code, "signature": signature}

    def _header(self, source: str) -> dict[str, Any] | None:
        """What is kept of a source, None if it is not what it would be now."""
        with suppress(OSError, ValueError, KeyError, TypeError), open(self._path(source), "rb") as file:
            header: dict[str, Any] = json.loads(file.readline())
            rows = sum(Run(*run).requests for run in header["runs"])
            whole = os.fstat(file.fileno()).st_size == file.tell() + rows * len(REQUEST_MEASURES) * 8
            if whole and header["made_of"] == self._made_of(source, self._inventory.sources[source].signature):
                return header
        return None

    # --- in the process of its own ---

    def _make(self, item: tuple[str, Failure | None]) -> Read:
        """Read a source, again if its files changed meanwhile, and write its rows."""
        source, failure = item
        claimed = self._inventory.sources[source]
        signature = claimed.signature
        messages: list[str] = []
        for attempt in range(_ATTEMPTS):
            runs: list[Run] = []
            settled = True
            with tempfile.TemporaryFile(prefix=bounded.scratch_prefix) as rows:
                if failure:
                    messages, settled = [f"{source}: reading its requests {failure.message}"], not failure.passing
                else:
                    messages, settled = self._collect(source, claimed._replace(signature=signature), rows, runs)
                now = signature_now(self._root, source, claimed.readers)
                if now == signature or attempt == _ATTEMPTS - 1:
                    known = signature if now == signature and settled else {}
                    self._write(source, self._made_of(source, known), runs, rows)
                    return Read(known, messages)
            signature = now
        raise AssertionError

    def _collect(self, source: str, claimed: Claimed, rows: IO[bytes], runs: list[Run]) -> tuple[list[str], bool]:
        """Write the rows of all runs of a source, and note the runs; returns why some have none, and whether that is
        so as long as the files are the same."""
        name = source
        before = 0
        try:
            for tool in claimed.readers:
                for run, parts in reader(tool).requests(self._root, source, claimed.signature):
                    name, before = run, rows.tell()
                    duration = Duration()
                    count = _in_order(_timed(parts, duration), rows)
                    runs.append(Run(run, count, duration.seconds))
        except UnreadableRequests as error:
            rows.truncate(before)
            rows.seek(before)
            return [f"{name}: {error}; it has no requests in the table"], not error.passing
        return [], True

    def _write(self, source: str, made_of: dict[str, Any], runs: Sequence[Run], rows: IO[bytes]) -> None:
        path = self._path(source)
        with jsonfile.writing(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        rows.seek(0)
        header = json.dumps({"made_of": made_of, "runs": runs}).encode() + b"\n"
        jsonfile.write_atomically(path, itertools.chain([header], iter(partial(rows.read, 2**20), b"")))


def _source(path: Path) -> str:
    """The source whose rows a file holds; empty if it is left over, or damaged."""
    try:
        with open(path, "rb") as file:
            source: str = json.loads(file.readline())["made_of"]["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return source


def _blocks(file: IO[bytes], count: int) -> Iterator[Rows]:
    for begin in range(0, count, _AT_ONCE):
        number = min(_AT_ONCE, count - begin)
        yield np.frombuffer(file.read(number * len(REQUEST_MEASURES) * 8)).reshape(number, -1)


# --- rows of a run, in order ------------------------------------------------------------------------------------------


def _timed(parts: Iterable[Requests], duration: Duration) -> Iterator[Requests]:
    """The parts of a run, from which the duration is taken as they pass."""
    for part in parts:
        duration.add(part)
        yield part


def _in_order(parts: Iterable[Requests], target: IO[bytes]) -> int:
    """Write the rows of a run in the order of their starts, those without one last; returns how many there are.

    More than fit into memory are sorted in parts, which lie in a temporary file until they are merged.
    """
    with tempfile.TemporaryFile(prefix=bounded.scratch_prefix) as file:
        sizes: list[int] = []
        waiting: list[Rows] = []

        def spill() -> None:
            some = np.concatenate(waiting)
            file.write(_sorted(some).tobytes())
            sizes.append(len(some))
            waiting.clear()

        for rows in _rows(parts):
            waiting.append(rows)
            if sum(map(len, waiting)) >= _AT_ONCE:
                spill()
        if waiting:
            spill()
        file.flush()
        begins = np.cumsum([0, *sizes])
        merged = [
            np.memmap(file, np.float64, "r", int(begin) * len(REQUEST_MEASURES) * 8, (size, len(REQUEST_MEASURES)))
            for begin, size in zip(begins[:-1], sizes, strict=True)
            if size
        ]
        first = min((float(part[0, _START]) for part in merged), default=np.nan)
        for block in _merged(merged):
            block[np.isinf(block[:, _START]), _START] = np.nan
            block[:, _START] -= first
            target.write(block.tobytes())
    return int(begins[-1])


def _rows(parts: Iterable[Requests]) -> Iterator[Rows]:
    """The rows of the parts of a run; infinite where no start was recorded. A row comes when all its intervals have."""
    waiting: Rows | None = None
    total, count = 0.0, 0  # of the intervals of the last row
    for part in parts:
        intervals = usable_intervals(part)
        usable = np.isfinite(intervals)
        totals = np.concatenate([[0.0], np.cumsum(np.where(usable, intervals, 0.0))])
        numbers = np.concatenate([[0], np.cumsum(usable)])
        ends = part.continued + np.concatenate([[0], np.cumsum(np.asarray(part.interval_counts, np.int64))])
        if waiting is not None and part.continued:
            total, count = total + totals[ends[0]], count + int(numbers[ends[0]])
            waiting[-1, _INTERVAL] = total / count if count else np.nan
        if not len(part.start):
            continue
        if waiting is not None:
            yield waiting
        sums, counts = np.diff(totals[ends]), np.diff(numbers[ends])
        total, count = float(sums[-1]), int(counts[-1])
        waiting = _measures(part, sums, counts)
    if waiting is not None:
        yield waiting


_INTERVAL = REQUEST_MEASURES.index("inter_token_latency")


def _measures(part: Requests, sums: Rows, counts: NDArray[np.int64]) -> Rows:
    start = values_of(part.start)
    with np.errstate(invalid="ignore", divide="ignore"):
        measures = {
            "start": np.where(start > 0, start, np.inf),
            "latency": values_of(part.latency),
            "ttft": first_token(part),
            "token_latency": token_latency(part),
            "inter_token_latency": np.where(counts > 0, sums / counts, np.nan),
            "input_tokens": values_of(part.input_tokens),
            "output_tokens": values_of(part.output_tokens),
            "succeeded": np.asarray(part.succeeded, np.float64),
            "stream": values_of(part.stream),
        }
    return np.column_stack([measures[name] for name in REQUEST_MEASURES])


def _sorted(rows: Rows) -> Rows:
    return rows[np.argsort(rows[:, _START], kind="stable")]


def _merged(parts: Sequence[Rows]) -> Iterator[Rows]:
    """The rows of sorted parts in one order, in blocks; where starts are equal, those of an earlier part come first."""
    if len(parts) == 1:
        yield np.array(parts[0])
        return
    starts = [part[:, _START] for part in parts]
    done = [0] * len(parts)
    total = sum(map(len, parts))
    for reached in range(_AT_ONCE, total + _AT_ONCE, _AT_ONCE):
        cuts = _cuts(starts, min(reached, total))
        some = [part[begin:end] for part, begin, end in zip(parts, done, cuts, strict=True) if end > begin]
        yield _sorted(np.concatenate(some))
        done = cuts


def _cuts(starts: Sequence[Rows], rank: int) -> list[int]:
    """How many of each sorted list are among the `rank` smallest of all; of equal ones, those of earlier lists."""
    low, high = 0, int(np.array(np.inf).view(np.uint64))  # of floats that are not negative, the bits are in order
    while low < high:
        middle = (low + high) // 2
        value = np.array(middle, np.uint64).view(np.float64)
        if sum(int(part.searchsorted(value, "right")) for part in starts) >= rank:
            high = middle
        else:
            low = middle + 1
    value = np.array(low, np.uint64).view(np.float64)
    cuts = [int(part.searchsorted(value, "left")) for part in starts]
    left = rank - sum(cuts)
    for index, part in enumerate(starts):
        more = min(left, int(part.searchsorted(value, "right")) - cuts[index])
        cuts[index] += more
        left -= more
    return cuts
