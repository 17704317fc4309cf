"""Reading `benchmark_data.db`: the only place with SQL.

Replies dominate these files (about 300 bytes a token), and most columns lie behind them in a row. So the totals ask
only for what SQLite finds in a row's header or in front of the reply, rows are read only when a value can't be had
otherwise, and never `SELECT *`. Pickled columns are never read.
"""

from __future__ import annotations  # array.array is generic only from Python 3.12 on

import errno
import itertools
import math
import os
import shutil
import sqlite3
import stat
import tempfile
import urllib.parse
from array import array
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from ... import bounded
from ...jsonfile import is_passing, parse
from ..requests import Requests, UnreadableRequests
from . import formats

_BUSY_SECONDS = 2.0
_FIXED_MESSAGES = frozenset(  # of SQLite, that say more than the name of the error
    {
        "attempt to write a readonly database",
        "database disk image is malformed",
        "database is locked",
        "disk I/O error",
        "file is not a database",
        "string or blob too big",
        "unable to open database file",
        "unsupported file format",
    }
)
_LONGEST = 2**26  # bytes of a value that is read; the intervals of a million tokens take a third
_STEPS = 10_000_000  # of SQLite's machine for one statement, and one more per byte; real rows take one per 100 bytes
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_SIDES = frozenset({formats.JOURNAL, formats.WAL})
_IS_LINK = frozenset({errno.ELOOP, errno.EMLINK})  # the latter on FreeBSD
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_LOCKED})


class UnreadableDatabase(UnreadableRequests):
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


_TIMES = {"start_time": "start", "completed_time": "end"}
_NUMBERS = {  # column → where `Rows` has it
    "latency": "latency",
    "first_chunk_latency": "ttft",
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "time_per_output_token": "token_latency",
    "chunk_time": "chunk_time",
    "is_stream": "stream",
}

_OF_FAILED = frozenset({*_TIMES, "is_stream"})  # what a failed request has too

FOR_PERCENTILES = frozenset({*_NUMBERS, *formats.INTERVALS})
"""The columns that evalscope's own percentiles come from."""

FOR_RECOMPUTING = frozenset({*_TIMES, *_NUMBERS, *formats.INTERVALS} - {"time_per_output_token", "chunk_time"})
"""The columns that the requests of `Requests` come from."""

_DEFINITIONS, _DEFINITION = 100, 10_000  # of a table that are kept, and the characters of one
_columns: dict[tuple[str], frozenset[str]] = {}  # what made a table `result` → its columns; the same in most runs

_LONG_LIST = 2**20  # characters of a list that are parsed at once

_PART = 2**18  # intervals, or requests, that are handed over at a time


@dataclass
class Rows(Requests):
    """Some requests of a run, in the order of the database; the failed ones only if their times are asked for.

    Attributes:
        token_latency: TPOT as the release stored it, from 0.17.1 on.
        chunk_time: the time between the first and the last chunk of the reply.
    """

    token_latency: array[float] = field(default_factory=lambda: array("d"))
    chunk_time: array[float] = field(default_factory=lambda: array("d"))


@contextmanager
def connect(folder: str | os.PathLike[str], present: Collection[str] | None = None) -> Iterator[sqlite3.Connection]:
    """Open a run's database for reading without writing anything into its folder.

    With a journal beside it, or in WAL mode, SQLite would have to write there; then a copy with its side files is
    opened, so that only committed rows are seen. Of a link, those beside its target count, where evalscope wrote.

    Args:
        folder: of the run.
        present: the names of its files, if that is known: whoever says so looks afterwards whether they changed.

    Raises:
        UnreadableDatabase: it is no SQLite database with a table `result`, is locked, or the disk says no.
    """
    path = os.path.join(folder, formats.DATABASE)
    try:
        size, page_size, is_wal, is_link = _header(path)
        if not size:  # so do files of the system say whose reading may never end
            raise UnreadableDatabase("it has no table `result`: it is empty")
        may_have_sides = present is None or is_link or not _SIDES.isdisjoint(present)
        sides = _sides(path) if may_have_sides else {}
        if not sides and not is_wal and page_size and size % page_size:
            # SQLite would take the missing bytes for zeros
            raise UnreadableDatabase(f"it is cut off, or damaged: {size} bytes are no whole number of its pages")
        in_place = None if sides or is_wal else _open_in_place(path)
        with closing(in_place) if in_place else _open_copy({formats.DATABASE: path, **sides}) as connection:
            size += sum(map(_size, sides.values()))
            _restrict(connection, size)
            yield connection
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # damage may lie in names and texts
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extension that tells more
        raise UnreadableDatabase(
            f"it can't be read: {_reason(error)}", passing=is_passing(error) or code in _PASSING
        ) from error


