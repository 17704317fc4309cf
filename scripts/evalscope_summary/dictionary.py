"""The data dictionary: what is documented of each column, from the column table and what the readers know."""

from collections.abc import Iterator, Mapping
from functools import cache

from .columns import BY_NAME, Column
from .readers import READERS
from .readers.base import Reader
from .readers.releases import Break, Definition, release


@cache
def _origins() -> Mapping[str, Mapping[str, str]]:
    return {reader.name: reader.origins() for reader in READERS}


def source(column: Column) -> str:
    """Where the cells of a column come from: the files and keys of each tool, or what the tables make it of."""
    if BY_NAME.get(column.name) is not column:
        return column.origin
    named = {reader.name: text for reader in READERS if (text := source_in(reader, column))}
    same = len({*named.values()}) == 1 and len(named) == len(READERS)
    return next(iter(named.values())) if same else "; ".join(f"{name}: {text}" for name, text in named.items())


def source_in(reader: Reader, column: Column) -> str:
    """Where the cells of a column of `summary_raw` come from in the files of one tool; empty if it has none."""
    return _origins()[reader.name].get(column.name, column.origin)


def breaks() -> Iterator[tuple[Reader, Definition, Break]]:
    """All releases that changed what a metric means, with the tool and the metric."""
    return (
        (reader, definition, change)
        for reader in READERS
        for definition in reader.definitions
        for change in definition.breaks
    )


def changes(column: Column) -> str:
    """The releases that changed what is reported in a column, oldest first; empty if none did."""
    breaking = [
        (reader, change) for reader, definition, change in breaks() if definition.covers(column.name, column.metric)
    ]
    breaking.sort(key=lambda pair: (pair[0].name, release(pair[1].release)))
    return "; ".join(f"{reader.name} {change.release}: {change.change}" for reader, change in breaking)


def described(column: Column, metrics: str = "reported") -> dict[str, str]:
    """What is documented of a column: unit, description, source and definition, under these names.

    Args:
        column: of any table.
        metrics: the setting that the table was made with.
    """
    if metrics == "recomputed" and column.role == "performance":
        origin = "; ".join(f"{reader.name}: {reader.rows_file}" for reader in READERS) if column.recomputed else ""
        definition = column.recomputed or "not derivable from the request rows: always empty"
    else:
        origin = source(column)
        changed = changes(column)
        definition = f"as the tool reported it; changed in {changed}" if changed else column.description
    return {"unit": column.unit, "description": column.description, "source": origin, "definition": definition}
