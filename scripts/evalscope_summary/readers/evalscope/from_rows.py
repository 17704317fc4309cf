"""What only the request rows of a run say: the percentiles that its file lacks, and all performance cells by one
definition for all releases. Imports numpy, which most runs of some releases don't need."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from sqlite3 import Connection

from ...columns import AT_LEAST, BELOW, PERCENTILE_COLUMNS
from ...problems import storable
from ...record import Part, Record, Wanted
from ..releases import Window
from ..requests import Requests
from . import formats, percentiles
from .database import FOR_PERCENTILES, FOR_RECOMPUTING, Totals, connect, rows, totals
from .folder import Run, open_run

Reported = Mapping[tuple[int, str], float | None]
"""(percentile, metric) → number in the file's unit; None where the file says NaN, or what can't be one."""


def add_rows(
    record: Record,
    run: Run,
    parts: Mapping[Wanted, Part],
    of_file: tuple[Collection[tuple[int, str]], Reported],
    database: tuple[Window, Totals, Connection],
) -> None:
    """Read the request rows once, and compute the parts of the record that are wanted from them.

    Args:
        record: its run names the problems.
        run: what the JSON files hold.
        parts: to be filled in.
        of_file: the (percentile, metric) pairs that are missing, and what the file reports.
        database: which releases can have written it, its totals, and the open database.
    """
    window, counted, connection = database
    columns = {"filled": FOR_PERCENTILES, "recomputed": FOR_RECOMPUTING}
    needed = frozenset[str]().union(*(columns[name] for name in parts))
    with closing(percentiles.Measured(counted.columns, window)) as measured:
        for some in rows(connection, counted.columns, needed, run.args.get("stream") is True):
            measured.add(some)
        for name, part in parts.items():
            computed = (
                _filled(record, run, measured, window, *of_file) if name == "filled" else _recomputed(run, measured)
            )
            part.values.update(computed.values)
            part.problems += computed.problems
            unusable = {
                c: n for c, n in measured.by_definition.unusable.items() if c in columns[name] or c == "intervals"
            }
            if unusable:
                counts = ", ".join(f"{number} of {column}" for column, number in sorted(unusable.items()))
                message = f"request rows hold values that are none (negative, infinite, texts), left out: {counts}"
                part.problems.append(record.problem("warning", "value-out-of-range", formats.DATABASE, message))


def _filled(
    record: Record,
    run: Run,
    measured: percentiles.Measured,
    window: Window,
    missing: Collection[tuple[int, str]],
    reported: Reported,
) -> Part:
    """The missing percentiles, and what the rank rule shows of the release."""
    values = measured.by_release()
    known = {pair: number for pair, number in reported.items() if number is not None}
    rule = percentiles.rank_rule(values, known, window)
    part = Part()
    for percent, metric in missing:
        number = percentiles.as_reported(values[metric], percent, rule.nearest, window, metric)
        column = PERCENTILE_COLUMNS[percent, metric]
        if number is not None and run.holds(column, number):
            part.values[column] = number / percentiles.in_file(metric, window)
    narrower = Window(window.at_least, window.below)
    if rule.decided and window.at_least == formats.RANK_TELLS_FROM:
        (narrower.written_since if rule.nearest else narrower.written_before)(formats.NEAREST_RANK_SINCE)
    part.values[AT_LEAST] = narrower.at_least
    if narrower.below:
        part.values[BELOW] = narrower.below
    if rule.disagreeing:
        message = (
            f"{', '.join(rule.disagreeing)}: the request rows in {formats.DATABASE} give other percentiles than"
            " the file by either rank rule, so the two are not of the same run, or one was edited"
        )
        part.problems.append(record.problem("warning", "percentiles-disagree", formats.PERCENTILE, message))
    return part


def _recomputed(run: Run, measured: percentiles.Measured) -> Part:
    """All performance cells by one definition for all releases."""
    cells = measured.by_definition.cells(run.applies)
    return Part({column: number for column, number in cells.items() if run.succeeded or column == "time_taken"})


def requests_of(root: str, path: str, present: Collection[str]) -> Iterator[tuple[str, Iterator[Requests]]]:
    """The requests of a run folder, if its run is in the table; see `Reader.requests`."""
    record = Record(path)
    run = open_run(record, f"{root}/{path}", present)
    if run:
        with connect(run.folder, present) as connection:
            yield storable(path), _requests(run, connection)


def _requests(run: Run, connection: Connection) -> Iterator[Requests]:
    streamed = run.args.get("stream") is True
    for part in rows(connection, totals(connection).columns, FOR_RECOMPUTING, streamed):
        if run.input_only:  # what can't be generated is not there, whatever the client wrote
            nothing = array("d", [math.nan]) * len(part.start)
            part.ttft = part.output_tokens = part.stream = nothing
            part.intervals, part.interval_counts = array("d"), array("q", bytes(8 * len(part.start)))
            part.continued = 0
        yield part
