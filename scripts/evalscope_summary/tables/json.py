"""Tables as JSON."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from ..columns import Column
from ..jsonfile import write_atomically
from .frame import AT_ONCE, Table, rows_of


def write_json(path: Path, columns: Sequence[Column], table: Table) -> None:
    """Write a table as JSON: a list of objects with all columns in order, null for empty cells.

    `DataFrame.to_json` writes 15 digits of a float at most, so that it is another one when it is read.
    """
    write_atomically(path, _parts(columns, table))


def _parts(columns: Sequence[Column], table: Table) -> Iterator[bytes]:
    names, rows = [column.name for column in columns], rows_of(table, columns)
    between = b"[\n"
    while some := [dict(zip(names, row, strict=True)) for row in itertools.islice(rows, AT_ONCE)]:
        yield between + orjson.dumps(some, option=orjson.OPT_INDENT_2)[2:-2]
        between = b",\n"
    yield b"[]\n" if between == b"[\n" else b"\n]\n"
