"""Reading one run folder into a record: the normalized values of its row, and its problems."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from ...bounded import Failure
from ...columns import AT_LEAST, BELOW, BY_NAME, FILLED, PERCENTILE_COLUMNS
from ...problems import storable
from ...record import Part, Record, Values, Wanted
from ..cells import ORDINARY, Checked, file_name
from ..releases import Window
from . import definitions, formats, labels
from .database import Totals, UnreadableDatabase, connect, totals
from .folder import Run, open_run

_MANY_KEYS = 100  # of a row of percentiles; evalscope's have ten
_REQUESTED = ("parallel", "rate")  # in the summary, but labels
_COUNTS = tuple(column for column in formats.SUMMARY_KEYS if BY_NAME[column].role == "count")
_AVERAGES = tuple(column for column in formats.SUMMARY_KEYS if BY_NAME[column].role == "performance")
_MEMORY = ("avg_gpu_memory", "max_gpu_memory", "min_gpu_memory")
_GPU = "max_gpu_memory_cost"
Reported = Mapping[tuple[int, str], float | None]
"""See `from_rows`."""


def read_run(
    root: str, path: str, present: Collection[str], wanted: AbstractSet[Wanted], failure: Failure | None = None
) -> Record:
    """Read a run folder. Bad input becomes problems of the record, never an exception.

    Args:
        root: the results tree.
        path: of the folder below it.
        present: which of `formats.SOURCE_FILES` were found there.
        wanted: what to compute from the request rows.
        failure: what ended the process that read it before: the database isn't touched then.
    """
    record = Record(path)
    run = open_run(record, f"{root}/{path}", present)
    if run:
        _read(record, run, wanted, failure)
    else:
        record.derived = {"filled": Part(), "recomputed": Part()}  # nothing to come back for
    return record


# --- from files to cells -------------------------------------------------------------------------------------------


def _read(record: Record, run: Run, wanted: AbstractSet[Wanted], failure: Failure | None) -> None:
    """Fill the record of a complete run."""
    files = [Checked(name) for name in (formats.ARGS, formats.SUMMARY, formats.PERCENTILE, formats.DATABASE)]
    args, summary, percentiles, database = files
    common = record.common.values
    record.prompt_characters = labels.prompt_characters(run.args.get("prompt"))
    common.update(_given(_labels(run, args) | _requested(run, args, summary) | _counts(run, summary)))
    record.reported.values = _given(_averages(run, summary))
    cells, reported = _percentiles(run, percentiles)
    record.reported.values.update(cells)
    requests, succeeded, failed = (common.get(column) for column in ("requests", "succeeded", "failed"))
    if succeeded is not None and failed is not None and succeeded + failed != requests:
        message = f"{succeeded} succeeded + {failed} failed requests are not the {requests} requests it counts"
        record.note("warning", "counts-disagree", formats.SUMMARY, message)
    if not run.succeeded:
        message = "no request succeeded, so the performance cells are empty; look into the log for the reason"
        record.note("warning", "no-successful-requests", formats.SUMMARY, message)
    window = _read_database(record, run, reported, database, wanted, failure)
    common.update(_given({AT_LEAST: window.at_least, BELOW: window.below}))
    if run.succeeded:
        _add_throughput(record, run, window)
    for file in files:
        if file.unusable:
            message = f"no usable value for {', '.join(file.unusable)}: nothing is taken from there"
            record.note("warning", "value-out-of-range", file.file, message)


def _given(values: Mapping[str, Any]) -> Values:
    return {column: value for column, value in values.items() if value is not None}


def _labels(run: Run, checked: Checked) -> Values:
    """The labels that come from the path and the arguments."""
    args = run.args
    text = {key: checked.text(key, args.get(key)) for key in definitions.TEXT_ARGUMENTS}
    path, name = storable(run.path), text["alias"] or text["name"]
    where = labels.place(path, text["name"])
    limits = args.get("max_tokens")
    low, high = limits if isinstance(limits, list) and len(limits) == 2 else (None, limits)
    values: Values = {
        "run": path,
        "timestamp": where.timestamp,
        "config": where.config or name or where.name_folder or text["model"] or None,
        "name": name,
        "dataset_file": file_name(text["dataset_path"]) or None if text["dataset_path"] else None,
        "number": checked.count("number", args.get("number")),
        "max_tokens": checked.count("max_tokens", high),
        "max_tokens_low": checked.count("max_tokens", low),
        "stream": args.get("stream") is True if run.applies("stream") else None,
    } | {column: text[column] for column in ("model", "api", "dataset")}
    given = labels.with_dataset_args(args)
    for limit in definitions.LIMITS:
        values[limit] = checked.count(limit, given.get(limit), unlimited=(0,))
    if (values["max_prompt_length"] or 0) >= formats.PROMPT_LENGTH_UNLIMITED:
        values["max_prompt_length"] = None
    return values


def _requested(run: Run, args: Checked, summary: Checked) -> Values:
    """Concurrency and request rate: the summary's, else the args'; -1 means there is no such limit."""
    values: Values = {}
    for column in _REQUESTED:
        key = next((k for k in formats.SUMMARY_KEYS[column] if run.summary.get(k) is not None), None)
        checked, key, value = (summary, key, run.summary[key]) if key else (args, column, run.args.get(column))
        if value != formats.UNLIMITED:
            take: Callable[[str, Any], Any] = checked.count if BY_NAME[column].type == "integer" else checked.number
            values[column] = take(key, value)
    return values


def _counts(run: Run, checked: Checked) -> Values:
    """The counts of requests in the summary."""
    return {column: checked.count(key, value) for column, key, value in _summarized(run, _COUNTS)}


def _averages(run: Run, checked: Checked) -> Values:
    """The performance cells of the summary."""
    values: Values = {}
    for column, key, value in _summarized(run, _AVERAGES):
        if not run.applies(column):
            continue
        if value == 0 and value is not False and formats.zero_is_not_applicable(column, run.input_only, run.succeeded):
            continue
        if run.succeeded or column == "time_taken":  # without a success only the duration means something
            values[column] = checked.number(key, value, formats.divisor(key), formats.sentinels(key))
    return values


def _summarized(run: Run, columns: Iterable[str]) -> Iterator[tuple[str, str, Any]]:
    """What the summary says of these columns: each one's key and value, unless it lists the key as not applicable."""
    listed = run.summary.get(formats.NOT_APPLICABLE)
    not_applicable = {key for key in listed if isinstance(key, str)} if isinstance(listed, list) else ()
    for column in columns:
        key = formats.first_key(formats.SUMMARY_KEYS[column], run.summary)
        if key is not None and key not in not_applicable:
            yield column, key, run.summary[key]


