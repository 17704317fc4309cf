"""The work folder: inventories of batches, records of runs, stamps, settings. What is in it can be deleted at any
time; it costs reading again.

    <work_dir>/lock                       see `locks`
    <work_dir>/<digest of the tree's place>/
        lock
        inventory/<batch>.json            the batch's sources with the signatures of their files
        left_out.json                     what is in the tree, but not wanted: its records are kept
        records/<hh>/<hash>.json          the runs of one source, as they were read
        extracted/<batch>                 stamp: the batch's records are those of its inventory
    <work_dir>/output-<digest of the output's place>/
        lock
        <rule>.json                       what a rule depends on besides its input (of all trees, one made the tables)
        <rule>.made                       what its tables were when they were made
        labels/<part>.json                what labels files say about the runs of a batch, which `part_of` names
        slo/<part>.json                   what the requests of the batch kept of `slo`
        rows/<part>                       what merge keeps of the batch, see `tables/batch_rows.py`
"""

import hashlib
import json
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import jsonfile, several
from .digests import of_reader
from .discovery import Claimed, Tree
from .problems import Problem, storable
from .readers import file_of, load
from .record import Wanted

STAMPS = "extracted"
"""Folder of the stamps of batches, in a tree's folder."""

_written: dict[Path, bytes] = {}  # what this process decided for a file, to notice two uses that disagree


class ConflictingUse(Exception):
    """Two uses of this workflow in one process want different contents of one file; the text says what to do."""


def source_hash(source: str) -> str:
    """The hash of a source's path: names its records, and its first byte says which batch it is in."""
    return hashlib.sha256(os.fsencode(source)).hexdigest()[:32]


def batch_of(hash_: str, count: int) -> int:
    """The index of a run's batch among `count` batches."""
    return int(hash_[:2], 16) * count // 256


@dataclass(frozen=True)
class Inventory:
    """What the runs of one batch are read from.

    Attributes:
        root: the results tree, as `place` says it; `Records` finds it from there.
        wanted: what is computed from the request rows.
        own_readers: files with readers of the user's own.
        readers: reader → digest of what decides what its records hold.
        sources: path below the tree → who may read it, and the signature of its files.
        problems: folders that should hold a run and don't.
    """

    root: str
    wanted: list[Wanted]
    own_readers: list[str]
    readers: dict[str, str]
    sources: dict[str, Claimed]
    problems: list[Problem]

    def digests(self, claimed: Claimed) -> dict[str, str]:
        """The digests of those who may read a source."""
        return {name: self.readers[name] for name in claimed.readers}

    def dump(self) -> bytes:
        """As JSON; the standard library's writer, since names of folders may be no UTF-8."""
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def load(cls, path: Path) -> "Inventory":
        """Read what `dump` wrote."""
        content = json.loads(path.read_bytes())
        content["problems"] = [Problem(*problem) for problem in content["problems"]]
        load(content["own_readers"])
        content["sources"] = {
            path: Claimed(tuple(names), signature) for path, (names, signature) in content["sources"].items()
        }
        return cls(**content)


def reader_digests(own: Sequence[str]) -> dict[str, str]:
    """Reader → digest of what decides what its records hold.

    Args:
        own: files with readers of the user's own.
    """
    return {reader.name: of_reader(file_of(reader)) for reader in load(own)}


def wanted_of(settings: Mapping[str, Any]) -> list[Wanted]:
    """What has to be computed from the request rows of each run: `fill_percentiles` and `metrics` say it."""
    asked: dict[Wanted, bool] = {
        "filled": settings["fill_percentiles"],
        "recomputed": settings["metrics"] == "recomputed",
    }
    return [part for part, is_wanted in asked.items() if is_wanted]


def inventories(root: str, tree: Tree, settings: Mapping[str, Any], batches: int) -> list[Inventory]:
    """Distribute a tree's sources over batches.

    Args:
        root: the results tree, as `place` says it.
        tree: what was found there.
        settings: the configuration; `fill_percentiles` and `metrics` say what is wanted of a record.
        batches: how many.
    """
    wanted = wanted_of(settings)
    own: list[str] = settings["readers"]
    digests = reader_digests(own)
    result = [Inventory(root, wanted, own, digests, {}, []) for _ in range(batches)]
    for path in sorted(tree.sources):
        result[batch_of(source_hash(path), batches)].sources[path] = tree.sources[path]
    for path in sorted(tree.problems):
        result[batch_of(source_hash(path), batches)].problems.append(tree.problems[path])
    return result


def left_out_beside(inventory: Path) -> frozenset[str]:
    """What a start found and left out: paths of folders and sources, of all batches."""
    try:
        return frozenset(json.loads(_left_out(inventory.parent.parent).read_bytes()))
    except FileNotFoundError:
        return frozenset()


def _left_out(tree: Path) -> Path:
    return tree / "left_out.json"


