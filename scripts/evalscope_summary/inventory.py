"""The work folder: inventories of batches, records of runs, stamps, settings. What is in it can be deleted at any
time; it costs reading again.

    <work_dir>/<digest of the tree's path>/
        lock                              held by the process that may write here
        inventory/<batch>.json            the batch's runs with the signatures of their files
        records/<hh>/<hash>.json          one run, as it was read
        extracted/<batch>                 stamp: the batch's records are those of its inventory
    <work_dir>/output-<digest of output>/
        <rule>.json                       what a rule depends on besides its input (of all trees, one made the tables)
"""

import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from . import jsonfile
from .discovery import Signature, Tree
from .problems import Problem

RECORD_PROGRAM = "extract.py"
RECORD_MODULES = (
    "bounded",
    "columns",
    "database",
    "formats",
    "jsonfile",
    "labels",
    "patterns",
    "percentiles",
    "pool",
    "problems",
    "run",
    "inventory",
    "records",
)
"""The modules whose sources decide what a record holds."""

_locks: dict[str, IO[str]] = {}  # tree folder → lock file, held until the process ends
_written: dict[Path, bytes] = {}  # what this process decided for a file, to notice two uses that disagree


class ConflictingUse(Exception):
    """Two uses of this workflow in one process want different contents of one file; the text says what to do."""


def sources_digest(program: str, modules: Sequence[str]) -> str:
    """Digest of the sources of a program in `scripts/` and of modules of this package."""
    folder = Path(__file__).parent
    digest = hashlib.sha256((folder.parent / program).read_bytes())
    for name in modules:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


def run_hash(run: str) -> str:
    """The hash of a run's path: names its record, and its first byte says which batch it is in."""
    return hashlib.sha256(os.fsencode(run)).hexdigest()[:32]


def batch_of(hash_: str, count: int) -> int:
    """The index of a run's batch among `count` batches."""
    return int(hash_[:2], 16) * count // 256


@dataclass(frozen=True)
class Inventory:
    """The runs of one batch.

    Attributes:
        root: the results tree, as given (relative to the working directory, or absolute).
        fill: whether percentiles that no file has are computed from the request rows.
        recompute: whether all performance cells are.
        extractor: digest of the sources that make records.
        runs: run → signature.
        problems: folders that should hold a run and don't.
    """

    root: str
    fill: bool
    recompute: bool
    extractor: str
    runs: dict[str, Signature]
    problems: list[Problem]

    def dump(self) -> bytes:
        """As JSON; the standard library's writer, since names of folders may be no UTF-8."""
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def load(cls, path: Path) -> "Inventory":
        """Read what `dump` wrote."""
        content = json.loads(path.read_bytes())
        content["problems"] = [Problem(*problem) for problem in content["problems"]]
        return cls(**content)


def inventories(root: str, tree: Tree, settings: Mapping[str, Any], batches: int) -> list[Inventory]:
    """Distribute a tree's runs over batches.

    Args:
        root: the results tree.
        tree: what was found there.
        settings: the configuration; `fill_percentiles` and `metrics` say what is wanted of a record.
        batches: how many.
    """
    fill, recompute = settings["fill_percentiles"], settings["metrics"] == "recomputed"
    extractor = sources_digest(RECORD_PROGRAM, RECORD_MODULES)
    result = [Inventory(root, fill, recompute, extractor, {}, []) for _ in range(batches)]
    for run in sorted(tree.runs):
        result[batch_of(run_hash(run), batches)].runs[run] = tree.runs[run]
    for path in sorted(tree.problems):
        result[batch_of(run_hash(path), batches)].problems.append(tree.problems[path])
    return result


