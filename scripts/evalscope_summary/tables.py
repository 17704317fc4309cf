"""Rows and files of the tables: assembling, sorting, writing, reading back."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from . import labels
from .columns import Column
from .jsonfile import write_atomically
from .problems import Problem
from .run import Record

Row = dict[str, Any]
"""Column name → value, None or absent where the cell is empty."""

_DIGITS = re.compile(r"([0-9]+)")


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


def assemble(record: Record, fill: bool, prompt_long_chars: int) -> Row:
    """The row of a record under the settings that apply when tables are made."""
    row = dict(record.values)
    if fill:
        row.update(record.filled or {})
    row["prompt_length"] = labels.prompt_length(
        record.prompt_characters, prompt_long_chars, row.get("config", ""), row.get("dataset_file")
    )
    return row


def merge(records: Iterable[Record], fill: bool, prompt_long_chars: int) -> tuple[list[Row], list[Problem]]:
    """The rows of `summary_raw` and their problems, both in the tables' order.

    Args:
        records: of all runs.
        fill: use percentiles that were computed from request rows.
        prompt_long_chars: see `config/config.schema.json`.
    """
    rows: list[tuple[Any, Row, str]] = []
    problems: list[Problem] = []
    for record in records:
        problems.extend(record.problems)
        if record.skipped:
            continue
        if fill:
            problems.extend(record.fill_problems)
        row = assemble(record, fill, prompt_long_chars)
        key = tuple(natural(row.get(column)) for column in ("config", "timestamp", "run"))
        rows.append((key, row, record.fingerprint))
    rows.sort(key=lambda item: item[0])
    first: dict[str, str] = {}
    for _, row, fingerprint in rows:
        original = first.setdefault(fingerprint, row.get("run", ""))
        if original != row.get("run", ""):
            message = f"args, summary and percentiles are the same bytes as those of {original!r}: one may be a copy"
            problems.append(Problem("warning", "duplicate-run", row["run"], "", message))
    return [row for _, row, _ in rows], sort_problems(problems)


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """The order of `summary_problems`: skipped runs first, then by run."""
    return sorted(problems, key=lambda p: (p.severity, natural(p.run), p.code, p.file, p.message))


class _LineFeeds:
    """Gives the csv module lines that end in CR LF, so that it quotes both in cells, and writes them with LF."""

    def __init__(self, file: io.StringIO) -> None:
        self.file = file

    def write(self, line: str) -> int:
        return self.file.write(line[:-2] + "\n")


def _cell(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else value


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A table as CSV: UTF-8, line feeds, empty cells for None, `true`/`false`, floats in shortest round-trip form."""
    text = io.StringIO()
    writer = csv.writer(_LineFeeds(text), lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8")


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write a table of rows as CSV."""
    names = [column.name for column in columns]
    write_atomically(path, csv_bytes(names, ([row.get(name) for name in names] for row in rows)))


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write `summary_problems`."""
    write_atomically(path, csv_bytes(Problem._fields, problems))


def write_json(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write a table of rows as JSON: a list of objects with all columns in order, null for empty cells."""
    objects = [{column.name: row.get(column.name) for column in columns} for row in rows]
    write_atomically(path, orjson.dumps(objects, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


WRITERS = {"csv": write_csv, "json": write_json}

_PARSERS: Mapping[str, Any] = {
    "text": str,
    "integer": int,
    "float": float,
    "boolean": lambda cell: cell == "true",
}


class WrongTable(Exception):
    """A table file is not what this version wrote; the text says what to do."""


def read_csv(path: Path, columns: Sequence[Column]) -> Iterator[Row]:
    """Read back a table that `write_csv` wrote, with typed values; None for empty cells.

    Raises:
        WrongTable: its header is another, or a cell can't be of its column's type.
    """
    csv.field_size_limit(2**31 - 1)  # the default of 128 KiB would refuse a long model name
    parsers = [_PARSERS[column.type] for column in columns]
    names = [column.name for column in columns]
    with open(path, encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if next(lines, None) != names:
            raise WrongTable(f"{path}: its header is not the one of this version; delete it, and it is made again")
        try:
            for line in lines:
                cells = zip(names, parsers, line, strict=True)
                yield {name: parse(cell) if cell else None for name, parse, cell in cells}
        except ValueError as error:
            raise WrongTable(f"{path}, line {lines.line_num}: {error}; delete it, and it is made again") from error
