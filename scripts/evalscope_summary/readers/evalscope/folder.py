"""The JSON files of a run folder: whether they make a run, and what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ... import jsonfile
from ...columns import BY_NAME
from ...record import Record
from ..cells import Checked, is_type
from . import formats, labels


@dataclass(frozen=True)
class Run:
    """What the JSON files of a complete run hold.

    Attributes:
        path: of the folder below the results tree.
        folder: the folder.
        present: the names of the source files that it has.
        summary: content of `benchmark_summary.json`.
        args: content of `benchmark_args.json`.
        percentiles: percentile → row of `benchmark_percentile.json`; empty without the file, None if it is unreadable.
        input_only: its API generates nothing.
        succeeded: not all requests failed.
    """

    path: str
    folder: str
    present: Collection[str]
    summary: Mapping[str, Any]
    args: Mapping[str, Any]
    percentiles: Mapping[int, Mapping[str, Any]] | None
    input_only: bool
    succeeded: bool

    def applies(self, column: str) -> bool:
        """Whether a run of its API can have values in a column."""
        return not (self.input_only and BY_NAME[column].generation)

    def holds(self, column: str, number: float) -> bool:
        """Whether a percentile means something: 0 stands for none where there was nothing to rank."""
        zero_is_none = BY_NAME[column].metric in formats.ZERO_PERCENTILE_IS_NOT_APPLICABLE
        return self.applies(column) and not (number == 0 and zero_is_none)


def open_run(record: Record, folder: str, present: Collection[str]) -> Run | None:
    """Read the JSON files; None, with a problem in the record, if they make no run."""
    missing = [name for name in formats.REQUIRED_FILES if name not in present]
    if missing:
        message = (
            f"{' and '.join(missing)} missing: the test was stopped, or goes on; run it again, or remove the folder"
        )
        record.note("skipped", "incomplete", missing[0], message)
        return None
    digest = hashlib.sha256()
    summary = _read_object(record, folder, formats.SUMMARY, digest)
    args = _read_object(record, folder, formats.ARGS, digest)
    if summary is None or args is None:
        return None
    if not _has_request_count(summary):
        keys = " or ".join(f"`{key}`" for key in formats.SUMMARY_KEYS["requests"])
        message = f"it has no count of requests ({keys}): no summary of a release from {formats.FIRST_RELEASE} on"
        record.note("skipped", "unknown-format", formats.SUMMARY, message)
        return None
    try:
        record.arguments = labels.workload_arguments(args)
    except RecursionError:  # parsing allows for a little more depth than writing
        record.note("skipped", "unreadable-json", formats.ARGS, "it is nested too deeply; run the test again")
        return None
    percentiles = _read_percentiles(record, folder, digest) if formats.PERCENTILE in present else {}
    record.fingerprint = digest.hexdigest()
    api = args.get("api")
    succeeded = Checked(formats.SUMMARY).count("", summary_value("succeeded", summary)) != 0
    return Run(record.run, folder, present, summary, args, percentiles, formats.is_input_only(api), succeeded)


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


def _read_percentiles(record: Record, folder: str, digest: Any) -> dict[int, dict[str, Any]] | None:
    name = formats.PERCENTILE
    try:
        content, data = jsonfile.read(f"{folder}/{name}")
    except jsonfile.UnreadableJson as error:
        record.missed(name, error)
        record.note("warning", "unreadable-json", name, f"{error}; its percentiles are not in the table")
        return None
    digest.update(len(data).to_bytes(8) + data)
    rows = content if isinstance(content, list) else [None]
    labelled = [(percent, row) for row in rows if isinstance(row, dict) and (percent := _label(row)) is not None]
    if len(labelled) < len(rows):
        message = "it is no list of rows, as evalscope writes it; its percentiles are not in the table"
        record.note("warning", "unknown-format", name, message)
        return None
    return dict(labelled)


def _label(row: Mapping[str, Any]) -> int | None:
    """The percentile that a row of `benchmark_percentile.json` is of, None if it says none."""
    key = formats.first_key(formats.PERCENTILE_LABELS, row)
    return formats.percentile_label(row[key]) if key else None


def summary_value(column: str, summary: Mapping[str, Any]) -> Any:
    """What the summary holds for a column under any spelling of its key, as it is; None without one."""
    key = formats.first_key(formats.SUMMARY_KEYS[column], summary)
    return summary[key] if key else None


def _has_request_count(summary: Mapping[str, Any]) -> bool:
    value = summary_value("requests", summary)
    return value is not None and is_type(value, "integer") and value >= 0
