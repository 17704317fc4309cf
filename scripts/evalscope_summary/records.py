"""The records of runs: one normalized JSON per run folder, kept as long as the files that it was made from."""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from . import jsonfile
from .bounded import Failure, Worker
from .database import UnreadableDatabase
from .discovery import Signature, signature_of
from .inventory import Inventory, batch_of, run_hash
from .problems import Problem
from .run import Record, read_run

_ATTEMPTS = 3
_SECONDS = 20  # of computing for any run; small ones take less than a thousandth
_BYTES_A_SECOND = 2**24  # large ones are read at thirty times that, and more

Result = TypeVar("Result")


def read_settled(
    root: str, run: str, signature: Signature, fill: bool, recompute: bool, unreadable: UnreadableDatabase | None = None
) -> tuple[Record, Signature]:
    """Read a run, and again if its files changed meanwhile, so that a row never mixes two states of a run.

    Args:
        root: the results tree.
        run: path of the folder below it.
        signature: of its files when they were found.
        fill: as for `read_run`.
        recompute: as for `read_run`.
        unreadable: as for `read_run`.

    Returns:
        The record, and the signature of the files that it was made from; empty if they changed at each attempt, or
        what is wrong with them may be over at the next start: no files have it, so the run is read again then. A file
        that may not be read has a signature of its own; if one could not be read though it looked as if it could (an
        access control list says no), the next start tries again.
    """
    for _ in range(_ATTEMPTS):
        record = read_run(root, run, signature, fill, recompute, unreadable)
        now = signature_of(f"{root}/{run}")
        if now == signature:
            unforeseen = any(signature.get(file) for file in record.denied)
            return record, {} if record.passing or unforeseen else signature
        signature = now
    if not record.skipped:
        record = Record(run, filled={}, recomputed={})
        message = "its files change while they are read: the test goes on, or it is being copied; run again later"
        record.note("skipped", "incomplete", "", message)
    return record, {}


class Wanted(NamedTuple):
    """A run that is to be read; the fields are arguments of `read_settled`."""

    run: str
    signature: Signature
    fill: bool
    recompute: bool

    @property
    def size(self) -> int:
        """Bytes of its files, as they were found."""
        return sum(status[0] for status in self.signature.values() if status)


class Reader(Generic[Result]):
    """Reads runs in a process of its own, so that one that would take all time or memory is a problem of that run.

    Args:
        root: the results tree.
        finish: what to do in that process with a run, its record and the signature that `read_settled` returns; its
            result is handed over.
    """

    def __init__(self, root: str, finish: Callable[[str, Record, Signature], Result]) -> None:
        self.root = root
        self._finish = finish
        self._worker = Worker(self._read, lambda item: _SECONDS + item[0].size / _BYTES_A_SECOND)
        self.start, self.close = self._worker.start, self._worker.close

    def _read(self, item: tuple[Wanted, Failure | None]) -> Result:
        wanted, failure = item
        unreadable = UnreadableDatabase(f"reading it {failure.message}", failure.passing) if failure else None
        return self._finish(wanted.run, *read_settled(self.root, *wanted, unreadable))

    def __call__(self, wanted: Sequence[Wanted]) -> list[Result]:
        """Read runs; returns the results in their order."""
        results = []
        for one, result in zip(wanted, self._worker([(one, None) for one in wanted]), strict=True):
            if isinstance(result, Failure):
                (result,) = self._worker([(one, result)])  # most likely it is the database: the rest is a row then
            if isinstance(result, Failure):
                record = Record(one.run, filled={}, recomputed={})
                message = f"reading its files {result.message}: one is damaged; copy them again, or run the test again"
                record.note("skipped", "unreadable-json", "", message)
                result = self._finish(one.run, record, {} if result.passing else one.signature)
            results.append(result)
        return results


