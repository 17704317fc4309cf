"""Results of NVIDIA AIPerf: a run is a JSON summary, with a file of its requests beside it."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

from ...bounded import Failure
from ...columns import BY_NAME
from ...record import Part, Record, Wanted
from ..base import Difference, Listing, Source
from ..cells import Checked
from ..keys import finish, value_at
from ..releases import release
from ..requests import Requests
from ..result_files import Document, NoRequests, ResultFiles, beginning
from . import genai_perf, summary

NEWEST_SCHEMA = "1.4"
"""The newest `schema_version` that is known (0.12.0, 0.13.0); none in 0.2.0, then 1.0."""

ENDING, ROWS_ENDING = "_aiperf.json", ".jsonl"
"""How the name of a summary ends by default, and how that of its rows does."""

ROWS = "profile_export.jsonl"
"""The rows, by default."""

_DERIVED = ("_aggregate.json", "_sweep.json", "_timeslices.json", "_raw.jsonl")  # of several runs; of parts of one
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
_OWN_ROWS = re.compile(rb'\A\s*\{"metadata"\s*:\s*\{(?=.*"request_start_ns"\s*:)(?=.*"benchmark_phase"\s*:)', re.DOTALL)


class Aiperf(ResultFiles):
    """See `base.Reader` and `result_files.ResultFiles`."""

    name = "aiperf"
    endings = (".json", ROWS_ENDING)
    rows_file = "`profile_export.jsonl`"
    marks = re.compile(
        rb'"request_(?:count"\s*:\s*\{\s*"unit"\s*:\s*"requests|throughput"\s*:\s*\{\s*"unit"\s*:\s*"requests/sec)"'
    )
    names = re.compile(r"profile_export_(?:aiperf|genai_perf)\.json")
    workload_arguments = MappingProxyType(summary.ARGUMENTS)
    differences = (
        Difference(
            "token_latency", "what it calls `inter_token_latency`: TPOT as evalscope from 1.13.0 on", "all; recomputed"
        ),
        Difference(
            "inter_token_latency",
            "what it calls `inter_chunk_latency`: all intervals between chunks pooled, as evalscope; 0 where several"
            " chunks came at once",
            "all; recomputed",
        ),
        Difference(
            "input_tokens, output_tokens",
            "by the client's tokenizer, and with them TPOT and every tok/s; as the server counts only with"
            " `--use-server-token-count` (AgentX has it)",
            "all; real runs",
        ),
        Difference(
            "throughput",
            "of requests that succeeded / `benchmark_duration` (first request to last response) up to 0.11.0, since"
            " 0.12.0 / (end of the test - its start), which is longer",
            "0.2.0 to 0.13.0; recomputed",
        ),
        Difference("time_taken", "the time that throughput was divided by", "0.2.0 to 0.13.0"),
        Difference("latency", "up to the last chunk with content", "source"),
        Difference(
            "percentiles",
            "linear interpolation (numpy); those of the intervals by Hazen's rule in 0.9.0, where what is filled in is"
            " linear, too",
            "0.2.0, 0.9.0, 0.13.0; recomputed",
        ),
        Difference(
            "genai-perf",
            "its predecessor, a tool of its own in the tables; its `inter_token_latency` is TPOT too. It has no time,"
            " no release, no failures, and request rows without counts of tokens, which are not read",
            "source and exporter of 0.0.16; source of 0.0.8",
        ),
        Difference("aborted runs", "cancelled ones have a summary of what came until then: `incomplete`", "source"),
    )

    def may_be_own(self, name: str) -> bool:
        """All but means of several runs, slices of one, and raw requests."""
        return not name.endswith(_DERIVED)

    def sources(self, listing: Listing) -> Iterator[Source]:
        """Summaries with their rows, and rows without a summary: of a test that was stopped, or in which all failed."""
        folder = f"{listing.path}/" if listing.path else ""
        for name in filter(self.may_be_own, listing.names):
            if not name.endswith(ROWS_ENDING):
                yield Source(f"{folder}{name}", [file for file in self.files(name) if file in listing.names])
            elif listing.names.isdisjoint((f"{name[:-6]}.json", f"{name[:-6]}{ENDING}")):
                yield Source(f"{folder}{name}", (name,))

    def files(self, path: str) -> Collection[str]:
        """A summary, and where its rows may be; or rows."""
        name = os.path.basename(path)
        return (name,) if name.endswith(ROWS_ENDING) else (name, *row_files(name))

    def is_run(self, content: Mapping[str, Any]) -> bool:
        """Whether it has the keys that stand in all releases."""
        return genai_perf.is_run(content) or (
            "was_cancelled" in content
            and isinstance(content.get("input_config"), dict)
            and all(isinstance(content.get(key), dict) for key in ("request_count", "request_throughput"))
        )

    def found(self, run: str, path: str, content: dict[str, Any], data: bytes) -> Iterator[Document | Record]:
        """One that was cancelled, or broke off, has a summary of the requests until then."""
        if self.is_run(content) and (content.get("was_cancelled") is True or content.get("is_complete") is False):
            reason = "the test was stopped before its end, and the file is of a part of its requests"
            yield self.unreadable(path, reason, run, "incomplete")
        else:
            yield from super().found(run, path, content, data)

    def read(
        self,
        root: str,
        path: str,
        present: Collection[str],
        wanted: AbstractSet[Wanted],
        failure: Failure | None = None,
    ) -> list[Record]:
        """See `base.Reader`; rows alone are no run."""
        if not path.endswith(ROWS_ENDING):
            return super().read(root, path, present, wanted, failure)
        try:
            data = beginning(f"{root}/{path}")
        except OSError:  # it may be anybody's
            return []
        if not _OWN_ROWS.match(data) and (data or os.path.basename(path) != ROWS):
            return []
        return [
            self.unreadable(
                path, "there is no summary: the test was stopped, or no request succeeded", "", "incomplete"
            )
        ]

    def requests(self, root: str, path: str, present: Collection[str]) -> Iterator[tuple[str, Iterator[Requests]]]:
        """See `base.Reader`."""
        return iter(()) if path.endswith(ROWS_ENDING) else super().requests(root, path, present)

    def record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        """See `result_files.ResultFiles`."""
        content = document.content
        checked = Checked(document.path.rpartition("/")[2])
        record = Record(document.run)
        common, reported = record.common.values, record.reported.values
        name = self.chosen_name(document.path)
        common |= ({"name": name} if name else {}) | summary.labels(content, checked, document.path, name)
        common |= summary.counts(content, checked)
        reported |= summary.metrics(content, checked, common)
        if genai_perf.is_run(content):
            common["tool"] = genai_perf.NAME
        record.arguments = summary.arguments(content)
        add_version(record, content, checked)
        if "filled" in wanted:
            record.derived["filled"] = filled(record, self.rows_path(document), *_rows_of(content))
        finish(record, checked, lambda column: self.applies(content, column))
        return record

    def rows_path(self, document: Document) -> str | None:
        """Where the requests of a run are; None if they were not kept."""
        names = (f"{document.folder}/{name}" for name in row_files(os.path.basename(document.path)))
        return next(filter(os.path.isfile, names), None)

    def rows_of(self, document: Document) -> Iterator[Requests] | None:
        """The requests in the file beside the summary."""
        rows = self.rows_path(document)
        if rows is None:
            return None
        from .rows import read  # imports numpy

        return (part.requests for part in read(rows, *_rows_of(document.content)))

    def applies(self, content: Mapping[str, Any], column: str) -> bool:
        """Embeddings and rankings generate nothing."""
        return not (BY_NAME[column].generation and summary.is_input_only(content))

    def origins(self) -> Mapping[str, str]:
        """The keys, and in words what is made of several."""
        return summary.origins()


def row_files(name: str) -> tuple[str, ...]:
    """The names that the rows of a summary may have: with `--profile-export-prefix` both have the same."""
    stem = name.removesuffix(".json")
    same = f"{stem}{ROWS_ENDING}"
    return (f"{name.removesuffix(ENDING)}{ROWS_ENDING}", same) if name.endswith(ENDING) else (same,)


def add_version(record: Record, content: Mapping[str, Any], checked: Checked) -> None:
    """Note the release, and a warning where its format is newer than those that are known.

    Args:
        record: of the run.
        content: with `aiperf_version` and `schema_version`.
        checked: notes what is unusable.
    """
    version = checked.text("aiperf_version", content.get("aiperf_version"))
    if version:
        record.common.values["tool_version"] = version
    schema = content.get("schema_version")
    if schema is None or (_is_version(schema) and release(schema) <= release(NEWEST_SCHEMA)):
        return
    named = f"format {schema}" if _is_version(schema) else "a format"
    message = f"it has {named} that is not known (1.0 to {NEWEST_SCHEMA} are); it is read as far as its keys are"
    record.note("warning", "unknown-format", checked.file, message)


def filled(record: Record, rows: str | None, streamed: bool, expected: Any) -> Part:
    """The percentiles that the file lacks, from the rows.

    Args:
        record: of the run, with what was reported.
        rows: the path of the rows, None if they were not kept.
        streamed: as for `rows.read`.
        expected: as for `rows.read`.
    """
    part = Part()
    if rows is None or not record.common.values.get("succeeded"):
        return part
    from .rows import filled as made
    from .rows import read  # imports numpy

    try:
        part.values = made(read(rows, streamed, expected), record.reported.values)
    except NoRequests as error:
        record.passing |= error.passing
        message = f"{error}; the percentiles that would come from there stay empty"
        part.problems.append(record.problem("warning", "counts-disagree", os.path.basename(rows), message))
    return part


def _rows_of(content: Mapping[str, Any]) -> tuple[bool, Any]:
    """What `rows.read` asks of a summary."""
    return value_at(content, "input_config.endpoint.streaming") is True, value_at(content, "request_count.avg")


def _is_version(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 20 and _VERSION.fullmatch(value) is not None


READER = Aiperf()
