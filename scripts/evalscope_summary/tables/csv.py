"""Tables as CSV."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import csv

from ..columns import Column
from ..layouts import PROBLEM_COLUMNS
from ..problems import Problem
from .csv_lines import csv_header, csv_line, write_csv_lines
from .errors import WrongTable
from .frame import DTYPES, rows_of

_ARROW = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "float": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
}
_OF_ARROW = {_ARROW[name]: DTYPES[name] for name in ("text", "integer", "boolean")}
_BLOCK, _LARGEST_BLOCK = 2**20, 2**31 - 1  # bytes: of small ones, Arrow keeps less memory


def write_csv(path: Path, columns: Sequence[Column], table: pd.DataFrame) -> None:
    """Write a table as CSV: four times as fast as `DataFrame.to_csv` (benchmarks/csv_writers.py), and with the same
    cells as `csv_line` gives the rows of records."""
    write_csv_lines(path, columns, map(csv_line(columns), rows_of(table, columns)))


def read_csv(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    """Read back a table that `write_csv` wrote, as a frame of the types of `frame.DTYPES`.

    Arrow's reader refuses lines with too few or too many cells, and cells of another type, where `pandas.read_csv`
    fills lines up and takes `1` for true; it also takes half of the time.

    Raises:
        WrongTable: its header is another, or a cell can't be of its column's type.
    """
    if csv_header(path) != [column.name for column in columns]:
        raise WrongTable(f"{path}: its header is not the one of this version; delete it, and it is made again")
    try:
        try:
            table = _read(path, columns, _BLOCK)
        except pyarrow.ArrowInvalid:  # it may be a line that is longer than a block
            table = _read(path, columns, min(path.stat().st_size + 1, _LARGEST_BLOCK))
    except pyarrow.ArrowInvalid as error:
        first = str(error).partition("\n")[0]
        raise WrongTable(f"{path}: {first}; delete it, and it is made again") from error
    return table.to_pandas(types_mapper=_OF_ARROW.get, self_destruct=True)


def _read(path: Path, columns: Sequence[Column], block: int) -> pyarrow.Table:
    return csv.read_csv(
        path,
        csv.ReadOptions(use_threads=False, block_size=block),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types={column.name: _ARROW[column.type] for column in columns},
            null_values=[""],
            strings_can_be_null=True,
            true_values=["true"],
            false_values=["false"],
        ),
    )


def read_problems(path: Path) -> list[Problem]:
    """Read back what `csv_lines.write_problems` wrote."""
    table = read_csv(path, PROBLEM_COLUMNS).fillna("")
    return [Problem(*row) for row in rows_of(table, PROBLEM_COLUMNS)]