def _percentiles(run: Run, checked: Checked) -> tuple[Values, Reported]:
    """The cells of the percentile file, and what it reports in its own unit."""
    values: Values = {}
    reported: dict[tuple[int, str], float | None] = {}
    for percent, row in (run.percentiles or {}).items() if run.succeeded else ():
        find = _kept_percentile_cells if len(row) < _MANY_KEYS else _percentile_cells
        for pair, key, divisor, sentinels, column in find(percent, tuple(row)):
            value = row[key]
            if type(value) is float and 0 < value < ORDINARY:  # as nearly all are, and there are ninety
                reported[pair] = value
                if column:
                    values[column] = value / divisor
                continue
            number = checked.number(key, value, divisor, sentinels, nan_is_empty=True)
            reported[pair] = None if number is None else float(value)
            if number is not None and column and (number or run.holds(column, number)):
                values[column] = number
    return values if not run.input_only else {c: n for c, n in values.items() if run.applies(c)}, reported


def _percentile_cells(
    percent: int, names: tuple[str, ...]
) -> tuple[tuple[tuple[int, str], str, float, tuple[int, ...], str | None], ...]:
    """What a row of `benchmark_percentile.json` with these keys holds: (percentile, metric), the key of the value,
    what it is divided by, what stands for none, and its column, None where it has none."""
    keys = ((metric, formats.percentile_key(metric, names)) for metric in formats.PERCENTILE_KEYS)
    return tuple(
        (
            (percent, metric),
            key,
            formats.divisor(key),
            formats.sentinels(key),
            PERCENTILE_COLUMNS.get((percent, metric)),
        )
        for metric, key in keys
        if key is not None
    )


_kept_percentile_cells = functools.lru_cache(1000)(_percentile_cells)


