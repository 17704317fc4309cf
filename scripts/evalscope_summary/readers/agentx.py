"""AgentX scenarios of `evalscope perf` (from 1.12.0 on): each level is a run of AIPerf in evalscope's folders, and
evalscope's summary of it has AIPerf's metrics."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from ..record import Record, Values, Wanted
from . import aiperf
from .aiperf import summary
from .base import Difference, Listing, Source
from .cells import Checked, file_name
from .evalscope import formats, labels
from .keys import Key, Keys, digest_of, finish, origins_of, taken, value_at
from .requests import Requests
from .result_files import Document, ResultFiles

SCHEMA = "1.0"
"""The one `schema_version` of 1.12.0 to 1.14.1."""

ROWS = f"{formats.AGENTX_FOLDER}/{aiperf.ROWS}"

LABELS: Keys = {"parallel": (Key("concurrency"),)}

_LIMITS = ("mode", "max_context_length", "trace_limit")
_FOLDERS = re.compile(r"agentx_.+|parallel_[0-9]+")


class AgentX(ResultFiles):
    """See `base.Reader` and `result_files.ResultFiles`. Its runs are of the tool `aiperf`, which measured them."""

    name = "agentx"
    arguments_file = formats.AGENTX
    rows_file = f"`{ROWS}`"
    marks = re.compile(rb'"scenario"\s*:\s*\{\s*"name"\s*:\s*"agentx"')
    names = re.compile(re.escape(formats.AGENTX))
    foreign = (formats.AGENTX_FOLDER,)
    differences = (
        Difference(
            "tool", "`aiperf`: evalscope starts it, and takes over what it measured", "1.12.0 to 1.14.1; source"
        ),
        Difference("parallel", "session trees in flight, which have less than one request each", "1.14.1; real runs"),
        Difference("input_tokens, output_tokens", "as the server counts: `--use-server-token-count`", "1.14.1; source"),
        Difference(
            "failed levels",
            "`status` is not `completed`: `incomplete`, and later levels never ran",
            "1.14.1; real runs",
        ),
    )

    def sources(self, listing: Listing) -> Iterator[Source]:
        """The summary of a level, with AIPerf's rows; AIPerf's own summary is the same run again."""
        if formats.AGENTX not in listing.names:
            return iter(())
        path = f"{listing.path}/{formats.AGENTX}" if listing.path else formats.AGENTX
        return iter((Source(path, (formats.AGENTX,), self.foreign, (ROWS,)),))

    def files(self, path: str) -> Collection[str]:
        """The summary, and AIPerf's rows."""
        return (formats.AGENTX, ROWS)

    def is_run(self, content: Mapping[str, Any]) -> bool:
        """Whether it is of a level that came to its end."""
        return (
            _is_agentx(content)
            and content.get("status") == "completed"
            and isinstance(value_at(content, "metrics.request_count"), dict)
        )

    def stopped(self, content: Mapping[str, Any]) -> bool:
        """Whether it is of a level that failed, or was cancelled."""
        return _is_agentx(content) and content.get("status") in ("failed", "cancelled")

    def record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        """See `result_files.ResultFiles`."""
        content, metrics = document.content, document.content["metrics"]
        checked = Checked(formats.AGENTX)
        record = Record(document.run)
        common, reported = record.common.values, record.reported.values
        common |= {"tool": aiperf.READER.name} | _labels(document, checked) | summary.counts(metrics, checked)
        reported |= summary.metrics(metrics, checked, common)
        record.arguments = _arguments(content)
        versions = {
            "aiperf_version": content.get("aiperf_version"),
            "schema_version": content.get("aiperf_schema_version"),
        }
        aiperf.add_version(record, versions, checked)
        schema = content.get("schema_version")
        if schema != SCHEMA:
            message = f"it has a format that is not known ({SCHEMA} is); it is read as far as its keys are"
            record.note("warning", "unknown-format", checked.file, message)
        if "filled" in wanted:
            record.derived["filled"] = aiperf.filled(record, _rows_path(document), *_rows_of(content))
        finish(record, checked)
        return record

    def rows_of(self, document: Document) -> Iterator[Requests] | None:
        """AIPerf's, without the warm-up."""
        rows = _rows_path(document)
        if rows is None:
            return None
        from .aiperf.rows import read  # imports numpy

        return (part.requests for part in read(rows, *_rows_of(document.content)))

    def place(self, run: str) -> tuple[str | None, str] | None:
        """As the folders say it."""
        if os.path.basename(run) != formats.AGENTX:
            return None
        where = _place(run)
        return where.timestamp, where.config

    def origins(self) -> Mapping[str, str]:
        """AIPerf's metrics, and labels of its own."""
        differing = {
            column: text for column, text in summary.origins().items() if column in summary.METRICS or "p_" in column
        }
        return (
            {column: text.replace("`", "`metrics.", 1) for column, text in differing.items()}
            | origins_of(LABELS)
            | {
                "timestamp": "the folder that evalscope names by the time",
                "config": "folders above that one, else the name, else the model",
                "name": "the folder named by `--name`",
                "model": "`command`, after `--model`",
                "api": "`command`, after `--endpoint-type`",
                "dataset": "`agentx_` and `scenario.variant`",
                "dataset_file": "the last component of `dataset.trace_file`",
                "stream": "whether there is a time to the first token",
                "succeeded": "`metrics.request_count.avg`",
                "failed": "`metrics.error_request_count.avg`, else 0",
                "requests": "the sum of both",
                "time_taken": "`metrics.request_count.avg` / `metrics.request_throughput.avg`",
                "run": "path of the file",
            }
        )


