"""Reading one run folder into a record: the normalized values of its row, and its problems."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from os import PathLike
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from . import formats, jsonfile, labels
from .columns import BY_NAME, FILLED, PERCENTILE_COLUMNS, is_type
from .database import FOR_PERCENTILES, FOR_RECOMPUTING, Totals, UnreadableDatabase, connect, rows, totals
from .problems import Problem, Severity, storable

if TYPE_CHECKING:
    from .percentiles import Measured  # imports numpy

Values = dict[str, Any]
"""Column name → value in the column's type and unit; empty cells are left out."""

_REQUESTED = ("parallel", "rate")  # in the summary, but labels
_COUNTS = tuple(c for c in formats.SUMMARY_KEYS if BY_NAME[c].type == "integer" and c not in _REQUESTED)
_AVERAGES = tuple(c for c in formats.SUMMARY_KEYS if c not in (*_COUNTS, *_REQUESTED))
_MEANS = {
    # column → metric whose values it is the mean of, when recomputed
    "latency": "latency",
    "ttft": "ttft",
    "token_latency": "tpot",
    "inter_token_latency": "itl",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}
_NUMBERS, _ORDINARY = (float, int), 1e15  # nearly all values are numbers of this size, and need no closer look
_MANY_KEYS = 100  # of a row of percentiles; evalscope's have ten
_SHOWN = 40  # characters of a wrong value that a message quotes
_LONGEST = 2**16  # characters of a label; readers of CSV have limits for a field, and for a row


@dataclass
class Record:
    """What was read from a run folder.

    Attributes:
        run: path below the results tree.
        values: cells of the run's row, as evalscope reported them.
        filled: cells that were computed from the request rows because no file has them (with the narrower
            `evalscope_at_least` and `evalscope_below` that this shows); None if they were not asked for.
        recomputed: cells of `metrics: recomputed`; None if they were not asked for.
        prompt_characters: length of the prompt given as text, None if there was none.
        fingerprint: digest of the bytes of args, summary and percentiles; empty for a skipped run.
        passing: what is wrong may be over at the next start without a change to the files (the disk was away).
        denied: source files that could not be read for lack of permission.
        problems: rows of `summary_problems`; those of `fill_problems` only hold together with `filled`, those of
            `recompute_problems` together with `recomputed`, those of `reported_problems` without it.
    """

    run: str
    values: Values = field(default_factory=dict)
    filled: Values | None = None
    recomputed: Values | None = None
    arguments: dict[str, str] = field(default_factory=dict)
    prompt_characters: int | None = None
    fingerprint: str = ""
    passing: bool = False
    denied: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    fill_problems: list[Problem] = field(default_factory=list)
    recompute_problems: list[Problem] = field(default_factory=list)
    reported_problems: list[Problem] = field(default_factory=list)

    @property
    def skipped(self) -> bool:
        """Whether the run is not in the table."""
        return any(problem.severity == "skipped" for problem in self.problems)

    def problem(self, severity: Severity, code: str, file: str, message: str) -> Problem:
        """A problem of this run."""
        return Problem(severity, code, storable(self.run), file, message)

    def note(self, severity: Severity, code: str, file: str, message: str) -> None:
        """Add a problem of this run that holds whatever is wanted of it."""
        self.problems.append(self.problem(severity, code, file, message))

    def missed(self, file: str, error: Exception) -> None:
        """Note whether what kept a file from being read, the cause of an error, may be over at the next start."""
        self.passing |= jsonfile.is_passing(error.__cause__)
        if jsonfile.is_denied(error.__cause__):
            self.denied.append(file)


def read_run(
    root: str | PathLike[str],
    run: str,
    present: Iterable[str],
    fill: bool,
    recompute: bool,
    unreadable: UnreadableDatabase | None = None,
) -> Record:
    """Read a run folder. Bad input becomes problems of the record, never an exception.

    Args:
        root: the results tree.
        run: path of the folder below it.
        present: which of `formats.SOURCE_FILES` were found there.
        fill: compute percentiles that no file has from the request rows.
        recompute: compute all performance cells from the request rows.
        unreadable: what is wrong with the database, if that is known: it isn't touched then.
    """
    record = Record(run)
    _read_run(record, f"{root}/{run}", set(present), fill, recompute, unreadable)
    if record.skipped:
        record.filled, record.recomputed = {}, {}  # nothing to come back for
    return record


