"""Tables as Parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet

from ..columns import Column
from ..jsonfile import replacing
from .frame import Table

_TYPES = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "float": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
}

_ROW_GROUP = 200_000
"""Cells of a row group, which is what has to be in memory to write it, and to read it."""


def schema_of(columns: Sequence[Column]) -> pyarrow.Schema:
    """The types of columns, with unit and description as metadata of the fields."""
    return pyarrow.schema(
        [
            pyarrow.field(
                column.name,
                _TYPES[column.type],
                metadata={"unit": column.unit, "description": column.description},
            )
            for column in columns
        ]
    )


def write_parquet(path: Path, columns: Sequence[Column], table: Table) -> None:
    """Write a table as Parquet: typed columns, with unit and description as metadata of the fields, and the types of
    the frame for `pandas.read_parquet`."""
    schema = schema_of(columns)
    groups = _groups(table, max(_ROW_GROUP // len(columns), 1))
    first = pyarrow.Table.from_pandas(next(groups), schema, preserve_index=False)
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, first.schema) as file:
        file.write_table(first)
        for group in groups:
            file.write_table(pyarrow.Table.from_pandas(group, schema, preserve_index=False))


def _groups(table: Table, rows: int) -> Iterator[pd.DataFrame]:
    """The rows of a table in frames of so many, the last with what is left; one at least."""
    waiting: list[pd.DataFrame] = []
    for part in [table] if isinstance(table, pd.DataFrame) else table:
        waiting.append(part)
        while sum(map(len, waiting)) > rows:
            together = pd.concat(waiting)
            yield together.iloc[:rows]
            waiting = [together.iloc[rows:]]
    yield pd.concat(waiting)
