"""Describe the CSV tables for programs and people: every column with type, unit, source and definition, as a
Frictionless Data Package (https://specs.frictionlessdata.io). Run by rule `data_package`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalscope_summary import garbage, made
from evalscope_summary.columns import Column
from evalscope_summary.dictionary import described
from evalscope_summary.jsonfile import write_atomically
from evalscope_summary.layouts import request_columns
from evalscope_summary.older import note_sources
from evalscope_summary.tables.files import columns_of
from orjson import OPT_APPEND_NEWLINE, OPT_INDENT_2, dumps

_TYPES = {"text": "string", "integer": "integer", "float": "number", "boolean": "boolean"}
_DESCRIPTIONS = {
    "overview": "One row per group of runs: the labels that vary, and the main metrics.",
    "raw": "One row per run.",
    "stats": "One row per group of runs that repeat one test.",
    "long": "One row per run, metric and statistic: the cells of raw that are not empty.",
    "compare": "One row per pair of groups and metric: groups of runs beside those of a baseline.",
    "problems": "One row per thing that was wrong.",
    "requests": "One row per request of every run: a folder of Parquet files, one for each batch.",
}


def resource(path: str, table: str, columns: Sequence[Column], metrics: str) -> dict[str, Any]:
    """A table as a resource of the package.

    Args:
        path: of the file, or of the folder of requests, relative to the package's.
        table: which it is.
        columns: of the table.
        metrics: the setting.
    """
    fields = [
        {"name": column.name, "type": _TYPES[column.type]}
        | {key: text for key, text in described(column, metrics).items() if text}
        for column in columns
    ]
    entry = {"name": table, "type": "table", "description": _DESCRIPTIONS[table], "path": path}
    if table == "requests":
        return entry | {
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            "schema": {"fields": fields},
        }
    return entry | {
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "profile": "tabular-data-resource",
        "schema": {"fields": fields, "missingValues": [""]},
    }


def main() -> None:
    """Write the package of the tables that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("tables", type=Path, nargs="+", help="CSV tables beside it: summary_raw.csv and so on")
    parser.add_argument("package", type=Path, help="summary.datapackage.json to write")
    options = parser.parse_args()
    garbage.pass_over_what_is_there()
    settings = json.loads(options.settings.read_bytes())
    resources = []
    for path in options.tables:
        table, columns = columns_of(path, settings)
        resources.append(resource(path.name, table, columns, settings["metrics"]))
    if "requests" in settings["tables"]:
        path = options.package.name.removesuffix("".join(options.package.suffixes[-2:]))
        resources.append(
            resource(f"{path}_requests.parquet", "requests", request_columns(settings), settings["metrics"])
        )
    package = {
        "profile": "tabular-data-package",
        "description": f"Tables of evalscope perf runs; metrics as {settings['metrics']}.",
        "resources": resources,
    }
    write_atomically(options.package, dumps(package, option=OPT_INDENT_2 | OPT_APPEND_NEWLINE))
    made.note(options.settings)
    note_sources(options.settings, [options.package], options.tables)


if __name__ == "__main__":
    main()