def _read_run(
    record: Record,
    folder: str,
    present: set[str],
    fill: bool,
    recompute: bool,
    unreadable: UnreadableDatabase | None,
) -> None:
    missing = [name for name in formats.REQUIRED_FILES if name not in present]
    if missing:
        message = (
            f"{' and '.join(missing)} missing: the test was stopped, or goes on; run it again, or remove the folder"
        )
        record.note("skipped", "incomplete", missing[0], message)
        return
    digest = hashlib.sha256()
    summary = _read_object(record, folder, formats.SUMMARY, digest)
    args = _read_object(record, folder, formats.ARGS, digest)
    if summary is None or args is None:
        return
    if not _has_request_count(summary):
        keys = " or ".join(f"`{key}`" for key in formats.SUMMARY_KEYS["requests"])
        message = f"it has no count of requests ({keys}): no summary of a release from 0.7.0 on"
        record.note("skipped", "unknown-format", formats.SUMMARY, message)
        return
    try:
        record.arguments = labels.workload_arguments(args)
    except RecursionError:  # parsing allows for a little more depth than writing
        record.note("skipped", "unreadable-json", formats.ARGS, "it is nested too deeply; run the test again")
        return
    _Reading(record, folder, summary, args, present, digest, unreadable).read(fill, recompute)


def _read_object(record: Record, folder: str, name: str, digest: Any) -> dict[str, Any] | None:
    try:
        content, data = jsonfile.read(f"{folder}/{name}")
    except jsonfile.UnreadableJson as error:
        record.missed(name, error)
        record.note("skipped", "unreadable-json", name, f"{error}; copy it again, or run the test again")
        return None
    digest.update(len(data).to_bytes(8) + data)
    if not isinstance(content, dict):
        message = f"it holds a JSON {type(content).__name__} where evalscope writes an object"
        record.note("skipped", "unknown-format", name, message)
        return None
    return content


def _has_request_count(summary: Mapping[str, Any]) -> bool:
    value = next((summary[key] for key in formats.SUMMARY_KEYS["requests"] if key in summary), None)
    return value is not None and is_type(value, "integer") and value >= 0


