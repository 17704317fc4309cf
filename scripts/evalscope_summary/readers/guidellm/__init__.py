"""Results of GuideLLM: a run is a benchmark, of which a file has one for each load of a sweep."""

import hashlib
import math
import os
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

from ...record import Part, Record, Wanted
from ..base import Difference
from ..cells import Checked
from ..keys import finish, origins_of, taken, value_at
from ..releases import release
from ..requests import Requests
from ..result_files import Document, ResultFiles
from . import formats
from .labels import arguments_of, labels_of
from .rows import filled, is_warmed_up, requests_of, rows_of


class Guidellm(ResultFiles):
    """See `base.Reader` and `result_files.ResultFiles`."""

    name = "guidellm"
    endings = (".json",)
    indexed = True
    rows_file = "`requests`, if it has all: `sample_requests` or `sample_size` keeps some"
    marks = re.compile(rb'"guidellm_version"\s*:|"type_"\s*:\s*"generative_benchmark"')
    workload_arguments = MappingProxyType(
        {**dict.fromkeys(formats.ARGUMENTS, "none"), formats.DATA: "none: what is said of the data set"}
    )
    differences = (
        Difference("timestamp", "start of the time that is measured, in UTC, as the file has no time zone", "all"),
        Difference(
            "requests",
            "those of the measured time, without warm-up and cool-down: succeeded + failed; those that the end of"
            " the test cut off are neither",
            "0.3.1 to 0.8.1; real runs",
        ),
        Difference(
            "parallel", "the streams; empty where requests come at a rate: `max_concurrency` is only a bound", "all"
        ),
        Difference(
            "throughput",
            "of requests that succeeded / measured time. From 0.4.0 to before 0.7.4 tokens are divided by the time from"
            " the first to the last of them (3 to 15 % too high, input up to 60 %), and up to 0.3.1 rates are off by 1"
            " to 6 %: corrected from tokens and duration, with a `corrected-throughput` warning; with a warm-up or"
            " cool-down that can't be done, and the cells are empty",
            "0.3.1 to 0.8.1; source and real runs",
        ),
        Difference(
            "token_latency",
            "what it calls inter-token latency: (last - first token) / (tokens - 1) of each request, its mean and"
            " percentiles weighted by tokens - 1. Its `time_per_output_token_ms` has TTFT inside from 0.4.0 on and is"
            " not taken",
            "0.3.1 to 0.8.1; recomputed",
        ),
        Difference("inter_token_latency", "no single intervals are kept: empty", "all"),
        Difference(
            "percentiles",
            "the smallest value that a share of p % does not exceed; 1 5 10 25 50 75 90 95 99",
            "recomputed",
        ),
        Difference("latency", "up to the end of the request", "source"),
        Difference("input_tokens, output_tokens", "as the server counts, unless told otherwise", "source"),
        Difference(
            "recomputed",
            "only where all requests of the measured time and no others are in the file; TPOT is then (latency - TTFT)"
            " / (tokens - 1), a little longer, and not weighted",
            "0.3.1 to 0.8.1; real runs",
        ),
    )

    def chosen_name(self, path: str) -> str | None:
        """See `result_files.ResultFiles`; without being told it writes `benchmarks.json`."""
        return None if os.path.basename(path) == "benchmarks.json" else super().chosen_name(path)

    def is_run(self, content: Mapping[str, Any]) -> bool:
        """Whether it is a benchmark."""
        return content.get("type_") == "generative_benchmark" and isinstance(content.get("metrics"), dict)

    def stopped(self, content: Mapping[str, Any]) -> bool:
        """Whether it is a benchmark without metrics."""
        return content.get("type_") == "generative_benchmark"

    def lines(self, path: str, data: bytes, error: ValueError) -> Iterator[Document | Record]:
        """It is one object over many lines: nothing can be read of one that is damaged."""
        yield self.unreadable(path, str(error))

    def found(self, run: str, path: str, content: dict[str, Any], data: bytes) -> Iterator[Document | Record]:
        """The benchmarks of a file."""
        benchmarks = content.get("benchmarks")
        is_own = isinstance(value_at(content, "metadata.guidellm_version"), str)
        if not isinstance(benchmarks, list):
            return
        if not benchmarks and is_own:
            yield self.unreadable(path, "the test came to no benchmark", code="incomplete")
            return
        about = {key: value for key, value in content.items() if key != "benchmarks"}
        digest = hashlib.sha256(data).hexdigest()
        for index, benchmark in enumerate(benchmarks):
            if not isinstance(benchmark, dict):
                continue
            name = f"{path}#{index}"
            documents = [*super().found(name, path, benchmark | {formats.REPORT: about}, f"{digest}#{index}".encode())]
            if not documents and is_own:
                documents.append(self.unreadable(path, "it is no benchmark of a known kind", name, "unknown-format"))
            yield from documents

    def record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        """See `result_files.ResultFiles`."""
        content = document.content
        checked = Checked(os.path.basename(document.path))
        record = Record(document.run)
        common, reported = record.common.values, record.reported.values
        common |= (
            {"name": self.chosen_name(document.path)}
            | labels_of(document, checked)
            | taken(checked, content, formats.COUNTS)
        )
        if "succeeded" in common and "failed" in common:
            common["requests"] = common["succeeded"] + common["failed"]
        reported |= taken(checked, content, formats.METRICS) | taken(checked, content, formats.PERCENTILE_KEYS)
        if "stream" not in common and "ttft" in reported:
            common["stream"] = True
        _correct(record, content, checked)
        record.arguments = arguments_of(content)
        if "filled" in wanted:
            record.derived["filled"] = Part(filled(content, reported))
        version = value_at(content, "report.metadata.version")
        if version is not None and version not in formats.FORMATS and document.run.endswith("#0"):
            message = (
                f"its format is none of {' and '.join(map(str, formats.FORMATS))}: read as far as its keys are known"
            )
            record.note("warning", "unknown-format", checked.file, message)
        finish(record, checked)
        return record

    def rows(self, content: Mapping[str, Any]) -> Iterator[Requests] | None:
        """The requests that succeeded or failed, if all are there; they have no intervals."""
        succeeded, failed = rows_of(content)
        return iter((requests_of(succeeded, failed),)) if succeeded or failed else None

    def origins(self) -> Mapping[str, str]:
        """The keys, and in words what is made of several. `report.` stands before what is said of the whole file."""
        return (
            origins_of(formats.LABELS, formats.COUNTS, formats.METRICS, formats.PERCENTILE_KEYS)
            | {
                column: f"{formats.METRICS[column][0].described()}, corrected before {formats.RIGHT}"
                for column in formats.TOKEN_RATES
            }
            | {
                "timestamp": "`start_time`",
                "config": "folders of the file, but those that are only a time",
                "name": "`report.config.metadata.labels` without secrets, else the file's name, not `benchmarks.json`",
                "parallel": f"{origins_of(formats.LABELS)['parallel']}; 1 of the strategy `synchronous`",
                "number": "`config.constraints.max_requests` or `args.max_number`",
                "requests": "succeeded + failed",
                "dataset": f"`kind` of the first in `report.config.spec.data`; `{formats.SYNTHETIC}` before 0.7.0, too",
                "dataset_file": "last component of the path of the first in `data`",
                "min_prompt_length": "`prompt_tokens_min` of the data set, else `prompt_tokens` unless they vary",
                "max_prompt_length": "`prompt_tokens_max` of the data set, else `prompt_tokens` unless they vary",
                "max_tokens": "`output_tokens_max` of the data set, else `output_tokens` unless they vary",
                "max_tokens_low": "`output_tokens_min` of the data set",
                "stream": f"{origins_of(formats.LABELS)['stream']}, else whether there is a time to the first token",
                "run": "path of the file, `#`, number of the benchmark in it",
            }
        )


