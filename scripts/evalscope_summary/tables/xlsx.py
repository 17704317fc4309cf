"""Tables as workbooks for spreadsheets."""

import datetime
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError, FileSizeError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ..columns import Column
from ..jsonfile import replacing
from .errors import TooLarge
from .frame import Table, rows_of

_XLSX_UNITS = 32767  # of UTF-16 that a cell can hold; longer texts end with an ellipsis
XLSX_ROWS = 2**20 - 2
"""Rows that fit into a sheet below the two of its header."""
_ELSEWHERE = "use csv or parquet"


def write_xlsx(path: Path, columns: Sequence[Column], table: Table) -> None:
    """Write a table as a workbook with one sheet."""
    write_workbook(path, {"table": (columns, table)})


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[Column], Table]]) -> None:
    """Write tables as the sheets of one workbook for spreadsheets: typed cells, text as text (never as a formula),
    frozen header with a second row for units.

    Raises:
        TooLarge: a table has more rows than a sheet can hold, or a sheet more bytes.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with replacing(path) as temporary:
        try:
            with xlsxwriter.Workbook(temporary, options) as book:
                book.set_properties({"created": datetime.datetime(2000, 1, 1)})  # same tables, same bytes
                formats = book.add_format({"bold": True}), book.add_format({"italic": True, "bottom": 1})
                for name, (columns, table) in sheets.items():
                    if _write_sheet(book.add_worksheet(name), columns, table, *formats) > XLSX_ROWS:
                        raise TooLarge(f"{path}: a sheet holds {XLSX_ROWS} rows, and there are more; {_ELSEWHERE}")
        except FileSizeError as error:
            raise TooLarge(
                f"{path}: a sheet takes more than the 2 GB that a workbook has for it; {_ELSEWHERE}"
            ) from error
        except FileCreateError as error:
            raise error.args[0] from error  # what the system said


def _write_sheet(sheet: Worksheet, columns: Sequence[Column], table: Table, head: Format, unit: Format) -> int:
    """Write a table as a sheet; returns the number of its rows, of which it holds `XLSX_ROWS` at most."""
    sheet.freeze_panes(2, 1)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, max(10, min(len(column.name) + 2, 30)))
        sheet.write_string(0, number, column.name, head)
    for number, column in enumerate(columns):
        sheet.write_string(1, number, column.unit, unit)
    rows = 0
    for rows, row in enumerate(itertools.islice(rows_of(table, columns), XLSX_ROWS + 1), 1):
        for number, value in enumerate(row):
            if value is None or value == "":
                continue
            if isinstance(value, bool):
                sheet.write_boolean(rows + 1, number, value)
            elif isinstance(value, str):
                sheet.write_string(rows + 1, number, _fitting(value))
            else:
                sheet.write_number(rows + 1, number, value)
    sheet.autofilter(1, 0, rows + 1, len(columns) - 1)
    return rows


def _fitting(text: str) -> str:
    """A text that fits into a cell of a workbook; xlsxwriter makes escapes of control characters, as Excel does."""
    text = text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # XML has no such characters
    if len(text) <= _XLSX_UNITS // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _XLSX_UNITS:
        return text
    return units[: 2 * (_XLSX_UNITS - 1)].decode("utf-16-le", "ignore") + "…"
