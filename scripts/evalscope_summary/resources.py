"""What a job asks a scheduler for. Locally nobody asks.

Memory is that of the job's whole process tree: two Snakemakes with the executor plugin (160 MB each) and the
program. Each further attempt asks for as much again.
"""

import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from .layouts import metric_columns

SNAKEMAKE_MB = 500
"""Of the Snakemakes of a job."""

_RUN_BYTES = 270  # of an inventory, for one run
_BATCH_MB_PER_RUN = 0.005  # its signature, and its name
# `benchmarks/memory.py`: 20,000 runs, each its own group, take at most 714 MB with all columns and seven statistics
# (the workbook; 993 are asked for), 2,000 take 223 MB (369)
_TABLE_MB = 300
_BYTES_PER_CELL = 30  # of summary_stats
_START_MINUTES = 10  # a Python environment on a busy shared disk takes minutes to start
_RUN_SECONDS = 0.1  # ten opened files of 10 ms each; 0.6 ms on a local disk
_BYTES_PER_SECOND = 20e6  # a shared disk that others use as well
_FEW = 20_000  # runs whose tables are made in the time that it takes to submit a job (seconds)


@cache
def _runs_and_bytes(inventory: str) -> tuple[int, int]:
    """How many runs are in a batch, and the bytes of their files."""
    with open(inventory, "rb") as file:
        sources = json.load(file)["sources"]
    return len(sources), sum(status[0] for _, signature in sources.values() for status in signature.values() if status)


def batch_memory(inventory: str, attempt: int) -> int:
    """MB to extract a batch: grows with the number of its runs, and hardly with their size, as rows are streamed."""
    runs, _ = _runs_and_bytes(inventory)
    return attempt * round(SNAKEMAKE_MB + 250 + runs * _BATCH_MB_PER_RUN)


def batch_minutes(inventory: str, attempt: int) -> int:
    """Minutes to extract a batch of which no run was read before."""
    runs, size = _runs_and_bytes(inventory)
    return attempt * round(_START_MINUTES + (runs * _RUN_SECONDS + size / _BYTES_PER_SECOND) / 60)


def about_runs(inventories: Iterable[str]) -> int:
    """About how many runs there are, by the sizes of the inventories, since this is asked at every start.

    There are none where nobody looked for runs (`--lint`).
    """
    return sum(os.path.getsize(inventory) for inventory in inventories if os.path.exists(inventory)) // _RUN_BYTES


def are_few(runs: int) -> bool:
    """Whether tables of so many runs are made at once where Snakemake runs, as submitting would take longer."""
    return runs < _FEW


def table_memory(runs: int, settings: Mapping[str, Any], attempt: int) -> int:
    """MB to make a table of so many runs: the largest is the statistics', where each run may be its own group.

    Args:
        runs: their number.
        settings: `columns`, `slo` and `statistics`.
        attempt: 1 for the first.
    """
    cells = runs * len(metric_columns(settings["columns"], settings["slo"])) * len(settings["statistics"])
    return attempt * round(SNAKEMAKE_MB + _TABLE_MB + cells * _BYTES_PER_CELL / 1e6)


def table_minutes(runs: int, attempt: int) -> int:
    """Minutes to make a table of so many runs: their records may have to be read from a shared disk."""
    return attempt * round(_START_MINUTES + runs * _RUN_SECONDS / 4 / 60)