class _Reading:
    """The steps of reading one complete run, and what they share."""

    def __init__(
        self,
        record: Record,
        folder: str,
        summary: Mapping[str, Any],
        args: Mapping[str, Any],
        present: set[str],
        digest: Any,
        unreadable: UnreadableDatabase | None,
    ) -> None:
        self.record = record
        self.unreadable = unreadable
        self.values = record.values
        self.folder = folder
        self.summary = summary
        self.args = args
        self.present = present
        self.digest = digest
        self.out_of_range: dict[str, list[str]] = {}
        self.input_only = formats.is_input_only(args.get("api") if isinstance(args.get("api"), str) else None)
        self.reported: dict[tuple[int, str], float | None] = {}
        """(percentile, metric) → number in the file's unit; None where the file says NaN."""
        self.percentile_rows: dict[int, dict[str, Any]] = {}
        self.percentiles_readable = True

    def read(self, fill: bool, recompute: bool) -> None:
        """Read everything, in the order in which later steps need earlier ones."""
        self.read_percentiles()
        self.record.fingerprint = self.digest.hexdigest()
        self.add_labels()
        self.add_summary()
        self.add_percentiles()
        self.check_counts()
        succeeded = self.values.get("succeeded") != 0
        if not succeeded:
            message = "no request succeeded, so the performance cells are empty; look into the log for the reason"
            self.record.note("warning", "no-successful-requests", formats.SUMMARY, message)
        window = self.read_database(fill, recompute)
        self.set("evalscope_at_least", window.at_least)
        self.set("evalscope_below", window.below)
        if succeeded:
            self.derive_throughput(window)
        for file, keys in self.out_of_range.items():
            message = f"no usable value for {', '.join(keys)}: nothing is taken from there"
            self.record.note("warning", "value-out-of-range", file, message)

    def read_database(self, fill: bool, recompute: bool) -> formats.Window:
        """GPU memory and counts from the database, and what is wanted of its request rows."""
        record = self.record
        if not (self.values.get("succeeded") != 0 and self.percentiles_readable and self.missing()):
            record.filled = {}  # there is nothing to fill
        if formats.DATABASE not in self.present:
            record.filled, record.recomputed = {}, {}
            message = "there is none, so nothing can be recomputed; the performance cells stay empty"
            record.recompute_problems.append(
                record.problem("warning", "unreadable-database", formats.DATABASE, message)
            )
            return self.find_window(None)
        fill, recompute = fill and record.filled is None, recompute and record.recomputed is None
        concerned = [record.problems]
        window = None
        try:
            if self.unreadable:
                raise self.unreadable
            with connect(self.folder) as connection:
                found = totals(connection)
                self.add_totals(found)
                window = self.find_window(found)
                if fill or recompute:
                    parts = ((fill, record.fill_problems), (recompute, record.recompute_problems))
                    concerned = [problems for wanted, problems in parts if wanted]
                    self.read_rows(window, found, connection, fill, recompute)
        except UnreadableDatabase as error:
            record.passing |= error.passing
            record.missed(formats.DATABASE, error)
            message = f"{error}; the cells that would come from it stay empty"
            for problems in concerned:
                problems.append(record.problem("warning", "unreadable-database", formats.DATABASE, message))
            record.filled = {} if fill else record.filled
            record.recomputed = {} if recompute else record.recomputed
        return window or self.find_window(None)

    # --- single values ---

    def set(self, column: str, value: Any) -> None:
        if value is not None and value != "":
            self.values[column] = value

    def wrong(self, file: str, key: str, value: Any) -> None:
        shown = f"{value!r:.{_SHOWN}}" if isinstance(value, int | float) else f"a {type(value).__name__}"
        self.out_of_range.setdefault(file, []).append(f"`{key}` ({shown})")

    def number(self, file: str, key: str, value: Any) -> float | None:
        """A metric in the column's unit; None for a sentinel, and for what can't be one, which is noted."""
        if type(value) in _NUMBERS and 0 <= value < _ORDINARY:
            ordinary: float = value / formats.divisor(key) + 0.0  # -0.0 becomes 0.0
            return ordinary
        if value is None:
            return None
        if not is_type(value, "float"):
            self.wrong(file, key, value)
            return None
        if formats.is_sentinel(value, key):
            return None
        if not math.isfinite(value) or value < 0:
            self.wrong(file, key, value)
            return None
        return float(value) / formats.divisor(key)

    def count(self, file: str, key: str, value: Any, unlimited: Iterable[int] = ()) -> int | None:
        """A count or limit; None where it is one of `unlimited`, and for what can't be one, which is noted."""
        if value is None or value in unlimited:
            return None
        if not is_type(value, "integer") or value < 0:
            self.wrong(file, key, value)
            return None
        return int(value)

    def text(self, key: str) -> str | None:
        """A text argument, storable, and with an ellipsis where it is cut."""
        value = self.args.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong(formats.ARGS, key, value)
            return None
        kept = storable(value[: _LONGEST + 1])
        return kept if len(kept) <= _LONGEST else kept[: _LONGEST - 1] + "…"

    # --- steps ---

    def add_labels(self) -> None:
        args = self.args
        name = self.text("alias") or self.text("name")
        model = self.text("model")
        run = storable(self.record.run)
        where = labels.place(run, self.text("name"))
        dataset_path = self.text("dataset_path")
        dataset_file = labels.file_name(dataset_path) if dataset_path else None
        self.set("timestamp", where.timestamp)
        self.set("config", where.config or name or where.name_folder or model)
        self.set("model", model)
        self.set("name", name)
        self.set("api", self.text("api"))
        self.set("dataset", self.text("dataset"))
        self.set("dataset_file", dataset_file)
        self.set("run", run)
        self.record.prompt_characters = labels.prompt_characters(args.get("prompt"))
        self.set("number", self.count(formats.ARGS, "number", args.get("number")))
        limits = args.get("max_tokens")
        low, high = limits if isinstance(limits, list) and len(limits) == 2 else (None, limits)
        self.set("max_tokens", self.count(formats.ARGS, "max_tokens", high))
        self.set("max_tokens_low", self.count(formats.ARGS, "max_tokens", low))
        given = labels.with_dataset_args(args)
        for field_ in formats.LIMITS:
            limit = self.count(formats.ARGS, field_, given.get(field_), unlimited=(0,))
            unlimited = field_ == "max_prompt_length" and (limit or 0) >= formats.PROMPT_LENGTH_UNLIMITED
            self.set(field_, None if unlimited else limit)
        for column in _REQUESTED:
            self.set(column, self.requested(column))
        if not self.input_only:
            self.values["stream"] = args.get("stream") is True

    def requested(self, column: str) -> Any:
        """Concurrency or request rate: the summary's, else the args'; -1 means there is no such limit."""
        key = next((k for k in formats.SUMMARY_KEYS[column] if self.summary.get(k) is not None), None)
        file, key, value = (
            (formats.SUMMARY, key, self.summary[key]) if key else (formats.ARGS, column, self.args.get(column))
        )
        if value == formats.UNLIMITED:
            return None
        return self.count(file, key, value) if BY_NAME[column].type == "integer" else self.number(file, key, value)

    def add_summary(self) -> None:
        """The averages and counts of `benchmark_summary.json`."""
        listed = self.summary.get(formats.NOT_APPLICABLE)
        not_applicable = {v for v in listed if isinstance(v, str)} if isinstance(listed, list) else set()
        for column in (*_COUNTS, *_AVERAGES):  # the averages depend on whether a request succeeded
            if self.input_only and column in formats.GENERATION_COLUMNS:
                continue
            key = formats.first_key(formats.SUMMARY_KEYS[column], self.summary)
            if key is None or key in not_applicable:
                continue
            value = self.summary[key]
            if column in _COUNTS:
                self.set(column, self.count(formats.SUMMARY, key, value))
                continue
            zero = value == 0 and value is not False  # that one is no number
            if zero and (
                column in formats.ZERO_IS_NOT_APPLICABLE or (column == "input_throughput" and not self.input_only)
            ):
                continue
            if self.values.get("succeeded") == 0:
                # no request succeeded: only the duration means something, and 0.0 stands for none (1.1.1 to 1.11.0)
                if column == "time_taken" and not zero:
                    self.set(column, self.number(formats.SUMMARY, key, value))
                continue
            self.set(column, self.number(formats.SUMMARY, key, value))

    def read_percentiles(self) -> None:
        """Read `benchmark_percentile.json`, if it is there, into `percentile_rows`."""
        name = formats.PERCENTILE
        if name not in self.present:
            return
        try:
            content, data = jsonfile.read(f"{self.folder}/{name}")
        except jsonfile.UnreadableJson as error:
            self.percentiles_readable = False
            self.record.missed(name, error)
            self.record.note("warning", "unreadable-json", name, f"{error}; its percentiles are not in the table")
            return
        self.digest.update(len(data).to_bytes(8) + data)
        rows_ = [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []
        labelled = [(percent, row) for row in rows_ if (percent := _label(row)) is not None]
        if not isinstance(content, list) or len(labelled) < len(content):
            self.percentiles_readable = False
            message = "it is no list of rows, as evalscope writes it; its percentiles are not in the table"
            self.record.note("warning", "unknown-format", name, message)
            return
        self.percentile_rows = dict(labelled)

    def add_percentiles(self) -> None:
        """The cells of the percentile file, and what it reports in its own unit."""
        if self.values.get("succeeded") == 0:
            return
        reported, values = self.reported, self.values
        for percent, row in self.percentile_rows.items():
            find = _kept_percentile_cells if len(row) < _MANY_KEYS else _percentile_cells
            for pair, key, divisor, column in find(percent, tuple(row), self.input_only):
                value = row[key]
                if type(value) in _NUMBERS and 0 < value < _ORDINARY:
                    reported[pair] = value
                    if column:
                        values[column] = value / divisor
                    continue
                is_nan = isinstance(value, float) and math.isnan(value)
                number = None if is_nan else self.number(formats.PERCENTILE, key, value)
                reported[pair] = None if number is None else float(value)
                if number is not None:
                    self.set_percentile(values, pair, number)

    def set_percentile(self, values: Values, pair: tuple[int, str], number: float) -> None:
        """Set a percentile cell, unless it means "not applicable" or there is no such column."""
        column = PERCENTILE_COLUMNS.get(pair)
        if column is None or (self.input_only and pair[1] in formats.GENERATION_PERCENTILES):
            return
        if number != 0 or pair[1] not in formats.ZERO_PERCENTILE_IS_NOT_APPLICABLE:
            values[column] = number

    def check_counts(self) -> None:
        requests, succeeded, failed = (self.values.get(c) for c in ("requests", "succeeded", "failed"))
        if succeeded is not None and failed is not None and succeeded + failed != requests:
            message = f"{succeeded} succeeded + {failed} failed requests are not the {requests} requests it counts"
            self.record.note("warning", "counts-disagree", formats.SUMMARY, message)

    def add_totals(self, found: Totals) -> None:
        """GPU memory from the database, and whether it counts the same requests."""
        if found.gpu_memory and self.values.get("succeeded") != 0:
            for column, memory in zip(
                ("avg_gpu_memory", "max_gpu_memory", "min_gpu_memory"), found.gpu_memory, strict=True
            ):
                self.set(column, self.number(formats.DATABASE, "max_gpu_memory_cost", memory))
        requests, succeeded = self.values.get("requests"), self.values.get("succeeded")
        if requests != found.requests or succeeded not in (None, found.succeeded):
            message = (
                f"it holds {found.requests} requests, {found.succeeded} of them successful;"
                f" {formats.SUMMARY} counts {requests} and {succeeded}"
            )
            self.record.note("warning", "counts-disagree", formats.DATABASE, message)

    def find_window(self, found: Totals | None) -> formats.Window:
        return formats.window(
            self.args,
            self.summary,
            self.percentile_rows.values(),
            found.columns if found else (),
            found.failed_without_end if found else False,
        )

    def missing(self) -> list[tuple[int, str]]:
        """The percentiles that the file does not report and the request rows can give."""
        return [
            pair
            for pair in FILLED
            if pair not in self.reported and not (self.input_only and pair[1] in formats.GENERATION_PERCENTILES)
        ]

    def read_rows(
        self, window: formats.Window, found: Totals, connection: Connection, fill: bool, recompute: bool
    ) -> None:
        """Read the request rows, and compute the parts of the record that are wanted from them."""
        from . import percentiles  # imports numpy, which most runs of some releases don't need

        wanted = (FOR_PERCENTILES if fill else frozenset()) | (FOR_RECOMPUTING if recompute else frozenset())
        with closing(percentiles.Measured(found.columns, window, self.args.get("stream") is True)) as measured:
            for part in rows(connection, found.columns, wanted):
                measured.add(part)
            if fill:
                self.fill(window, measured)
                self.note_unusable(self.record.fill_problems, measured, FOR_PERCENTILES)
            if recompute:
                self.recompute(measured)
                self.note_unusable(self.record.recompute_problems, measured, FOR_RECOMPUTING)

    def note_unusable(self, problems: list[Problem], measured: Measured, columns: frozenset[str]) -> None:
        """Name what was left out of a part of the record; the other part's columns may have been read with it."""
        unusable = {column: n for column, n in measured.unusable.items() if column in columns or column == "intervals"}
        if unusable:
            counts = ", ".join(f"{number} of {column}" for column, number in sorted(unusable.items()))
            message = f"request rows hold values that are none (negative, infinite, texts), left out: {counts}"
            problems.append(self.record.problem("warning", "value-out-of-range", formats.DATABASE, message))

    def fill(self, window: formats.Window, measured: Measured) -> None:
        """Compute the missing percentiles, and learn from the rank rule which release it was."""
        from . import percentiles

        values = measured.by_release()
        reported = {pair: number for pair, number in self.reported.items() if number is not None}
        rule = percentiles.rank_rule(values, reported, window)
        filled: Values = {}
        for percent, metric in self.missing():
            number = percentiles.as_reported(values[metric], percent, rule.nearest, window, metric)
            if number is not None:
                self.set_percentile(filled, (percent, metric), number / percentiles.in_file(metric, window))
        narrower = formats.Window(window.at_least, window.below)
        if rule.decided and window.at_least == "1.10.0":
            if rule.nearest:
                narrower.written_since(formats.NEAREST_RANK_SINCE)
            else:
                narrower.written_before(formats.NEAREST_RANK_SINCE)
        filled["evalscope_at_least"] = narrower.at_least
        if narrower.below:
            filled["evalscope_below"] = narrower.below
        self.record.filled = filled
        if rule.disagreeing:
            message = (
                f"{', '.join(rule.disagreeing)}: the request rows in {formats.DATABASE} give other percentiles than"
                " the file by either rank rule, so the two are not of the same run, or one was edited"
            )
            self.record.fill_problems.append(
                self.record.problem("warning", "percentiles-disagree", formats.PERCENTILE, message)
            )

    def recompute(self, measured: Measured) -> None:
        """Compute all performance cells by one definition for all releases; formulas are in the column table."""
        from . import percentiles

        values = measured.recomputed()
        seconds = measured.end - measured.start
        found: dict[str, float | None] = {"time_taken": seconds if 0 < seconds < math.inf else None}
        if self.values.get("succeeded") != 0 and measured.succeeded:
            tokens_in, tokens_out = values["input_tokens"], values["output_tokens"]
            sums = {
                "request_throughput": measured.succeeded,
                "output_throughput": tokens_out.total if tokens_out.count else None,
                "total_throughput": tokens_in.total + tokens_out.total if tokens_in.count + tokens_out.count else None,
                "input_throughput": tokens_in.total if tokens_in.count else None,
            }
            if found["time_taken"]:
                found |= {column: amount / seconds for column, amount in sums.items() if amount is not None}
            found |= {column: values[metric].mean for column, metric in _MEANS.items()}
            for (percent, metric), column in PERCENTILE_COLUMNS.items():
                found[column] = percentiles.percentile(values[metric], percent, nearest=True)
        self.record.recomputed = {
            column: number
            for column, number in found.items()
            if number is not None
            and math.isfinite(number)
            and not (
                self.input_only
                and (column in formats.GENERATION_COLUMNS or BY_NAME[column].metric in formats.GENERATION_PERCENTILES)
            )
        }

    def derive_throughput(self, window: formats.Window) -> None:
        """Total throughput where the release has none, and all three where it divided by the wrong time."""
        values = self.values
        seconds, succeeded = values.get("time_taken"), values.get("succeeded")
        tokens_in, tokens_out = values.get("input_tokens"), values.get("output_tokens")
        derived: dict[str, float] = {}
        if seconds and succeeded and not self.input_only:
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
                "evalscope 1.1.1 to 1.3.0 divided throughput by the wrong time;"
                f" corrected from tokens, requests and duration. It had written {written}"
            )
            self.record.reported_problems.append(
                self.record.problem("warning", "corrected-throughput", formats.SUMMARY, message)
            )
        elif not any(key in self.summary for key in formats.SUMMARY_KEYS["total_throughput"]):
            self.set("total_throughput", derived.get("total_throughput"))


def _percentile_cells(
    percent: int, names: tuple[str, ...], input_only: bool
) -> tuple[tuple[tuple[int, str], str, float, str | None], ...]:
    """What a row of `benchmark_percentile.json` with these keys holds: (percentile, metric), the key of the value,
    what it is divided by, and its column; None where it has none, or does not apply."""
    cells = []
    for metric in formats.PERCENTILE_KEYS:
        key = formats.percentile_key(metric, names)
        if key is not None:
            applies = not (input_only and metric in formats.GENERATION_PERCENTILES)
            column = PERCENTILE_COLUMNS.get((percent, metric)) if applies else None
            cells.append(((percent, metric), key, formats.divisor(key), column))
    return tuple(cells)


_kept_percentile_cells = functools.lru_cache(1000)(_percentile_cells)


def _label(row: Mapping[str, Any]) -> int | None:
    """The percentile that a row of `benchmark_percentile.json` is of, None if it says none."""
    key = formats.first_key(formats.PERCENTILE_LABELS, row)
    return formats.percentile_label(row[key]) if key else None