@dataclass(frozen=True)
class TreeFolder:
    """Where things of a tree lie.

    Attributes:
        root: the tree, as it was given.
        name: of the tree, with which its runs' names begin if it is one of several.
        path: of the folder.
    """

    root: str
    name: str
    path: Path

    def inventory(self, batch: str) -> Path:
        """The inventory of a batch such as `1-of-8`."""
        return self.path / "inventory" / f"{batch}.json"

    def stamp(self, batch: str) -> Path:
        """The stamp of a batch's extraction."""
        return self.path / STAMPS / batch

    def left_out(self, found: Tree) -> dict[Path, bytes]:
        """The file that says what is left out, and what it should hold; nothing where nothing ever was."""
        path = _left_out(self.path)
        if not found.left_out and not path.exists():
            return {}
        return {path: json.dumps(sorted(found.left_out)).encode("ascii")}

    def has_records(self) -> bool:
        """Whether there is the record of any run."""
        return any(True for _ in self.path.glob("records/*/*.json"))


@dataclass(frozen=True)
class WorkFolder:
    """Where things lie below `work_dir`.

    Attributes:
        trees: of the trees, in their order.
        outputs: folder of the tables that are made.
    """

    trees: tuple[TreeFolder, ...]
    outputs: Path

    @classmethod
    def of(cls, work_dir: str, results_dir: str | Sequence[str], output: str) -> "WorkFolder":
        """The work folder of trees and an output, wherever these really are, whatever they are called."""
        folder, name = os.path.split(output)
        path = os.path.join(place(folder, work_dir), name)
        trees = tuple(
            TreeFolder(root, tree_name, Path(work_dir) / _digest(place(root, work_dir)))
            for root, tree_name in several.names(results_dir).items()
        )
        return cls(trees, Path(work_dir) / f"output-{_digest(path)}")

    @property
    def names(self) -> dict[str, str]:
        """Folder of a tree → the tree's name."""
        return {tree.path.name: storable(tree.name) for tree in self.trees}

    def settings(self, rule: str) -> Path:
        """What a rule that makes tables depends on besides its input."""
        return self.outputs / f"{rule}.json"

    def labels(self, tree: TreeFolder, batch: str) -> Path:
        """What labels files say about the runs of a batch."""
        return _labels(self.outputs, part_of(tree.inventory(batch), self.names))

    def update(self, wanted: Mapping[Path, bytes], tables: Sequence[Path]) -> None:
        """Rewrite the inventories and settings that changed. Only in what is claimed (`locks`).

        The stamp of a changed batch is removed first, and what is rewritten is dated after every table, so that
        the batch runs whatever the clocks say and wherever this is interrupted.

        Args:
            wanted: file (of `inventory`, `labels` or `settings`) → what it should hold.
            tables: the tables that may have been made of this tree.

        Raises:
            ConflictingUse: another use of the workflow in this process wants other contents.
        """
        newest = self._date_now(tables)
        for path, data in wanted.items():
            stamps = [tree.stamp(path.stem) for tree in self.trees if path.parent == tree.path / "inventory"]
            _write_if_changed(path, data, newest, stamps[0] if stamps else None)

    def _date_now(self, tables: Sequence[Path]) -> int:
        """Date files of ours that are dated in the future now (a clock was set back); return the newest date."""
        now = time.time_ns()
        newest = 0
        folders = [tree.path / kind for tree in self.trees for kind in ("inventory", STAMPS)]
        folders += [self.outputs, self.outputs / "requests"]
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


def part_of(inventory: Path, trees: Collection[str]) -> str:
    """What a batch is called among those of all trees: where there are several, with the folder of its tree.

    Args:
        inventory: of the batch.
        trees: names of their folders.
    """
    return inventory.stem if len(trees) == 1 else f"{inventory.parent.parent.name}-{inventory.stem}"


def _labels(outputs: Path, part: str) -> Path:
    return outputs / "labels" / f"{part}.json"


def labels_beside(settings: Path, part: str) -> Path:
    """Where it is written what labels files say about the runs of a batch, if `labels_file` is set.

    Args:
        settings: file with those of a rule that makes tables.
        part: what `part_of` calls the batch.
    """
    return _labels(settings.parent, part)


def place(path: str, work_dir: str) -> str:
    """Where something really is: its path from the folder that has the work folder if it lies below that, so that a
    project can be moved with both; else its absolute path."""
    real, project = os.path.realpath(path), os.path.dirname(os.path.realpath(work_dir))
    return os.path.relpath(real, project) if os.path.commonpath([real, project]) == project else real


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def differ(wanted: Mapping[Path, bytes]) -> bool:
    """Whether any of the files does not hold what is wanted of it."""
    return any(not path.exists() or path.read_bytes() != data for path, data in wanted.items())


def _write_if_changed(path: Path, data: bytes, newest: int, stamp: Path | None) -> None:
    if _written.setdefault(path.absolute(), data) != data:
        raise ConflictingUse(
            f"two uses of this workflow share {path} and want different settings:"
            " give one of them another `work_dir` or `output`"
        )
    try:
        if path.read_bytes() == data:
            return
    except FileNotFoundError:
        with jsonfile.writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    if stamp:
        stamp.unlink(missing_ok=True)
    jsonfile.write_atomically(path, data)
    if path.stat().st_mtime_ns <= newest:  # a file system with coarse times
        os.utime(path, ns=(newest + 1_000_000_000,) * 2)
