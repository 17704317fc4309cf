"""The formats of a table."""

from collections.abc import Sequence
from pathlib import Path

from ..columns import Column
from .frame import Table


def write_table(path: Path, columns: Sequence[Column], table: Table, bom: bool = False, language: str = "en") -> None:
    """Write a table in the format that the ending of the file's name says, one of `layouts.FORMATS`; `bom` as of
    `csv_lines.write_csv_lines`, `language` as of `xlsx.write_workbook`.

    Raises:
        TooLarge: the table does not fit into the format.
    """
    match path.suffix[1:]:  # each imports what it needs, which takes long, and not every environment has all
        case "csv":
            from .csv import write_csv

            return write_csv(path, columns, table, bom)
        case "json":
            from .json import write_json as write
        case "parquet":
            from .parquet import write_parquet as write
        case "xlsx":
            from .xlsx import write_xlsx

            return write_xlsx(path, columns, table, language)
        case other:
            raise ValueError(f"no format: {other}")
    write(path, columns, table)
