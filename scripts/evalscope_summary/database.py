"""Reading `benchmark_data.db`: the only place with SQL.

Replies dominate these files (about 300 bytes a token), and most columns lie behind them in a row. So the totals ask
only for what SQLite finds in a row's header or in front of the reply, rows are read only when a value can't be had
otherwise, and never `SELECT *`. Pickled columns are never read.
"""

from __future__ import annotations  # array.array is generic only from Python 3.12 on

import itertools
import math
import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import formats
from .jsonfile import parse

_OK = "success IN (1, 'True')"
_BUSY_SECONDS = 2.0


class UnreadableDatabase(Exception):
    """A database can't be read; the text says why."""


@dataclass(frozen=True)
class Totals:
    """What a database says about all its requests.

    Attributes:
        columns: the column names of table `result`.
        requests: rows, one for each finished request.
        succeeded: rows of successful requests.
        gpu_memory: mean, largest and smallest `max_gpu_memory_cost` in GiB over the rows that have one; None where
            nothing was measured (no row has one, or all are 0).
        failed_without_end: a failed request has `completed_time` 0.0 (1.1.1 to 1.11.0).
    """

    columns: frozenset[str]
    requests: int
    succeeded: int
    gpu_memory: tuple[float, float, float] | None
    failed_without_end: bool


@dataclass
class Rows:
    """The successful requests of a run, as parallel lists in the order of the database.

    Seconds and tokens, in every release; NaN where a value is missing, or can't be one (negative, infinite, a text).
    `intervals` pools the times between the chunks of all replies.
    """

    latency: array[float] = field(default_factory=lambda: array("d"))
    first_chunk_latency: array[float] = field(default_factory=lambda: array("d"))
    prompt_tokens: array[float] = field(default_factory=lambda: array("d"))
    completion_tokens: array[float] = field(default_factory=lambda: array("d"))
    time_per_output_token: array[float] = field(default_factory=lambda: array("d"))
    chunk_time: array[float] = field(default_factory=lambda: array("d"))
    is_stream: array[float] = field(default_factory=lambda: array("d"))
    intervals: array[float] = field(default_factory=lambda: array("d"))


_NUMBERS = (
    "latency",
    "first_chunk_latency",
    "prompt_tokens",
    "completion_tokens",
    "time_per_output_token",
    "chunk_time",
    "is_stream",
)


@contextmanager
def connect(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open a run's database for reading without writing anything into its folder.

    With a journal beside it, or in WAL mode, SQLite would have to write there; then a copy with its side files is
    opened, so that only committed rows are seen.

    Raises:
        UnreadableDatabase: it is no SQLite database with a table `result`, is locked, or the disk says no.
    """
    path = folder / formats.DATABASE
    try:
        sides = [s for s in (folder / formats.JOURNAL, folder / formats.WAL) if s.exists()]
        if sides or _is_wal(path):
            with tempfile.TemporaryDirectory(prefix="evalscope-summary-") as copy:
                for file in (path, *sides):
                    shutil.copyfile(file, os.path.join(copy, file.name))
                with closing(sqlite3.connect(os.path.join(copy, path.name))) as connection:
                    yield connection
        else:
            uri = f"file:{urllib.parse.quote(os.fsencode(path.absolute()))}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
                yield connection
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # damage may lie in names and texts
        raise UnreadableDatabase(f"SQLite can't read it: {error}") from error


def _is_wal(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(20)[18:20] == b"\x02\x02"  # the file format's read and write version: 2 is WAL


def totals(connection: sqlite3.Connection) -> Totals:
    """Count requests, and sum up GPU memory, in one pass that touches no reply.

    Raises:
        UnreadableDatabase: there is no table `result`, or it lacks column `success`.
        sqlite3.Error: the file is damaged (`connect` turns it into UnreadableDatabase).
    """
    found = connection.execute("SELECT type FROM sqlite_master WHERE name = 'result'").fetchone()
    if found != ("table",):
        raise UnreadableDatabase("it has no table `result`")
    columns = frozenset(row[1] for row in connection.execute("PRAGMA table_info(result)"))
    if "success" not in columns:
        raise UnreadableDatabase("its table `result` has no column `success`")
    memory = "max_gpu_memory_cost" if "max_gpu_memory_cost" in columns else "NULL"
    end = "completed_time" if "completed_time" in columns else "NULL"
    requests, succeeded, mean, largest, smallest, endless = connection.execute(
        f"SELECT COUNT(*), COALESCE(SUM({_OK}), 0), AVG({memory}), MAX({memory}), MIN({memory}),"
        f" COALESCE(MAX(CASE WHEN {_OK} THEN 0 ELSE {end} = 0.0 END), 0) FROM result"
    ).fetchone()
    gpu_memory = None
    if all(isinstance(v, int | float) for v in (mean, largest, smallest)) and (largest != 0 or smallest != 0):
        gpu_memory = (float(mean), float(largest), float(smallest))
    return Totals(columns, requests, succeeded, gpu_memory, bool(endless))


def rows(connection: sqlite3.Connection, columns: frozenset[str]) -> Rows:
    """Read the numbers of the successful requests, row by row.

    Args:
        connection: of `connect`.
        columns: the columns there are, of `totals`.

    Raises:
        UnreadableDatabase: a list of intervals is no JSON list of numbers.
        sqlite3.Error: the file is damaged (`connect` turns it into UnreadableDatabase).
    """
    result = Rows()
    lists = "inter_token_latencies" if "inter_token_latencies" in columns else "chunk_times"
    wanted = [name if name in columns else "NULL" for name in (*_NUMBERS, lists)]
    targets = [getattr(result, name) for name in _NUMBERS]
    for row in connection.execute(f"SELECT {', '.join(wanted)} FROM result WHERE {_OK}"):
        for target, value in zip(targets, row[:-1], strict=True):
            target.append(value if isinstance(value, int | float) and 0 <= value < math.inf else math.nan)
        if row[-1] is not None:
            times = _numbers(row[-1], lists)
            result.intervals.extend(
                times if lists == "inter_token_latencies" else (b - a for a, b in itertools.pairwise(times))
            )
    return result


def _numbers(text: object, column: str) -> list[float]:
    try:
        values = parse(text.encode() if isinstance(text, str) else b"")
        return [float(v) if math.isfinite(v) else math.nan for v in values]
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableDatabase(f"column `{column}` holds something else than a JSON list of numbers") from error
