"""The request table: a row per request, with the labels of its run, as a dataset of Parquet files of any size."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow
from pyarrow import parquet

from ..columns import Column
from ..layouts import REQUEST_MEASURES
from ..request_rows import Rows
from .parquet import schema_of

_ROW_GROUP = 2**17  # rows, which are in memory at a time


class RequestTable:
    """One file of the table.

    Args:
        path: of a file that is not there yet; see `jsonfile.replacing`.
        columns: of `layouts.request_columns`.
    """

    def __init__(self, path: str, columns: Sequence[Column]) -> None:
        self._schema = schema_of(columns)
        self._labels = [column.name for column in columns if column.name not in ("request", *REQUEST_MEASURES)]
        self._waiting: list[pyarrow.Table] = []
        self.rows = 0
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def close(self) -> None:
        """Write what waits, and the end of the file."""
        self._flush()
        self._writer.close()

    def add(self, labels: Mapping[str, Any], blocks: Iterable[Rows]) -> None:
        """Add the requests of a run, which come in the order of their starts.

        Args:
            labels: cells that are the same in all its rows; None or absent for empty ones.
            blocks: its requests.
        """
        number = 1
        for rows in blocks:
            for begin in range(0, len(rows), _ROW_GROUP):
                some = rows[begin : begin + _ROW_GROUP]
                self._waiting.append(self._table(labels, some, number))
                number += len(some)
                if sum(table.num_rows for table in self._waiting) >= _ROW_GROUP:
                    self._flush()

    def _table(self, labels: Mapping[str, Any], rows: Rows, number: int) -> pyarrow.Table:
        columns = {
            name: pyarrow.repeat(pyarrow.scalar(labels.get(name), self._schema.field(name).type), len(rows))
            for name in self._labels
        }
        columns["request"] = pyarrow.array(np.arange(number, number + len(rows)))
        for name, values in zip(REQUEST_MEASURES, rows.T, strict=True):
            empty = np.isnan(values)
            kind = self._schema.field(name).type
            cells = values == 1 if kind == pyarrow.bool_() else np.ascontiguousarray(values)
            columns[name] = pyarrow.array(cells, kind, mask=empty)
        return pyarrow.table([columns[name] for name in self._schema.names], schema=self._schema)

    def _flush(self) -> None:
        if self._waiting:
            table = pyarrow.concat_tables(self._waiting)
            self.rows += table.num_rows
            self._writer.write_table(table, row_group_size=_ROW_GROUP)
            self._waiting.clear()