def _correct(record: Record, content: Mapping[str, Any], checked: Checked) -> None:
    """Rates over the measured time, where a release divided by another."""
    written = re.match(
        r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}", str(value_at(content, "report.metadata.guidellm_version") or "")
    )
    if release(written[0]) >= release(formats.RIGHT) if written else value_at(content, "report.metadata") is not None:
        return
    values, succeeded = record.reported.values, record.common.values.get("succeeded")
    seconds = values.get("time_taken")
    if not succeeded or not seconds:
        return
    if "config" in content:
        counts = {
            column: checked.number(f"{rate}.count", value_at(content, f"metrics.{rate}.successful.count"))
            for column, rate in formats.TOKEN_RATES.items()
        }
        if is_warmed_up(content):
            counts = dict.fromkeys(formats.TOKEN_RATES)
    else:
        tokens_in, tokens_out = (
            values.get(column, math.nan) * succeeded for column in ("input_tokens", "output_tokens")
        )
        sums = {"output_throughput": tokens_out, "total_throughput": tokens_in + tokens_out}
        counts = {column: round(total) if math.isfinite(total) else None for column, total in sums.items()}
        counts["request_throughput"] = succeeded
    rates = {column: math.nan if count is None else count / seconds for column, count in counts.items()}
    right = {column: rate if math.isfinite(rate) else None for column, rate in rates.items()}
    wrong = [
        column
        for column, rate in right.items()
        if column in values and not math.isclose(values[column], rate or 0, rel_tol=1e-3)
    ]
    if not wrong:
        return
    told = ", ".join(f"{column} {values.pop(column)}" for column in wrong)
    values.update({column: rate for column in wrong if (rate := right[column]) is not None})
    how = "corrected from tokens, requests and duration"
    if any(right[column] is None for column in wrong):
        how = "with a warm-up or a cool-down, or without their number, that can't be corrected, and cells are empty"
    message = (
        f"GuideLLM before {formats.RIGHT} divided rates by another time than it measured; {how}. It had written {told}"
    )
    record.reported.problems.append(record.problem("warning", "corrected-throughput", checked.file, message))


READER = Guidellm()