def _sides(path: str) -> dict[str, str]:
    """Name → path of the journal and the WAL file of a database, if it has them."""
    sides = {}
    for target in (path, os.path.realpath(path)) if os.path.islink(path) else (path,):  # the last one is SQLite's
        for name in sorted(_SIDES):
            side = target + name.removeprefix(formats.DATABASE)
            if os.path.exists(side):
                sides[name] = side
    return sides


def _open_in_place(path: str) -> sqlite3.Connection | None:
    """Open a database that has no side files; None if SQLite can't, as its path is too long (from 505 bytes on)."""
    uri = f"file:{urllib.parse.quote(os.fsencode(os.path.abspath(path)))}?mode=ro"
    try:
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN:  # but we could, just now
            return None
        raise


@contextmanager
def _open_copy(files: Mapping[str, str]) -> Iterator[sqlite3.Connection]:
    """Open a copy of a database and its side files (name → path)."""
    with tempfile.TemporaryDirectory(prefix=bounded.scratch_prefix) as folder:
        size = sum(map(_size, files.values()))
        if size > shutil.disk_usage(folder).free:  # else others would feel it until the copy failed
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
        for name, path in files.items():
            shutil.copyfile(path, os.path.join(folder, name))
        if formats.JOURNAL in files:
            _refuse_super_journal(os.path.join(folder, formats.JOURNAL))
        with closing(sqlite3.connect(os.path.join(folder, formats.DATABASE))) as connection:
            yield connection


def _refuse_super_journal(path: str) -> None:
    """Refuse a journal that names a super-journal: when SQLite has rolled back, it removes the file of that name,
    wherever it is. SQLite looks for it at a journal's end alone (readSuperJournal in its pager.c).

    Raises:
        UnreadableDatabase: it does.
    """
    with open(path, "rb") as journal:
        if journal.seek(0, os.SEEK_END) >= len(_JOURNAL_MAGIC):
            journal.seek(-len(_JOURNAL_MAGIC), os.SEEK_END)
            if journal.read() == _JOURNAL_MAGIC:
                raise UnreadableDatabase(
                    "its journal belongs to a transaction over several databases (it names a super-journal), which"
                    " evalscope never makes; what was committed is not known"
                )


def _reason(error: Exception) -> str:
    """What is wrong, without what SQLite and Python quote of the file (names, texts), as it may hold keys."""
    if getattr(error, "errno", None) in _FULL or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "there is no room for temporary files; make some where TMPDIR points to (else /tmp), and run again"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        return "it takes more steps than a file of its size can need, so it is damaged"
    if str(error) in _FIXED_MESSAGES:
        return str(error)
    return f"its schema or a text in it is damaged ({getattr(error, 'sqlite_errorname', 'no UTF-8')})"


