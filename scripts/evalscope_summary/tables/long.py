"""`summary_long`: a row per run, metric and statistic, for libraries that plot and for SQL."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from ..layouts import LONG_MEASURE, long_columns, measured_columns
from .csv_lines import csv_line
from .frame import Table, blocks_of, rows_of


def long_lines(raw: Table, settings: Mapping[str, Any]) -> Iterator[bytes]:
    """The lines of `summary_long` as CSV, those of one run together: a row for each cell of `summary_raw` that is not
    empty, in the order of its columns.

    A run has about a hundred rows with the same labels, which are written once.

    Args:
        raw: `summary_raw`.
        settings: `columns`, `slo` and `layouts.ADDED_SETTINGS`.
    """
    of_run = long_columns(settings)[: -len(LONG_MEASURE)]
    labels = csv_line(of_run)
    measured = measured_columns(settings["columns"], settings["slo"])
    before = [f",{metric},{statistic},".encode() for metric, statistic, _ in measured.values()]
    after = [f",{unit}".encode() for _, _, unit in measured.values()]
    for some in blocks_of(raw):
        values = np.column_stack([some[name].to_numpy(np.float64, na_value=np.nan) for name in measured])
        cells = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")
        for row, of_row in zip(rows_of(some, of_run), cells, strict=True):
            run = labels(row)
            lines = [
                run + metric + cell + unit
                for metric, cell, unit in zip(before, of_row.split(b","), after, strict=True)
                if cell != b"null"
            ]
            if lines:
                yield b"\n".join(lines)
