"""Tables as workbooks for spreadsheets."""

import datetime
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError, FileSizeError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ..columns import SLO, Column
from ..headers import heading
from ..jsonfile import replacing
from ..languages import translated
from ..layouts import SUCCESS_SHARE
from ..terminal import width
from .errors import TooLarge
from .frame import Table, rows_of

_XLSX_UNITS = 32767  # of UTF-16 that a cell can hold; longer texts end with an ellipsis
XLSX_ROWS = 2**20 - 1
"""Rows that fit into a sheet below its header."""
_SHARE = "share"  # in place of a unit, of the columns that are parts of a whole, 0 to 1
_SHARES = frozenset({SUCCESS_SHARE.name, SLO[0].name})
_FORMATS = {"s": "0.0000", "tok/s": "0.00", "req/s": "0.00", "GiB": "0.00", "%": "0.0", "tokens": "0.0", _SHARE: "0.0%"}
_OTHER_FORMAT = "0.000"  # of fractions without a unit
_MEASURED = 1000  # rows whose cells say how wide a column has to be
_WIDEST, _NARROWEST = 60, 6  # characters
_FILTER = 3  # characters that the button of a filter takes in the header
_HEAD = "head"  # the format of headers
_ELSEWHERE = "use csv or parquet"


def write_xlsx(path: Path, columns: Sequence[Column], table: Table, language: str = "en") -> None:
    """Write a table as a workbook with one sheet; `language` as of `write_workbook`."""
    write_workbook(path, {"table": (columns, table)}, language)


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[Column], Table]], language: str = "en") -> None:
    """Write tables as the sheets of one workbook for spreadsheets: typed cells, text as text (never as a formula), a
    frozen header of one row, numbers with as many digits as their unit wants.

    Args:
        path: the workbook.
        sheets: name → columns, and rows.
        language: the setting; `zh`: Chinese headers with units, and Chinese messages of problems.

    Raises:
        TooLarge: a table has more rows than a sheet can hold, or a sheet more bytes.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with replacing(path) as temporary:
        try:
            with xlsxwriter.Workbook(temporary, options) as book:
                book.set_properties({"created": datetime.datetime(2000, 1, 1)})  # same tables, same bytes
                formats = {unit: book.add_format({"num_format": digits}) for unit, digits in _FORMATS.items()}
                formats |= {"": book.add_format({"num_format": _OTHER_FORMAT}), _HEAD: book.add_format({"bold": True})}
                for name, (columns, table) in sheets.items():
                    if _write_sheet(book.add_worksheet(name), columns, table, formats, language) > XLSX_ROWS:
                        raise TooLarge(f"{path}: a sheet holds {XLSX_ROWS} rows, and there are more; {_ELSEWHERE}")
        except FileSizeError as error:
            raise TooLarge(
                f"{path}: a sheet takes more than the 2 GB that a workbook has for it; {_ELSEWHERE}"
            ) from error
        except FileCreateError as error:
            raise error.args[0] from error  # what the system said


def _write_sheet(
    sheet: Worksheet, columns: Sequence[Column], table: Table, formats: Mapping[str, Format], language: str
) -> int:
    """Write a table as a sheet; returns the number of its rows, of which it holds `XLSX_ROWS` at most."""
    sheet.freeze_panes(1, 1)
    widths = []
    for number, column in enumerate(columns):
        head = heading(column, language)
        widths.append(width(head) + _FILTER)
        sheet.write_string(0, number, head, formats[_HEAD])
    digits = [formats.get(_shown_as(column), formats[""]) if column.type == "float" else None for column in columns]
    messages = {number for number, column in enumerate(columns) if (column.role, column.name) == ("problem", "message")}
    rows = 0
    for rows, row in enumerate(itertools.islice(rows_of(table, columns), XLSX_ROWS + 1), 1):
        for number, value in enumerate(row):
            if value is None or value == "":
                continue
            if isinstance(value, bool):
                sheet.write_boolean(rows, number, value)
            elif isinstance(value, str):
                text = _fitting(translated(value, language) if number in messages else value)
                sheet.write_string(rows, number, text)
                if rows <= _MEASURED:
                    widths[number] = max(widths[number], width(text[:_WIDEST]) + 1)
            else:
                sheet.write_number(rows, number, value, digits[number])
    for number, needed in enumerate(widths):
        sheet.set_column(number, number, max(_NARROWEST, min(needed, _WIDEST)))
    sheet.autofilter(0, 0, rows, len(columns) - 1)
    return rows


def _shown_as(column: Column) -> str:
    return _SHARE if (column.of or column.name) in _SHARES else column.unit


def _fitting(text: str) -> str:
    """A text that fits into a cell of a workbook; xlsxwriter makes escapes of control characters, as Excel does."""
    text = text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # XML has no such characters
    if len(text) <= _XLSX_UNITS // 2:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _XLSX_UNITS:
        return text
    return units[: 2 * (_XLSX_UNITS - 1)].decode("utf-16-le", "ignore") + "…"