def _is_agentx(content: Mapping[str, Any]) -> bool:
    return value_at(content, "scenario.name") == "agentx" and isinstance(content.get("metrics"), dict)


def _rows_path(document: Document) -> str | None:
    path = f"{document.folder}/{ROWS}"
    return path if os.path.isfile(path) else None


def _rows_of(content: Mapping[str, Any]) -> tuple[bool, Any]:
    """What `rows.read` asks of a summary."""
    return _is_streamed(content), value_at(content, "metrics.request_count.avg")


def _is_streamed(content: Mapping[str, Any]) -> bool:
    return value_at(content, "metrics.time_to_first_token.avg") is not None


def _place(run: str) -> labels.Place:
    """Where a level lies, without the folders of its variant and of itself."""
    folders = run.split("/")[:-1]
    for _ in range(2):
        if folders and _FOLDERS.fullmatch(folders[-1]):
            folders.pop()
    return labels.place("/".join(folders), None)


def _labels(document: Document, checked: Checked) -> Values:
    content = document.content
    where = _place(document.run)
    model = checked.text("model", _option(content, "--model"))
    folder = where.name_folder if where.name_folder != (model or "").rpartition("/")[2] else None
    variant = value_at(content, "scenario.variant")
    trace = checked.text("trace_file", value_at(content, "dataset.trace_file"))
    values = taken(checked, content, LABELS) | {
        "timestamp": where.timestamp,
        "config": where.config or where.name_folder or model,
        "name": folder,
        "model": model,
        "api": checked.text("api", _option(content, "--endpoint-type")),
        "dataset": checked.text("variant", f"agentx_{variant}" if isinstance(variant, str) else "agentx"),
        "dataset_file": file_name(trace) if trace else None,
        "stream": _is_streamed(content),
    }
    return {column: value for column, value in values.items() if value not in (None, "")}


def _option(content: Mapping[str, Any], name: str) -> str | None:
    """What AIPerf was started with; nothing else of the command is taken."""
    command = content.get("command")
    if not isinstance(command, list) or name not in command[:-1]:
        return None
    value = command[command.index(name) + 1]
    return value if isinstance(value, str) else None


def _arguments(content: Mapping[str, Any]) -> dict[str, str]:
    """As of AIPerf: what is replayed, and how much of it, is its `extra`."""
    scenario = content["scenario"]
    found = {
        "arrival": "agentx",
        "duration": content.get("duration"),
        "extra": [value_at(content, "dataset.sha256"), *(scenario.get(key) for key in _LIMITS)],
    }
    return {name: digest_of(found.get(name)) for name in summary.ARGUMENTS}


READER = AgentX()
