"""The records of runs: one normalized JSON per run folder, kept as long as the files that it was made from."""

import json
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from . import jsonfile
from .discovery import Signature, signature_of
from .inventory import Inventory, batch_of, run_hash
from .problems import Problem
from .run import Record, read_run

_ATTEMPTS = 3


def read_settled(root: str, run: str, signature: Signature, fill: bool, recompute: bool) -> tuple[Record, Signature]:
    """Read a run, and again if its files changed meanwhile, so that a row never mixes two states of a run.

    Args:
        root: the results tree.
        run: path of the folder below it.
        signature: of its files when they were found.
        fill: as for `read_run`.
        recompute: as for `read_run`.

    Returns:
        The record, and the signature of the files that it was made from; empty if they changed at each attempt, or
        what is wrong with them may be over at the next start: no files have it, so the run is read again then.
    """
    for _ in range(_ATTEMPTS):
        record = read_run(root, run, signature, fill, recompute)
        now = signature_of(f"{root}/{run}")
        if now == signature:
            return record, {} if record.passing else signature
        signature = now
    if not record.skipped:
        record = Record(run, filled={}, recomputed={})
        message = "its files change while they are read: the test goes on, or it is being copied; run again later"
        record.note("skipped", "incomplete", "", message)
    return record, {}


class Records:
    """The records of a tree, one file per run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changed: dict[str, tuple[Signature, Signature]] = {}  # run → signature when found, when read
        self._made: set[str] = set()  # folders that are known to be there

    def path(self, run: str) -> str:
        """Where a run's record lies."""
        hash_ = run_hash(run)
        return f"{self.folder}/{hash_[:2]}/{hash_}.json"

    def get(self, inventory: Inventory, run: str) -> tuple[Record, bool]:
        """A run's record, as the inventory wants it, and whether the run had to be read for it."""
        path = self.path(run)
        fill, recompute = inventory.fill, inventory.recompute
        try:
            kept = orjson.loads(jsonfile.read_bytes(path))
            if (kept["extractor"], kept["signature"]) == (inventory.extractor, inventory.runs[run]):
                has_filled, has_recomputed = (kept["record"][part] is not None for part in ("filled", "recomputed"))
                if has_filled >= fill and has_recomputed >= recompute:
                    return _as_record(kept["record"]), False
                fill, recompute = fill or has_filled, recompute or has_recomputed  # going back reads nothing again
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no record yet, or one that was damaged: made again
        record, signature = read_settled(inventory.root, run, inventory.runs[run], fill, recompute)
        if signature != inventory.runs[run]:
            self._changed[run] = (inventory.runs[run], signature)
        made = {
            "extractor": inventory.extractor,
            "run": json.dumps(run),  # for people; the path may be no UTF-8
            "signature": signature,
            "record": _as_json(record),
        }
        folder = os.path.dirname(path)
        if folder not in self._made:
            with jsonfile.writing(folder):
                os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        jsonfile.write_atomically(path, orjson.dumps(made))
        return record, True

    def correct(self, path: Path) -> None:
        """Put into an inventory the signatures of the runs whose files changed until they were read.

        Should the files be again what they were when they were found, the next start sees that, and reads them again.
        The date stays, as nothing has to be made anew now.
        """
        if self._changed:
            date = path.stat().st_mtime_ns
            inventory = Inventory.load(path)  # anew: this may be what is left of a killed start, beside the next one
            for run, (found, read) in self._changed.items():
                if inventory.runs.get(run) == found:
                    inventory.runs[run] = read
            jsonfile.write_atomically(path, inventory.dump())
            os.utime(path, ns=(date, date))

    def remove_others(self, inventory: Inventory, batch: int, batches: int) -> int:
        """Remove records of runs that the batch no longer has, and left-over temporary files; return how many."""
        wanted = {f"{run_hash(run)}.json" for run in inventory.runs}
        removed = 0
        for byte in range(256):
            prefix = f"{byte:02x}"
            if batch_of(prefix, batches) != batch:
                continue
            try:
                names = os.listdir(self.folder / prefix)
            except FileNotFoundError:
                continue
            for name in names:
                if name not in wanted:
                    (self.folder / prefix / name).unlink(missing_ok=True)
                    removed += 1
        return removed


_PROBLEMS = tuple(field.name for field in fields(Record) if field.name.endswith("problems"))


def _as_json(record: Record) -> dict[str, Any]:
    content = {key: value for key, value in vars(record).items() if key != "run"}
    return content | {name: [tuple(problem) for problem in content[name]] for name in _PROBLEMS}


def _as_record(content: dict[str, Any]) -> Record:
    for name in _PROBLEMS:
        if content[name]:
            content[name] = [Problem(*problem) for problem in content[name]]
    return Record("", **content)


def extract(inventory: Inventory, records: Records) -> Iterator[bool]:
    """Make the records of a batch's runs; yields for each whether it was read (else its record was current)."""
    for run in inventory.runs:
        yield records.get(inventory, run)[1]
