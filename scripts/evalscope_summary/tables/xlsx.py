"""Tables as workbooks for spreadsheets."""

import datetime
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import xlsxwriter

from ..columns import Column
from ..jsonfile import write_atomically
from .errors import TooLarge
from .frame import rows_of

_XLSX_UNITS = 32767  # of UTF-16 that a cell can hold; longer texts end with an ellipsis
XLSX_ROWS = 2**20 - 2
"""Rows that fit into a sheet below the two of its header."""


def write_xlsx(path: Path, columns: Sequence[Column], table: pd.DataFrame) -> None:
    """Write a table as a workbook with one sheet."""
    write_workbook(path, {"table": (columns, table)})


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[Column], pd.DataFrame]]) -> None:
    """Write tables as the sheets of one workbook for spreadsheets: typed cells, text as text (never as a formula),
    frozen header with a second row for units.

    Raises:
        TooLarge: a table has more rows than a sheet can hold.
    """
    buffer = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"created": datetime.datetime(2000, 1, 1)})  # same tables, same bytes
        head, unit = book.add_format({"bold": True}), book.add_format({"italic": True, "bottom": 1})
        for name, (columns, table) in sheets.items():
            if len(table) > XLSX_ROWS:
                raise TooLarge(f"{path}: a sheet holds {XLSX_ROWS} rows, and there are more; use csv or parquet")
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(2, 1)
            for number, column in enumerate(columns):
                sheet.set_column(number, number, max(10, min(len(column.name) + 2, 30)))
                sheet.write_string(0, number, column.name, head)
            for number, column in enumerate(columns):
                sheet.write_string(1, number, column.unit, unit)
            for line, row in enumerate(rows_of(table, columns), 2):
                for number, value in enumerate(row):
                    if value is None or value == "":
                        continue
                    if isinstance(value, bool):
                        sheet.write_boolean(line, number, value)
                    elif isinstance(value, str):
                        sheet.write_string(line, number, _fitting(value))
                    else:
                        sheet.write_number(line, number, value)
            sheet.autofilter(1, 0, len(table) + 1, len(columns) - 1)
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