def _size(path: str) -> int:
    """The size of a regular file; opening or copying another one may never end.

    Raises:
        OSError: it is none, or there is none.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return status.st_size


def _restrict(connection: sqlite3.Connection, size: int) -> None:
    """Expect the worst of a file: it must not write, call what is not harmless, take all memory, or never end."""
    connection.executescript("PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; BEGIN")  # one lock for all statements
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.set_progress_handler(lambda: 1, min(_STEPS + size, 2**31 - 1))  # called once, and ends the statement


def _header(path: str) -> tuple[int, int, bool, bool]:
    """The size of a database, that of its pages (0 if there is none to see), whether it is in WAL mode, and a link.

    Raises:
        OSError: it is no regular file, or can't be read.
    """
    how, is_link = os.O_RDONLY | os.O_NONBLOCK, False  # opening a FIFO would wait for a writer
    try:
        descriptor = os.open(path, how | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in _IS_LINK:
            raise
        descriptor, is_link = os.open(path, how), True
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        header = os.read(descriptor, 20)
    finally:
        os.close(descriptor)
    # version 2 is WAL, for reading and writing
    return status.st_size, int.from_bytes(header[16:18]), header[18:] == b"\x02\x02", is_link


def totals(connection: sqlite3.Connection) -> Totals:
    """Count requests, and sum up GPU memory, in one pass that touches no reply.

    Raises:
        UnreadableDatabase: there is no table `result`, or it lacks column `success`.
        sqlite3.Error: the file is damaged (`connect` turns it into UnreadableDatabase).
    """
    definition = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'result' AND type = 'table'").fetchone()
    if not definition or not str(definition[0]).startswith("CREATE TABLE "):  # the text decides what SQLite makes of it
        raise UnreadableDatabase("it has no table `result`")
    columns = _columns.get(definition)
    if columns is None:
        named = connection.execute("SELECT name FROM pragma_table_info('result')")
        columns = frozenset(name for (name,) in named)
        if len(_columns) < _DEFINITIONS and len(definition[0]) < _DEFINITION:
            _columns[definition] = columns
    if "success" not in columns:
        raise UnreadableDatabase("its table `result` has no column `success`")
    memory = "max_gpu_memory_cost" if "max_gpu_memory_cost" in columns else "NULL"
    end = "completed_time" if "completed_time" in columns else "NULL"
    requests, succeeded, mean, largest, smallest, endless = connection.execute(
        f"SELECT COUNT(*), COALESCE(SUM({formats.SUCCEEDED}), 0), AVG({memory}), MAX({memory}), MIN({memory}),"
        f" COALESCE(MAX(CASE WHEN {formats.SUCCEEDED} THEN 0 ELSE {end} = 0.0 END), 0) FROM result"
    ).fetchone()
    gpu_memory = None
    if all(isinstance(v, int | float) for v in (mean, largest, smallest)) and (largest != 0 or smallest != 0):
        gpu_memory = (float(mean), float(largest), float(smallest))
    return Totals(columns, requests, succeeded, gpu_memory, bool(endless))


def rows(
    connection: sqlite3.Connection, columns: frozenset[str], wanted: frozenset[str], streamed: bool
) -> Iterator[Rows]:
    """Read the numbers of the requests, row by row, in parts of bounded size.

    Args:
        connection: of `connect`.
        columns: the columns there are, of `totals`.
        wanted: `FOR_PERCENTILES`, `FOR_RECOMPUTING` or both; no others are read.
        streamed: whether requests are streamed where the database does not say (args `stream`).

    Raises:
        UnreadableDatabase: a list of intervals is no JSON list of numbers.
        sqlite3.Error: the file is damaged (`connect` turns it into UnreadableDatabase).
    """
    lists = next((name for name in formats.INTERVALS if name in columns), "NULL")
    names = [name if name in columns & wanted else "NULL" for name in (*_TIMES, *_NUMBERS)]
    if "is_stream" not in columns:
        names[-1] = str(int(streamed))
    only = "" if wanted.issuperset(_TIMES) else f" WHERE {formats.SUCCEEDED}"
    part, targets = _new_part()
    for succeeded, *values, intervals in connection.execute(
        f"SELECT {formats.SUCCEEDED}, {', '.join(names)}, {lists} FROM result{only}"
    ):
        part.succeeded.append(1 if succeeded else 0)
        for (name, target), value in zip(targets, values, strict=True):
            counts = succeeded or name in _OF_FAILED
            if counts and isinstance(value, int | float) and 0 <= value < math.inf:
                target.append(value)
            else:
                target.append(math.nan)
                if counts and value is not None:
                    part.unusable[name] += 1
        part.interval_counts.append(0)
        last = array("d")
        for times in _numbers(intervals, lists) if succeeded and intervals is not None else ():
            if lists == formats.INTERVALS[1]:
                times = last + times
                last = times[-1:]
                times = array("d", (b - a for a, b in itertools.pairwise(times)))
            if len(part.intervals) > _PART:
                yield part
                part, targets = _new_part()
            part.intervals.extend(times)
            if part.interval_counts:
                part.interval_counts[-1] += len(times)
            else:
                part.continued += len(times)
        if len(part.start) + len(part.intervals) > _PART:
            yield part
            part, targets = _new_part()
    yield part


def _new_part() -> tuple[Rows, list[tuple[str, array[float]]]]:
    part = Rows()
    return part, [(column, getattr(part, name)) for column, name in (_TIMES | _NUMBERS).items()]


def _numbers(text: object, column: str) -> Iterator[array[float]]:
    """The numbers of a JSON list, in parts: as objects, all of a long list would take thirty times its text's bytes."""
    begin = 0
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        while len(text) - begin > _LONG_LIST and (end := text.find(",", begin + _LONG_LIST)) > 0:
            yield array("d", parse(f"{'[' if begin else ''}{text[begin:end]}]".encode()))
            begin = end + 1
        rest = array("d", parse(f"{'[' if begin else ''}{text[begin:]}".encode()))
        if begin and not rest:
            raise ValueError("nothing behind the last comma")
        yield rest
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableDatabase(f"column `{column}` holds something else than a JSON list of numbers") from error
