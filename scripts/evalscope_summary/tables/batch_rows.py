"""What merge keeps of a batch, in one file: its rows as they stand in the table, what decides on their order and on
warnings, and its problems."""

import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson

from ..inventory import Inventory, source_hash
from ..layouts import MERGE_SETTINGS
from ..problems import Problem
from .assembling import Assembled, AssembledRun, of_tree

_CHECKSUM, _NAME, _LENGTH = 8, 64, 8  # digits at the beginning of a file


def name_of(inventory: bytes, settings: Mapping[str, Any], *more: bytes) -> bytes:
    """What the rows of a batch are told by: 64 hexadecimal digits.

    Args:
        inventory: what the batch's inventory holds.
        settings: of rule `merge`, with the digest of its program.
        more: what else rows depend on: what labels files say about the runs, the name of the tree,
            what rule `slo` found in the batch.
    """
    relevant = {key: settings[key] for key in (*MERGE_SETTINGS, "columns", "program")}
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode())
    for content in (inventory, *more):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest().encode()


def are_lasting(inventory: Inventory) -> bool:
    """Whether the same inventory will always mean the same rows: a source without a signature, as its files changed
    while they were read or could not be read, is read again at the next start."""
    return all(claimed.signature for claimed in inventory.sources.values())


@dataclass(frozen=True)
class BatchRows:
    """The rows of a batch.

    Attributes:
        merged: its runs, with lines of CSV, in the order of the table, and their problems.
        sources: how many there are.
        runs: digest of its inventory.
        folders: those of its records, below the folder of all.
    """

    merged: Assembled
    sources: int
    runs: bytes
    folders: list[str]

    @classmethod
    def of(cls, merged: Assembled, inventory: Inventory, as_read: bytes, tree: str = "") -> "BatchRows":
        """Rows that were just made.

        Args:
            merged: of the batch's records, with lines of CSV.
            inventory: of the batch.
            as_read: what it holds now (`Records.corrected`).
            tree: its name, if it is one of several.
        """
        folders = sorted({source_hash(source)[:2] for source in inventory.sources})
        problems = [*merged.problems, *of_tree(inventory.problems, tree)]
        ordered = Assembled(sorted(merged.runs, key=attrgetter("place")), problems)
        return cls(ordered, len(inventory.sources), hashlib.sha256(as_read).digest(), folders)

    def dump(self, name: bytes) -> bytes:
        """What `load` reads: a checksum, the name, JSON with a column for each thing, and the lines."""
        assembled = self.merged.runs
        names = list(assembled[0].labels) if assembled else []
        content = {
            "sources": self.sources,
            "runs": self.runs.hex(),
            "folders": self.folders,
            "problems": [tuple(problem) for problem in self.merged.problems],
            "labels": {name: _coded([run.labels[name] for run in assembled]) for name in names},
            "present": _coded([run.present for run in assembled], frozenset, sorted),
            "lengths": [len(run.cells) for run in assembled],
            "fingerprints": [run.fingerprint for run in assembled],
            "arguments": _coded([run.arguments for run in assembled], lambda digests: tuple(sorted(digests.items()))),
            "places": [run.place.decode("utf-8") for run in assembled],
        }
        head = orjson.dumps(content)
        rest = b"".join([name, b"%0*x" % (_LENGTH, len(head)), head, *(run.cells for run in assembled)])
        return b"%0*x" % (_CHECKSUM, zlib.crc32(rest)) + rest

    @classmethod
    def load(cls, data: bytes, name: bytes) -> "BatchRows":
        """The rows of this name.

        Raises:
            ValueError: these are others, or damaged.
        """
        begin = _CHECKSUM + _NAME
        if data[_CHECKSUM:begin] != name or data[:_CHECKSUM] != b"%0*x" % (
            _CHECKSUM,
            zlib.crc32(memoryview(data)[_CHECKSUM:]),
        ):
            raise ValueError("other rows, or damaged ones")
        head, begin = int(data[begin : begin + _LENGTH], 16), begin + _LENGTH
        content = orjson.loads(memoryview(data)[begin : begin + head])
        ends = list(itertools.accumulate(content["lengths"], initial=begin + head))
        labels = {label: _decoded(coded) for label, coded in content["labels"].items()}
        assembled = map(
            AssembledRun,
            (dict(zip(labels, cells, strict=True)) for cells in zip(*labels.values(), strict=True)),
            _decoded(content["present"], frozenset),
            (data[start:end] for start, end in itertools.pairwise(ends)),
            content["fingerprints"],
            _decoded(content["arguments"]),
            map(str.encode, content["places"]),
        )
        problems = [Problem(*problem) for problem in content["problems"]]
        runs = bytes.fromhex(content["runs"])
        return cls(Assembled(list(assembled), problems), content["sources"], runs, content["folders"])


def kept(path: Path, name: bytes, folders: Iterable[str]) -> BatchRows | None:
    """The rows of this name in a file; None if it is missing, damaged or of others, or records were deleted.

    Args:
        path: the file.
        name: of `name_of`.
        folders: the folders of records that there are.
    """
    try:
        rows = BatchRows.load(path.read_bytes(), name)
    except (OSError, ValueError):
        return None
    return rows if set(folders).issuperset(rows.folders) else None


def _coded(
    values: Sequence[Any],
    key: Callable[[Any], Hashable] = lambda value: value,
    plain: Callable[[Any], Any] = lambda v: v,
) -> list[list[Any]]:
    """Values as the different ones, and for each its index among them: most columns repeat few."""
    index: dict[Hashable, int] = {}
    different: list[Any] = []
    codes = []
    for value in values:
        comparable = key(value)
        code = index.setdefault(comparable, len(different))
        if code == len(different):
            different.append(plain(value))
        codes.append(code)
    return [different, codes]


def _decoded(coded: list[list[Any]], make: Callable[[Any], Any] = lambda value: value) -> list[Any]:
    different, codes = coded
    return list(map(list(map(make, different)).__getitem__, codes))
