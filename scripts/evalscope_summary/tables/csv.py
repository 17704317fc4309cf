"""Tables as CSV."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pyarrow
from pyarrow import csv

from ..columns import Column
from ..layouts import PROBLEM_COLUMNS
from ..problems import Problem
from .csv_lines import csv_header, text_cell, write_csv_lines
from .errors import WrongTable
from .frame import DTYPES, Table, blocks_of, cells_of, rows_of

_ARROW = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "float": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
}
_OF_ARROW = {_ARROW[name]: DTYPES[name] for name in ("text", "integer", "boolean")}
_BLOCK, _PART, _LARGEST_BLOCK = 2**20, 2**19, 2**31 - 1  # bytes: of small ones, Arrow keeps less memory


def write_csv(path: Path, columns: Sequence[Column], table: Table, bom: bool = False) -> None:
    """Write a table as CSV: ten times as fast as `DataFrame.to_csv` (benchmarks/csv_writers.py), and with the same
    cells as `csv_line` gives the rows of records; `bom` as of `write_csv_lines`."""
    kinds = itertools.groupby(columns, lambda column: column.type == "float")
    spans = [(floats, [column.name for column in group]) for floats, group in kinds]
    lines = (line for some in blocks_of(table) for line in _lines(some, spans))
    write_csv_lines(path, columns, lines, bom)


def _lines(table: pd.DataFrame, spans: Sequence[tuple[bool, list[str]]]) -> Iterator[bytes]:
    """The lines of some rows, whose columns lie in spans: of floats, or of others."""
    cells = (_floats(table[names]) if floats else _others(table[names]) for floats, names in spans)
    return map(b",".join, zip(*cells, strict=True))


def _floats(table: pd.DataFrame) -> Sequence[bytes]:
    """The cells of each row, all written at once: `[[1.0,null],[2.5,3.0]]`."""
    written = orjson.dumps(np.ascontiguousarray(table.to_numpy(np.float64)), option=orjson.OPT_SERIALIZE_NUMPY)
    return written[2:-2].replace(b"null", b"").split(b"],[")


def _others(table: pd.DataFrame) -> Iterator[bytes]:
    """The cells of each row."""
    cells = (map(text_cell, cells_of(table[name])) for name in table)
    return (",".join(row).encode() for row in zip(*cells, strict=True))


def read_csv(path: Path, columns: Sequence[Column], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Read back a table that `write_csv` wrote, as a frame of the types of `frame.DTYPES`.

    Args:
        path: of the table.
        columns: of the table.
        names: of the columns that are wanted; all if None.

    Arrow's reader refuses lines with too few or too many cells, and cells of another type, where `pandas.read_csv`
    fills lines up and takes `1` for true; it also takes half of the time.

    Raises:
        WrongTable: its header is another, or a cell can't be of its column's type.
    """
    return _frame(pyarrow.Table.from_batches(list(_batches(path, columns, _BLOCK, names))))


def read_csv_by_parts(path: Path, columns: Sequence[Column]) -> Iterator[pd.DataFrame]:
    """What `read_csv` reads, as a table that is never in memory as a whole.

    Raises:
        WrongTable: when it comes to what is wrong.
    """
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # Arrow's own keeps what parts leave behind
    for batch in _batches(path, columns, _PART):
        yield _frame(pyarrow.Table.from_batches([batch]))


def _frame(table: pyarrow.Table) -> pd.DataFrame:
    return table.to_pandas(types_mapper=_OF_ARROW.get, self_destruct=True)


def _batches(
    path: Path, columns: Sequence[Column], block: int, names: Sequence[str] | None = None
) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a table, after a batch with none."""
    if csv_header(path) != [column.name for column in columns]:
        raise WrongTable(f"{path}: its header is not the one of this version; delete it, and it is made again")
    done = 0
    try:
        try:
            reader = _opened(path, columns, names, block)
            yield pyarrow.RecordBatch.from_pylist([], reader.schema)
            for batch in reader:
                done += len(batch)
                yield batch
        except pyarrow.ArrowInvalid:  # it may be a line that is longer than a block
            for batch in _opened(path, columns, names, min(path.stat().st_size + 1, _LARGEST_BLOCK)):
                if done < len(batch):
                    yield batch[done:]
                done = max(done - len(batch), 0)
    except pyarrow.ArrowInvalid as error:
        first = str(error).partition("\n")[0]
        raise WrongTable(f"{path}: {first}; delete it, and it is made again") from error


def _opened(path: Path, columns: Sequence[Column], names: Sequence[str] | None, block: int) -> csv.CSVStreamingReader:
    return csv.open_csv(
        path,
        csv.ReadOptions(use_threads=False, block_size=block),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types={column.name: _ARROW[column.type] for column in columns},
            include_columns=names,
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
