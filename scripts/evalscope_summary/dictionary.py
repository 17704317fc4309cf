"""The data dictionary: what is documented of each column, from the column table and what the readers know."""

from collections.abc import Iterator, Mapping
from functools import cache

from .columns import BY_NAME, Column
from .readers import READERS
from .readers.releases import Break, Definition, release


@cache
def _origins() -> Mapping[str, Mapping[str, str]]:
    return {reader.name: reader.origins() for reader in READERS}


def source(column: Column) -> str:
    """Where the cells of a column come from: the files and keys of each tool, or what the tables make it of."""
    if BY_NAME.get(column.name) is not column:
        return column.origin
    named = {name: text for name, origins in _origins().items() if (text := origins.get(column.name))}
    return "; ".join(named.values() if len(READERS) == 1 else (f"{name}: {text}" for name, text in named.items()))


def breaks() -> Iterator[tuple[Definition, Break]]:
    """All releases that changed what a metric means, with the metric; tool by tool."""
    return (
        (definition, change) for reader in READERS for definition in reader.definitions for change in definition.breaks
    )


def changes(column: Column) -> str:
    """The releases that changed what is reported in a column, oldest first; empty if none did."""
    own = [change for definition, change in breaks() if definition.covers(column.name, column.metric)]
    return "; ".join(f"{b.release}: {b.change}" for b in sorted(own, key=lambda change: release(change.release)))


def described(column: Column, metrics: str = "reported") -> dict[str, str]:
    """What is documented of a column: unit, description, source and definition, under these names.

    Args:
        column: of any table.
        metrics: the setting that the table was made with.
    """
    if metrics == "recomputed" and column.role == "performance":
        origin = " or ".join(reader.rows_file for reader in READERS) if column.recomputed else ""
        definition = column.recomputed or "not derivable from the request rows: always empty"
    else:
        origin = source(column)
        changed = changes(column)
        definition = (
            f"as {' or '.join(reader.name for reader in READERS)} reported it; changed in {changed}"
            if changed
            else column.description
        )
    return {"unit": column.unit, "description": column.description, "source": origin, "definition": definition}