class Records:
    """The records of a tree, one file per run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reader: Reader[Signature] | None = None
        self._project = os.path.realpath(folder / "../../..")  # what `inventory.place` starts from
        self._changed: dict[str, tuple[Signature, Signature]] = {}  # run → signature when found, when read
        self._made: set[str] = set()  # folders that are known to be there

    def tree(self, inventory: Inventory) -> str:
        """The path of the results tree of an inventory."""
        return os.path.join(self._project, inventory.root)

    def path(self, run: str) -> str:
        """Where a run's record lies."""
        hash_ = run_hash(run)
        return f"{self.folder}/{hash_[:2]}/{hash_}.json"

    def get(self, inventory: Inventory, run: str) -> tuple[Record, bool]:
        """A run's record, as the inventory wants it, and whether the run had to be read for it."""
        found = self.find(inventory, run)
        if isinstance(found, Record):
            return found, False
        self.read(inventory, [found])
        return _as_record(orjson.loads(jsonfile.read_bytes(self.path(run)))["record"]), True

    def find(self, inventory: Inventory, run: str) -> Record | Wanted:
        """A run's record, as the inventory wants it, or what must be read for it."""
        fill, recompute = inventory.fill, inventory.recompute
        try:
            kept = _unsealed(jsonfile.read_bytes(self.path(run)), run)
            if (kept["extractor"], kept["signature"]) == (inventory.extractor, inventory.runs[run]):
                has_filled, has_recomputed = (kept["record"][part] is not None for part in ("filled", "recomputed"))
                if has_filled >= fill and has_recomputed >= recompute:
                    return _as_record(kept["record"])
                fill, recompute = fill or has_filled, recompute or has_recomputed  # going back reads nothing again
        except (OSError, ValueError):
            pass  # no record yet, or one that was damaged: made again
        return Wanted(run, inventory.runs[run], fill, recompute)

    def read(self, inventory: Inventory, wanted: Sequence[Wanted]) -> None:
        """Read runs, and write their records."""
        signatures = self.reader(inventory)(wanted)
        for one, signature in zip(wanted, signatures, strict=True):
            if signature != one.signature:
                self._changed[one.run] = (one.signature, signature)

    def reader(self, inventory: Inventory) -> Reader[Signature]:
        """What reads the runs of an inventory; always the same."""
        if not self._reader:
            self._reader = Reader(self.tree(inventory), partial(self.write, inventory.extractor))
        return self._reader

    def write(self, extractor: str, run: str, record: Record, signature: Signature) -> Signature:
        """Write a record; returns the signature."""
        made = {
            "extractor": extractor,
            "run": json.dumps(run),  # for people; the path may be no UTF-8
            "signature": signature,
            "record": _as_json(record),
        }
        self.put(run, _sealed(orjson.dumps(made), run))
        return signature

    def put(self, run: str, data: bytes) -> None:
        """Write the sealed bytes of a record."""
        path = self.path(run)
        folder = os.path.dirname(path)
        if folder not in self._made:
            with jsonfile.writing(folder):
                os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        jsonfile.write_atomically(path, data)

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

    def as_read(self, inventory: Inventory) -> bytes:
        """What an inventory holds after `correct`."""
        if not self._changed:
            return inventory.dump()
        runs = {run: self._changed.get(run, ("", signature))[1] for run, signature in inventory.runs.items()}
        return replace(inventory, runs=runs).dump()

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


_SEAL = b'{"checksum":"%08x",'


def _sealed(data: bytes, run: str) -> bytes:
    """A JSON object with a checksum of itself and of the run's path as its first entry."""
    rest = data[1:]
    return _SEAL % zlib.crc32(rest, zlib.crc32(os.fsencode(run))) + rest


def _unsealed(data: bytes, run: str) -> dict[str, Any]:
    """The object that was sealed for a run.

    Raises:
        ValueError: it is not as it was written, or is that of another run.
    """
    length = len(_SEAL % 0)
    if data[:length] != _sealed(b"{" + data[length:], run)[:length]:
        raise ValueError("damaged")
    content: dict[str, Any] = orjson.loads(data)
    return content


_PROBLEMS = tuple(field.name for field in fields(Record) if field.name.endswith("problems"))


def _as_json(record: Record) -> dict[str, Any]:
    content = {key: value for key, value in vars(record).items() if key != "run"}
    return content | {name: [tuple(problem) for problem in content[name]] for name in _PROBLEMS}


def _as_record(content: dict[str, Any]) -> Record:
    for name in _PROBLEMS:
        if content[name]:
            content[name] = [Problem(*problem) for problem in content[name]]
    return Record("", **content)


_AT_A_TIME, _BYTES_AT_A_TIME = 64, 2**24  # runs that are read before they are counted as done


def extract(inventory: Inventory, records: Records) -> Iterator[bool]:
    """Make the records of a batch's runs; yields for each whether it was read (else its record was current)."""
    read: list[bool] = []
    wanted: list[Wanted] = []
    size = 0
    for run in inventory.runs:
        kept = records.find(inventory, run)
        read.append(isinstance(kept, Wanted))
        if isinstance(kept, Wanted):
            wanted.append(kept)
            size += kept.size
        if len(read) == _AT_A_TIME or size > _BYTES_AT_A_TIME:
            records.read(inventory, wanted)
            yield from read
            read, wanted, size = [], [], 0
    records.read(inventory, wanted)
    yield from read
