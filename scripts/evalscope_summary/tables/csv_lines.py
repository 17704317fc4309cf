"""Lines of CSV from plain cells: what a cell looks like, without a frame."""

import csv
import functools
import itertools
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ..columns import Column
from ..jsonfile import write_atomically
from ..layouts import PROBLEM_COLUMNS
from ..problems import Problem

_TO_QUOTE = re.compile('[",\r\n]')


@functools.lru_cache(10_000, typed=True)  # 1 is not true
def text_cell(value: str | int | None) -> str:
    """A cell with a text, an integer or a boolean."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace('"', '""') + '"' if _TO_QUOTE.search(value) else value


def csv_line(columns: Sequence[Column]) -> Callable[[Sequence[Any]], bytes]:
    """What makes a line of CSV from cells in the order of the columns: UTF-8, empty for None, `true`/`false`, floats in
    shortest round-trip form.

    Nearly all cells are floats, which orjson writes much faster than the csv module.
    """
    kinds = itertools.groupby(range(len(columns)), lambda i: columns[i].type in ("integer", "float"))
    spans = [(numbers, places[0], places[-1] + 1) for numbers, places in ((kind, list(group)) for kind, group in kinds)]

    def line(row: Sequence[Any]) -> bytes:
        return b",".join(
            orjson.dumps(row[begin:end])[1:-1].replace(b"null", b"")
            if numbers
            else ",".join(map(text_cell, row[begin:end])).encode()
            for numbers, begin, end in spans
        )

    return line


def csv_cells(columns: Sequence[Column]) -> Callable[[Mapping[str, Any]], bytes]:
    """What makes a line of CSV from a row, by the names of the columns."""
    line, names = csv_line(columns), [column.name for column in columns]
    return lambda row: line(list(map(row.get, names)))


def write_csv_lines(path: Path, columns: Sequence[Column], lines: Iterable[bytes], bom: bool = False) -> None:
    """Write lines, of `csv_line`, below the header.

    Args:
        path: the file.
        columns: in the order of the cells.
        lines: without their ends.
        bom: begin with a byte order mark (`csv_bom`).
    """
    header = (BOM_UTF8 if bom else b"") + ",".join(text_cell(column.name) for column in columns).encode()
    write_atomically(path, (line + b"\n" for line in itertools.chain([header], lines)))


def write_problems(path: Path, problems: Iterable[Problem], bom: bool = False) -> None:
    """Write `summary_problems`; `bom` as of `write_csv_lines`."""
    write_csv_lines(path, PROBLEM_COLUMNS, map(csv_line(PROBLEM_COLUMNS), problems), bom)


def csv_header(path: Path) -> list[str]:
    """The header of a CSV table."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])