@dataclass(frozen=True)
class WorkFolder:
    """Where things lie below `work_dir`.

    Attributes:
        path: folder of the tree.
        outputs: folder of the tables that are made.
    """

    path: Path
    outputs: Path

    @classmethod
    def of(cls, work_dir: str, results_dir: str, output: str) -> "WorkFolder":
        """The work folder of a tree; its path is taken as given, so that a project can be moved with both."""
        return cls(Path(work_dir) / _path_digest(results_dir), Path(work_dir) / f"output-{_path_digest(output)}")

    def inventory(self, batch: str) -> Path:
        """The inventory of a batch such as `1-of-8`."""
        return self.path / "inventory" / f"{batch}.json"

    def stamp(self, batch: str) -> Path:
        """The stamp of a batch's extraction."""
        return self.path / "extracted" / batch

    def has_records(self) -> bool:
        """Whether there is the record of any run."""
        return any(True for _ in self.path.glob("records/*/*.json"))

    def settings(self, rule: str) -> Path:
        """What a rule that makes tables depends on besides its input."""
        return self.outputs / f"{rule}.json"

    def lock(self, ready: Sequence[Path]) -> bool:
        """Get the right to write here, until this process ends.

        Another process that has it (a run that goes on; this may be a dry run beside it) keeps it: then the files
        are used as they are. Only if some of `ready` are not there yet, wait for them.
        """
        key = str(self.path.absolute())
        if key in _locks:
            return True
        with jsonfile.writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open(self.path / "lock", "a")  # noqa: SIM115 (held until the process ends)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _locks[key] = lock
                return True
            except BlockingIOError:
                if all(path.exists() for path in ready):
                    lock.close()
                    return False
                time.sleep(0.1)
            except OSError as error:  # a file system without locks: two starts at once are the user's care
                print(f"evalscope-summary: {self.path} can't be locked ({error.strerror})", file=sys.stderr)
                _locks[key] = lock
                return True

    def update(
        self,
        inventories: Mapping[str, Inventory],
        settings: Mapping[Path, Mapping[str, Any]],
        tables: Sequence[Path],
    ) -> int:
        """Rewrite the inventories and settings that changed; return how many inventories did.

        The stamp of a changed batch is removed first, and what is rewritten is dated after every table, so that
        the batch runs whatever the clocks say and wherever this is interrupted.

        Args:
            inventories: batch name → what its inventory should hold.
            settings: file (of `settings`) → what it should hold.
            tables: the tables that may have been made of this tree.
        """
        newest = self._date_now(tables)
        for path, content in settings.items():
            _write_if_changed(path, json.dumps(content, sort_keys=True, indent=2).encode(), newest)
        return sum(
            _write_if_changed(self.inventory(batch), inventory.dump(), newest, self.stamp(batch))
            for batch, inventory in inventories.items()
        )

    def _date_now(self, tables: Sequence[Path]) -> int:
        """Date files of ours that are dated in the future now (a clock was set back); return the newest date."""
        now = time.time_ns()
        newest = 0
        folders = (self.path / "inventory", self.path / "extracted", self.outputs)
        for file in (*tables, *(file for folder in folders if folder.is_dir() for file in folder.iterdir())):
            try:
                date = file.stat().st_mtime_ns
                if date > now:
                    os.utime(file, ns=(now, now))
                    date = now
            except FileNotFoundError:
                continue
            newest = max(newest, date)
        return newest


def _path_digest(path: str) -> str:
    return hashlib.sha256(os.fsencode(os.path.normpath(path))).hexdigest()[:16]


def _write_if_changed(path: Path, data: bytes, newest: int, stamp: Path | None = None) -> bool:
    if _written.setdefault(path.absolute(), data) != data:
        raise ConflictingUse(
            f"two uses of this workflow share {path} and want different settings:"
            " give one of them another `work_dir` or `output`"
        )
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        with jsonfile.writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    if stamp:
        stamp.unlink(missing_ok=True)
    jsonfile.write_atomically(path, data)
    if path.stat().st_mtime_ns <= newest:  # a file system with coarse times
        os.utime(path, ns=(newest + 1_000_000_000,) * 2)
    return True
