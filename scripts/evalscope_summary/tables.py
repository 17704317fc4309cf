"""Rows and files of the tables: assembling, sorting, writing, reading back."""

from __future__ import annotations

import csv
import datetime
import functools
import io
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from . import labels
from .columns import FORMATS, PERFORMANCE, Column, label_names
from .jsonfile import write_atomically
from .problems import FIELDS, Problem
from .run import Record

if TYPE_CHECKING:
    import polars  # takes long to import, and most programs need no frame

Row = dict[str, Any]
"""Column name → value, None or absent where the cell is empty."""

_DIGITS = re.compile(r"([0-9]+)")


@functools.lru_cache(10_000)
def natural(text: str | None) -> tuple[Any, ...]:
    """Sort key of a text: runs of digits compare as numbers and stand before other characters, empty text first.

    >>> sorted(["p10", "p2", "pa"], key=natural)
    ['p2', 'p10', 'pa']
    """
    parts: list[Any] = _DIGITS.split(text or "")
    for i in range(1, len(parts), 2):
        digits = parts[i].lstrip("0")
        parts[i] = (len(digits), digits)  # as a number, of any length
    return (parts, text or "")


def assemble(record: Record, settings: Mapping[str, Any]) -> Row:
    """The row of a record under the settings that apply when tables are made (`columns.MERGE_SETTINGS`)."""
    row = dict(record.values)
    if settings["fill_percentiles"] and record.filled:
        row.update(record.filled)
    if settings["metrics"] == "recomputed":
        row = {name: value for name, value in row.items() if name not in PERFORMANCE} | (record.recomputed or {})
    row["prompt_length"] = labels.prompt_length(
        record.prompt_characters, settings["prompt_long_chars"], row.get("config", ""), row.get("dataset_file")
    )
    if settings["label_pattern"]:
        row.update(labels.pattern_labels(settings["label_pattern"], row.get("run", "")))
    return row


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in `summary_raw`, on its way there.

    Attributes:
        labels: its labels, run and releases: what decides on groups and on warnings about them.
        present: the columns with a value.
        cells: its row, as the caller wants it.
        fingerprint: of the record.
        arguments: digests, of `labels.workload_arguments`.
    """

    labels: Row
    present: frozenset[str]
    cells: Any
    fingerprint: str
    arguments: dict[str, str]


@dataclass(frozen=True)
class Merged:
    """What records say together.

    Attributes:
        entries: of the runs that are in the table.
        problems: of the runs, in no order.
    """

    entries: list[Entry]
    problems: list[Problem]

    @property
    def rows(self) -> list[Any]:
        """The rows of the table, as the caller wanted them."""
        return [entry.cells for entry in self.entries]


def entries(
    records: Iterable[Record], settings: Mapping[str, Any], cells: Callable[[Row], Any] = lambda row: row
) -> Merged:
    """Assemble the rows of some runs, in the order of the records.

    Args:
        records: of these runs.
        settings: `columns.MERGE_SETTINGS`.
        cells: what to keep of a row.
    """
    names = (*label_names(settings), "timestamp", "run", "evalscope_at_least", "evalscope_below")
    made: list[Entry] = []
    problems: list[Problem] = []
    present: dict[tuple[str, ...], frozenset[str]] = {}  # most runs have the same columns
    for record in records:
        problems.extend(record.problems)
        if record.skipped:
            continue
        if settings["fill_percentiles"]:
            problems.extend(record.fill_problems)
        problems.extend(record.recompute_problems if settings["metrics"] == "recomputed" else record.reported_problems)
        row = assemble(record, settings)
        own = tuple(row)
        if own not in present:
            present[own] = frozenset(own)
        known = {name: row.get(name) for name in names}
        made.append(Entry(known, present[own], cells(row), record.fingerprint, record.arguments))
    return Merged(made, problems)


def merge(parts: Iterable[Merged]) -> Merged:
    """Bring the parts of a tree together, in the order of the table, and tell runs that are copies of another one."""
    found = list(parts)
    problems = [problem for part in found for problem in part.problems]
    made = [entry for part in found for entry in part.entries]
    made.sort(key=lambda e: (natural(e.labels["config"]), e.labels["timestamp"] or "", natural(e.labels["run"])))
    first: dict[str, str] = {}
    for entry in made:
        run = entry.labels["run"] or ""
        original = first.setdefault(entry.fingerprint, run)
        if original != run:
            message = f"args, summary and percentiles are the same bytes as those of {original!r}: one may be a copy"
            problems.append(Problem("warning", "duplicate-run", run, "", message))
    return Merged(made, problems)


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """The order of `summary_problems`: skipped runs first, then by run; what is said twice stands there once."""
    return sorted(set(problems), key=lambda p: (p.severity, natural(p.run), p.code, p.file, p.message))


_TO_QUOTE = re.compile('[",\r\n]')


@functools.lru_cache(10_000)
def _text_cell(value: str | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return '"' + value.replace('"', '""') + '"' if _TO_QUOTE.search(value) else value


def csv_line(columns: Sequence[Column]) -> Callable[[Sequence[Any]], bytes]:
    """What makes a line of CSV from cells in the order of the columns: UTF-8, empty for None, `true`/`false`, floats in
    shortest round-trip form.

    Nearly all cells are floats, which orjson writes much faster than the csv module.
    """
    kinds = itertools.groupby(range(len(columns)), lambda i: columns[i].type in ("integer", "float"))
    spans = [(numbers, own[0], own[-1] + 1) for numbers, own in ((kind, list(group)) for kind, group in kinds)]

    def line(row: Sequence[Any]) -> bytes:
        return b",".join(
            orjson.dumps(row[begin:end])[1:-1].replace(b"null", b"")
            if numbers
            else ",".join(map(_text_cell, row[begin:end])).encode()
            for numbers, begin, end in spans
        )

    return line


def csv_cells(columns: Sequence[Column]) -> Callable[[Row], bytes]:
    """What makes a line of CSV from a row."""
    line, names = csv_line(columns), [column.name for column in columns]
    return lambda row: line(list(map(row.get, names)))


def write_csv_lines(path: Path, columns: Sequence[Column], lines: Iterable[bytes]) -> None:
    """Write lines, of `csv_line`, below the header."""
    header = ",".join(_text_cell(column.name) for column in columns).encode()
    write_atomically(path, b"\n".join([header, *lines, b""]))


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write a table of rows as CSV."""
    write_csv_lines(path, columns, map(csv_cells(columns), rows))


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write `summary_problems`."""
    write_csv_lines(path, PROBLEM_COLUMNS, map(csv_line(PROBLEM_COLUMNS), problems))


def read_problems(path: Path) -> list[Problem]:
    """Read back what `write_problems` wrote."""
    table = read_csv(path, PROBLEM_COLUMNS).fill_null("")
    return [Problem(**row) for row in table.iter_rows(named=True)]


def write_json(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write a table of rows as JSON: a list of objects with all columns in order, null for empty cells."""
    objects = [{column.name: row.get(column.name) for column in columns} for row in rows]
    write_atomically(path, orjson.dumps(objects, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


_ROW_GROUP = 5000


def write_parquet(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write a table of rows as Parquet: typed columns, with unit and description as metadata of the fields."""
    import pyarrow
    from pyarrow import parquet

    types = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "float": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }
    described = {column.name: {"unit": column.unit, "description": column.description} for column in columns}
    schema = pyarrow.schema(
        [pyarrow.field(column.name, types[column.type], metadata=described[column.name]) for column in columns]
    )
    buffer, waiting = io.BytesIO(), iter(rows)
    with parquet.ParquetWriter(buffer, schema) as writer:
        while some := list(itertools.islice(waiting, _ROW_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(some, schema))
    write_atomically(path, buffer.getvalue())


def write_xlsx(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write a table of rows as a workbook with one sheet."""
    write_workbook(path, {"table": (columns, rows)})


_XLSX_UNITS = 32767  # of UTF-16 that a cell can hold; longer texts end with an ellipsis
XLSX_ROWS = 2**20 - 2
"""Rows that fit into a sheet below the two of its header."""


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[Column], Iterable[Row]]]) -> None:
    """Write tables as the sheets of one workbook for spreadsheets: typed cells, text as text (never as a formula),
    frozen header with a second row for units.

    Raises:
        TooLarge: a table has more rows than a sheet can hold.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"created": datetime.datetime(2000, 1, 1)})  # same tables, same bytes
        head, unit = book.add_format({"bold": True}), book.add_format({"italic": True, "bottom": 1})
        for name, (columns, rows) in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(2, 1)
            for number, column in enumerate(columns):
                sheet.set_column(number, number, max(10, min(len(column.name) + 2, 30)))
                sheet.write_string(0, number, column.name, head)
            for number, column in enumerate(columns):
                sheet.write_string(1, number, column.unit, unit)
            last = 1
            for last, row in enumerate(rows, 2):
                if last > XLSX_ROWS + 1:
                    raise TooLarge(f"{path}: a sheet holds {XLSX_ROWS} rows, and there are more; use csv or parquet")
                for number, column in enumerate(columns):
                    value = row.get(column.name)
                    if value is None or value == "":
                        continue
                    if isinstance(value, bool):
                        sheet.write_boolean(last, number, value)
                    elif isinstance(value, str):
                        sheet.write_string(last, number, _fitting(value))
                    else:
                        sheet.write_number(last, number, value)
            sheet.autofilter(1, 0, last, len(columns) - 1)
    write_atomically(path, buffer.getvalue())


def _fitting(text: str) -> str:
    """A text that fits into a cell of a workbook; xlsxwriter makes escapes of control characters, as Excel does."""
    text = text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # XML has no such characters
    if len(text) <= _XLSX_UNITS // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _XLSX_UNITS:
        return text
    return units[: 2 * (_XLSX_UNITS - 1)].decode("utf-16-le", "ignore") + "…"


WRITERS = dict(zip(FORMATS, (write_csv, write_json, write_parquet, write_xlsx), strict=True))

PROBLEM_COLUMNS = tuple(Column(name, "text", "", description) for name, description in FIELDS.items())
"""The columns of `summary_problems`."""


class WrongTable(Exception):
    """A table file is not what this version wrote; the text says what to do."""


class TooLarge(Exception):
    """A table does not fit into a format; the text says which and what to do."""


def csv_header(path: Path) -> list[str]:
    """The header of a CSV table."""
    with open(path, encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def read_csv(path: Path, columns: Sequence[Column]) -> polars.DataFrame:
    """Read back a table that `write_csv` wrote, with typed values; null for empty cells.

    Raises:
        WrongTable: its header is another, or a cell can't be of its column's type.
    """
    import polars

    if csv_header(path) != [column.name for column in columns]:
        raise WrongTable(f"{path}: its header is not the one of this version; delete it, and it is made again")
    try:
        return polars.read_csv(path.absolute(), schema=_schema(columns), glob=False)
    except polars.exceptions.PolarsError as error:
        first = str(error).partition("\n")[0]
        raise WrongTable(f"{path}: {first}; delete it, and it is made again") from error


def frame(columns: Sequence[Column], rows: Sequence[Row]) -> polars.DataFrame:
    """A table of rows as it would be read back."""
    import polars

    return polars.DataFrame(
        {column.name: [row.get(column.name) for row in rows] for column in columns},
        schema=_schema(columns),
        strict=False,
    )


def _schema(columns: Sequence[Column]) -> dict[str, Any]:
    import polars

    types = {"text": polars.String, "integer": polars.Int64, "float": polars.Float64, "boolean": polars.Boolean}
    return {column.name: types[column.type] for column in columns}
