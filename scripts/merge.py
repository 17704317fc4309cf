"""Merge the records of all batches into summary_raw and summary_problems. Run by rule `merge`."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalscope_summary import garbage, made, readers, status
from evalscope_summary.folder_labels import NO_LABELS, FolderLabels
from evalscope_summary.inventory import Inventory, labels_beside, part_of
from evalscope_summary.jsonfile import write_atomically, writing
from evalscope_summary.languages import counts
from evalscope_summary.layouts import raw_columns
from evalscope_summary.progress import Progress, is_quiet, shown
from evalscope_summary.records import Records
from evalscope_summary.tables.assembling import assemble_all, merge, sort_problems
from evalscope_summary.tables.batch_rows import BatchRows, are_lasting, kept, name_of
from evalscope_summary.tables.comparable import warnings
from evalscope_summary.tables.csv_lines import csv_cells, write_csv_lines, write_problems
from evalscope_summary.tables.errors import PatternMatchesNothing
from evalscope_summary.tables.repeats import check_patterns

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

_FEW = 1000  # runs that one process merges before another one has started


@dataclass(frozen=True)
class Batches:
    """What the rows of batches are made with.

    Attributes:
        rows: the folder of what is kept of each batch.
        slo: the folder of what rule `slo` found, a file for each batch; none without bounds.
        settings_file: of this rule.
        settings: what it holds.
    """

    rows: Path
    slo: Path
    settings_file: Path
    settings: Mapping[str, Any]

    def name_of(self, path: Path, inventory: bytes) -> bytes:
        """What the rows of the inventory at a path are told by, as it is, or as it should be by now."""
        beside = (self._labels(path), self._tree(path).encode(), self._kept(path))
        return name_of(inventory, self.settings, *beside)

    def _kept(self, path: Path) -> bytes:
        """What the requests of a batch kept of `slo`."""
        return (self.slo / f"{self.part(path)}.json").read_bytes() if self.settings["slo"] else b"{}"

    def kept(self, inventories: list[Path]) -> list[BatchRows | None]:
        """The rows of each batch that are still those of its inventory and these settings."""
        folders = {tree: _listed(tree / "records") for tree in {path.parent.parent for path in inventories}}
        return [
            kept(self.rows / self.part(path), self.name_of(path, path.read_bytes()), folders[path.parent.parent])
            for path in inventories
        ]

    def part(self, path: Path) -> str:
        """What a batch is called among those of all trees."""
        return part_of(path, self.settings["trees"])

    def _tree(self, path: Path) -> str:
        """The name of a batch's tree, if it is one of several."""
        name: str = self.settings["trees"][path.parent.parent.name]
        return name

    def _labels(self, path: Path) -> bytes:
        """What labels files say about the runs of a batch."""
        if not self.settings["labels_file"]:
            return NO_LABELS.dump()
        return labels_beside(self.settings_file, self.part(path)).read_bytes()

    def make(self, path: Path, inventory: Inventory) -> tuple[bytes, bytes]:
        """Make the rows of a batch of its records, and keep them; returns their name, and what `BatchRows.load` reads.

        A record that is missing or stale is made on the spot.
        """
        readers.load(inventory.own_readers)  # where this is another process
        records = Records(path.parent.parent / "records")
        read = (record for source in inventory.sources for record in records.get(inventory, source))
        labels = FolderLabels.load(self._labels(path))
        within = json.loads(self._kept(path))
        cells = csv_cells(raw_columns(self.settings))
        merged = assemble_all(read, self.settings, cells, labels, self._tree(path), within)
        records.correct(path)
        corrected = records.corrected(inventory)
        as_read = corrected.dump()
        name = self.name_of(path, as_read)
        data = BatchRows.of(merged, inventory, as_read, self._tree(path)).dump(name)
        if are_lasting(corrected):
            write_atomically(self.rows / self.part(path), data)
        return name, data

    def remove_others(self, inventories: list[Path]) -> None:
        """Remove what was kept of batches that there are no longer, and left-over temporary files."""
        for name in {*os.listdir(self.rows)} - set(map(self.part, inventories)):
            (self.rows / name).unlink(missing_ok=True)


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def batch_rows(batches: Batches, inventories: list[Path], threads: int) -> list[BatchRows]:
    """The rows of each batch, as they were kept, or made of its records.

    Args:
        batches: what they are made with.
        inventories: of the batches.
        threads: how many are made at a time.
    """
    with writing(batches.rows):
        batches.rows.mkdir(exist_ok=True)
    of_batches = batches.kept(inventories)
    due = {place: Inventory.load(path) for place, path in enumerate(inventories) if not of_batches[place]}
    runs = sum(len(inventory.sources) for inventory in due.values())
    with ExitStack() as stack:
        pool = stack.enter_context(_processes(min(threads, len(due)), runs))
        # before there is a thread that shows progress
        parts = (pool.map if pool else map)(batches.make, [inventories[place] for place in due], due.values())
        progress = stack.enter_context(shown(Progress("merging", runs)))
        for place, (name, data) in zip(due, parts, strict=True):
            of_batches[place] = rows = BatchRows.load(data, name)
            progress.done += rows.sources
    batches.remove_others(inventories)
    return [rows for rows in of_batches if rows]


def _processes(count: int, runs: int) -> "AbstractContextManager[ProcessPoolExecutor | None]":
    """Processes to merge so many runs; None if this one alone is as fast."""
    if count < 2 or runs <= _FEW:
        return nullcontext()
    from concurrent.futures import ProcessPoolExecutor  # takes long to import

    return ProcessPoolExecutor(count)


def main() -> None:
    """Take exactly the runs of the inventories."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("inventories", type=Path, nargs="+", help="inventories of all batches")
    parser.add_argument("--raw", type=Path, required=True, help="summary_raw.csv to write")
    parser.add_argument("--problems", type=Path, required=True, help="summary_problems.csv to write")
    parser.add_argument("--threads", type=int, default=1, help="how many batches to merge at a time (default: 1)")
    options = parser.parse_args()
    garbage.never_look()
    settings = json.loads(options.settings.read_bytes())
    outputs = options.settings.parent
    batches = Batches(outputs / "rows", outputs / "slo", options.settings, settings)
    of_batches = batch_rows(batches, options.inventories, options.threads)
    merged = merge(rows.merged for rows in of_batches)
    try:
        check_patterns([run.labels for run in merged.runs], settings)
    except PatternMatchesNothing as error:
        parser.exit(1, f"{error}\n")
    problems = sort_problems([*merged.problems, *warnings(merged, settings)])
    write_csv_lines(options.raw, raw_columns(settings), merged.rows, settings["csv_bom"])
    write_problems(options.problems, problems, settings["csv_bom"])
    status.note_merged(options.settings, [run.labels["run"] or "" for run in merged.runs], problems)
    made.note(options.settings, [options.raw, options.problems], made.digest_of(rows.runs for rows in of_batches))
    skipped = len({problem.run for problem in problems if problem.severity == "skipped"})
    if problems or not is_quiet():
        print(counts(len(merged.rows), skipped, len(problems), str(options.problems)), file=sys.stderr)


if __name__ == "__main__":
    main()
