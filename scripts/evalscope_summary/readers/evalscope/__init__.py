"""Results of `evalscope perf`, of every release from 0.7.0 on: a run is a folder."""

import json
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from ...bounded import Failure
from ...columns import FURTHER, PERCENTS, STANDARD, Column
from ...record import Record, Wanted
from ..base import Listing, Reader, Source, Trace
from ..requests import Requests
from . import definitions, formats


class Evalscope(Reader):
    """See `base.Reader`; a source is the folder of a run."""

    name = "evalscope"
    known_files = formats.KNOWN_FILES
    foreign_folders = formats.FOREIGN_FOLDERS
    workload_arguments = MappingProxyType(
        {
            name: "decided from the URL" if name == definitions.CHAT_TEMPLATE else json.dumps(default)
            for name, default in definitions.WORKLOAD_ARGUMENTS.items()
        }
    )
    arguments_file = formats.ARGS
    rows_file = formats.DATABASE
    definitions = definitions.DEFINITIONS

    def sources(self, listing: Listing) -> Iterator[Source | Trace]:
        """A folder with a file of a run; a level without any, and a log, are traces. AgentX scenarios: see `agentx`."""
        path, files = listing
        if not files.isdisjoint(formats.RUN_FILES):
            yield Source(path, files & formats.SOURCES)
        elif path and formats.is_level(listing.name):
            message = "the folder of a load level without any result: the test was stopped, or goes on; run it again"
            yield Trace(path, "incomplete", formats.SUMMARY, message)
        if formats.LOG in files:
            message = f"{formats.LOG} is here, but no run: the test ended before its first result; run it again"
            yield Trace(path, "incomplete", formats.LOG, message, unless_below=True)

    def files(self, path: str) -> Collection[str]:
        """The files of any run."""
        return formats.SOURCE_FILES

    def folder(self, path: str) -> str:
        """A run is a folder."""
        return path

    def read(
        self,
        root: str,
        path: str,
        present: Collection[str],
        wanted: AbstractSet[Wanted],
        failure: Failure | None = None,
    ) -> list[Record]:
        """A folder holds one run."""
        from .read import read_run  # not needed to find runs

        return [read_run(root, path, present, wanted, failure)]

    def requests(self, root: str, path: str, present: Collection[str]) -> Iterator[tuple[str, Iterator[Requests]]]:
        """The rows of the database of a complete run, if it has one."""
        from .from_rows import requests_of  # imports numpy

        if formats.DATABASE in present:
            yield from requests_of(root, path, present)

    def place(self, run: str) -> tuple[str | None, str]:
        """The folders of any run say it."""
        from .labels import place

        where = place(run, None)
        return where.timestamp, where.config

    def origins(self) -> Mapping[str, str]:
        """The keys of the summary and the percentile file, and what `definitions.ORIGINS` says in words."""
        return {column.name: _origin(column) for column in (*STANDARD, *FURTHER)}


def _origin(column: Column) -> str:
    words = definitions.ORIGINS.get(column.name, "")
    if column.metric and column.percent in PERCENTS and column in STANDARD:
        words = definitions.FILLED_FROM
    keys = formats.PERCENTILE_KEYS[column.metric] if column.metric else formats.SUMMARY_KEYS.get(column.name, ())
    if not keys:
        return words
    file = formats.PERCENTILE if column.metric else formats.SUMMARY
    named = " or ".join(f"`{key}`{' / 1000' if formats.divisor(key) != 1 else ''}" for key in keys)
    return f"{file}: {named}{f', else {words}' if words else ''}"


READER = Evalscope()
