"""Frames of our columns: typed, so that empty cells stay empty, and text that looks like a number stays text."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ..columns import Column

DTYPES = {
    "text": pd.StringDtype("pyarrow"),
    "integer": pd.Int64Dtype(),
    "float": "float64",  # NaN is an empty cell: with a mask beside it, statistics take twice as long
    "boolean": pd.BooleanDtype(),
}
"""Type of a column → type of its cells in a frame."""

Table: TypeAlias = pd.DataFrame | Iterable[pd.DataFrame]
"""A table on its way into a file: a frame, or its rows in several one after the other, of which one is there at a time;
one at least, perhaps without a row."""

AT_ONCE = 250
"""Rows whose cells are Python's at a time: each takes five times the memory that it has in a frame."""


def frame(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A frame of rows.

    Args:
        columns: of the table.
        rows: their cells in the order of the columns, None for empty ones.
    """
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame(
        {
            column.name: pd.Series(values, dtype=DTYPES[column.type])
            for column, values in zip(columns, cells, strict=True)
        }
    )


def cells_of(column: pd.Series) -> list[Any]:
    """The cells of a column as Python's str, int, float and bool, None for empty ones."""
    cells: list[Any] = column.to_numpy(dtype=object, na_value=None).tolist()
    return cells


def blocks_of(table: Table, rows: int = AT_ONCE) -> Iterator[pd.DataFrame]:
    """The rows of a table in frames of at most so many."""
    for part in [table] if isinstance(table, pd.DataFrame) else table:
        for begin in range(0, len(part), rows):
            yield part.iloc[begin : begin + rows]


def rows_of(table: Table, columns: Sequence[Column]) -> Iterator[list[Any]]:
    """The rows of a table as cells in the order of the columns, None for empty ones."""
    kinds = itertools.groupby(columns, lambda column: column.type == "float")
    spans = [(floats, [column.name for column in group]) for floats, group in kinds]
    for some in blocks_of(table):
        parts = [_floats(some[names]) if floats else _others(some, names) for floats, names in spans]
        for row in zip(*parts, strict=True):
            yield list(itertools.chain.from_iterable(row))


def _floats(table: pd.DataFrame) -> Iterable[Sequence[Any]]:
    """The rows of columns of floats, which are hundreds: all at once."""
    values = table.to_numpy()
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    return cells.tolist()  # type: ignore[no-any-return]


def _others(table: pd.DataFrame, names: Sequence[str]) -> Iterable[Sequence[Any]]:
    return zip(*(cells_of(table[name]) for name in names), strict=True)
