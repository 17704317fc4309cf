"""Tables as Parquet."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet

from ..columns import Column
from ..jsonfile import write_atomically

_TYPES = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "float": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
}


def write_parquet(path: Path, columns: Sequence[Column], table: pd.DataFrame) -> None:
    """Write a table as Parquet: typed columns, with unit and description as metadata of the fields, and the types of
    the frame for `pandas.read_parquet`."""
    schema = pyarrow.schema(
        [
            pyarrow.field(
                column.name,
                _TYPES[column.type],
                metadata={"unit": column.unit, "description": column.description},
            )
            for column in columns
        ]
    )
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pandas(table, schema, preserve_index=False), buffer)
    write_atomically(path, buffer.getvalue())