def _add_throughput(record: Record, run: Run, window: Window) -> None:
    """Total throughput where the release has none, and all three where it divided by the wrong time."""
    values = record.reported.values
    seconds, succeeded = values.get("time_taken"), record.common.values.get("succeeded")
    tokens_in, tokens_out = values.get("input_tokens"), values.get("output_tokens")
    derived: Values = {}
    if seconds and succeeded and not run.input_only:
        derived["request_throughput"] = succeeded / seconds
        if tokens_out is not None:
            derived["output_throughput"] = tokens_out * succeeded / seconds
            if tokens_in is not None:
                derived["total_throughput"] = (tokens_in + tokens_out) * succeeded / seconds
    if formats.throughput_is_wrong(window):
        columns = ("output_throughput", "total_throughput", "request_throughput")
        written = ", ".join(f"{column} {values.pop(column, 'empty')}" for column in columns)
        values.update({column: derived[column] for column in columns if column in derived})
        message = (
            f"evalscope {' to '.join(formats.WRONG_THROUGHPUT)} divided throughput by the wrong time;"
            f" corrected from tokens, requests and duration. It had written {written}"
        )
        record.reported.problems.append(record.problem("warning", "corrected-throughput", formats.SUMMARY, message))
    elif "total_throughput" in derived and not formats.first_key(formats.SUMMARY_KEYS["total_throughput"], run.summary):
        values.setdefault("total_throughput", derived["total_throughput"])


# --- the database ----------------------------------------------------------------------------------------------------


def _read_database(
    record: Record,
    run: Run,
    reported: Reported,
    checked: Checked,
    wanted: AbstractSet[Wanted],
    failure: Failure | None,
) -> Window:
    """GPU memory and counts from the database, and what is wanted of its request rows."""
    missing = [pair for pair in FILLED if pair not in reported] if run.succeeded and run.percentiles is not None else []
    missing = [pair for pair in missing if run.applies(PERCENTILE_COLUMNS[pair])] if run.input_only else missing
    if not missing:
        record.derived["filled"] = Part()  # there is nothing to fill
    if formats.DATABASE not in run.present:
        message = "there is none, so nothing can be recomputed; the performance cells stay empty"
        none = record.problem("warning", "unreadable-database", formats.DATABASE, message)
        record.derived |= {"filled": Part(), "recomputed": Part(problems=[none])}
        return _window(run, None)
    counted: Totals | None = None
    parts: dict[Wanted, Part] = {}
    try:
        if failure:
            raise UnreadableDatabase(f"reading it {failure.message}", failure.passing)
        with connect(run.folder, run.present) as connection:
            counted = totals(connection)
            _add_totals(record, run, counted, checked)
            window = _window(run, counted)
            parts = {name: Part() for name in ("filled", "recomputed") if name in wanted - record.derived.keys()}
            if parts:
                from .from_rows import add_rows  # imports numpy

                add_rows(record, run, parts, (missing, reported), (window, counted, connection))
            record.derived |= parts
            return window
    except UnreadableDatabase as error:
        record.passing |= error.passing
        record.missed(formats.DATABASE, error)
        message = f"{error}; the cells that would come from it stay empty"
        problem = record.problem("warning", "unreadable-database", formats.DATABASE, message)
        for part in parts.values() or (record.common,):
            part.problems.append(problem)
        record.derived |= parts or {name: Part() for name in wanted - record.derived.keys()}
        return _window(run, counted)


def _window(run: Run, counted: Totals | None) -> Window:
    rows_ = tuple((run.percentiles or {}).values())
    if counted is None:
        return formats.window(formats.Evidence(run.args, run.summary, rows_))
    return formats.window(formats.Evidence(run.args, run.summary, rows_, counted.columns, counted.failed_without_end))


def _add_totals(record: Record, run: Run, counted: Totals, checked: Checked) -> None:
    """GPU memory, and whether the database counts the same requests."""
    values = record.common.values
    if counted.gpu_memory and run.succeeded:
        memory = (checked.number(_GPU, number, sentinels=formats.sentinels(_GPU)) for number in counted.gpu_memory)
        values.update(_given(dict(zip(_MEMORY, memory, strict=True))))
    requests, succeeded = values.get("requests"), values.get("succeeded")
    if requests != counted.requests or succeeded not in (None, counted.succeeded):
        message = (
            f"it holds {counted.requests} requests, {counted.succeeded} of them successful;"
            f" {formats.SUMMARY} counts {requests} and {succeeded}"
        )
        record.note("warning", "counts-disagree", formats.DATABASE, message)
