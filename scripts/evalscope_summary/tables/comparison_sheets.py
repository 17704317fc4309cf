"""`summary_compare` as sheets of a workbook: one for each value that is compared, unless there are many."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pandas as pd

from ..columns import Column
from .csv import read_csv, read_csv_by_parts
from .frame import Table, cells_of

_MOST = 20
_LONGEST = 31  # characters of a sheet's name, which has none of []:*?/\ and may not end with '
_NAME = "compare"


def sheets_of(path: Path, columns: Sequence[Column]) -> dict[str, tuple[Sequence[Column], Table]]:
    """Name of a sheet → columns, and rows: those of one `other`; all in one sheet if there are more than 20, or one.

    Args:
        path: `summary_compare.csv`.
        columns: of the table.
    """
    others = cells_of(read_csv(path, columns, ["other"])["other"].drop_duplicates())
    if not 1 < len(others) <= _MOST:
        return {_NAME: (columns, read_csv_by_parts(path, columns))}
    sheets: dict[str, tuple[Sequence[Column], Table]] = {}
    for other in others:
        sheets[_name(other, sheets)] = (columns, _rows(path, columns, other))
    return sheets


def _rows(path: Path, columns: Sequence[Column], other: str | None) -> Iterator[pd.DataFrame]:
    for part in read_csv_by_parts(path, columns):
        yield part[part["other"].isna() if other is None else part["other"].eq(other).fillna(False)]


def _name(other: str | None, taken: Collection[str]) -> str:
    """A name that no other sheet has; spreadsheets don't tell upper and lower case apart."""
    text = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", other or "(empty)").rstrip("'")
    known = {name.casefold() for name in taken}
    number = 1
    while True:
        suffix = f" {number}" if number > 1 else ""
        name = f"{_NAME} {text}"[: _LONGEST - len(suffix)].rstrip("'") + suffix
        if name.casefold() not in known:
            return name
        number += 1
