"""The records of runs: one normalized JSON per source, kept as long as the files that it was made from."""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from . import jsonfile
from .bounded import Failure, Workers
from .discovery import Claimed
from .inventory import Inventory, batch_of, source_hash
from .problems import Problem
from .readers import reader
from .readers.base import Signature
from .record import Part, Record, Wanted
from .signatures import signature_of

_ATTEMPTS = 3
_SECONDS = 20  # of computing for any source; small ones take less than a thousandth
_BYTES_A_SECOND = 2**24  # large ones are read at thirty times that, and more

Result = TypeVar("Result")


def computing_seconds(claimed: Claimed) -> float:
    """Seconds of computing that reading a source may take."""
    return _SECONDS + claimed.size / _BYTES_A_SECOND


class Due(NamedTuple):
    """A source that is to be read.

    Attributes:
        path: below the results tree.
        claimed: who may read it, and the signature of its files when they were found.
        wanted: what to compute from the request rows.
    """

    path: str
    claimed: Claimed
    wanted: Set[Wanted]

    @property
    def size(self) -> int:
        """Bytes of its files, as they were found."""
        return self.claimed.size


def read_settled(root: str, due: Due, failure: Failure | None = None) -> tuple[list[Record], Signature]:
    """Read a source, and again if its files changed meanwhile, so that a row never mixes two states of a run.

    Args:
        root: the results tree.
        due: what to read.
        failure: as for `Reader.read`.

    Returns:
        The records of its runs, and the signature of the files that they were made from; empty if they changed at each
        attempt, or what is wrong may be over at the next start: no files have it, so they are read again then. A file
        that may not be read has a signature of its own; if one could not be read though it looked as if it could (an
        access control list says no), the next start tries again.
    """
    signature, names = due.claimed.signature, due.claimed.readers
    for _ in range(_ATTEMPTS):
        records = read_source(root, due.path, names, signature, due.wanted, failure)
        now = signature_now(root, due.path, names)
        if now == signature:
            unforeseen = any(signature.get(file) for record in records for file in record.denied)
            return records, {} if unforeseen or any(record.passing for record in records) else signature
        signature = now
    if not all(record.skipped for record in records):
        message = "its files change while they are read: the test goes on, or it is being copied; run again later"
        records = [_skipped(due.path, "incomplete", message)]
    return records, {}


def read_source(
    root: str,
    path: str,
    names: Sequence[str],
    signature: Signature,
    wanted: Set[Wanted],
    failure: Failure | None = None,
) -> list[Record]:
    """What the readers that claim a source find in it: it is one's, or nobody's.

    Args:
        root: the results tree.
        path: of the source below it.
        names: of the readers.
        signature: of its files.
        wanted: what to compute from the request rows.
        failure: as for `Reader.read`.
    """
    by_reader = [
        (name, records) for name in names if (records := reader(name).read(root, path, signature, wanted, failure))
    ]
    if len(by_reader) > 1:
        message = f"it can be read as results of {' and of '.join(name for name, _ in by_reader)}; it is left out"
        return [_skipped(path, "unknown-format", message)]
    for name, records in by_reader:
        for record in records:
            record.common.values.setdefault("tool", name)
    return [record for _, records in by_reader for record in records]


def signature_now(root: str, path: str, names: Sequence[str]) -> Signature:
    """The signature of a source's files as they are now.

    Args:
        root: the results tree.
        path: of the source below it.
        names: of the readers that claim it.
    """
    signature: Signature = {}
    for one in map(reader, names):
        folder = one.folder(path)
        signature |= signature_of(f"{root}/{folder}" if folder else root, one.files(path))
    return signature


def _skipped(path: str, code: str, message: str) -> Record:
    record = Record(path, derived={"filled": Part(), "recomputed": Part()})
    record.note("skipped", code, "", message)
    return record


class Extractor(Generic[Result]):
    """Reads sources in a process of its own, so that one that would take all time or memory is a problem of that one;
    in several where the storage answers late.

    Args:
        root: the results tree.
        finish: what to do in that process with a source, its records and the signature that `read_settled` returns; its
            result is handed over.
    """

    def __init__(self, root: str, finish: Callable[[Due, list[Record], Signature], Result]) -> None:
        self.root = root
        self._finish = finish
        self._worker = Workers(self._read, lambda item: computing_seconds(item[0].claimed))
        self.start, self.close = self._worker.start, self._worker.close

    def _read(self, item: tuple[Due, Failure | None]) -> Result:
        due, failure = item
        return self._finish(due, *read_settled(self.root, due, failure))

    def __call__(self, due: Sequence[Due]) -> list[Result]:
        """Read sources; returns the results in their order."""
        results = []
        for one, result in zip(due, self._worker([(one, None) for one in due]), strict=True):
            if isinstance(result, Failure):
                (result,) = self._worker([(one, result)])  # most likely it is the request rows: the rest is a row then
            if isinstance(result, Failure):
                message = f"reading its files {result.message}: one is damaged; copy them again, or run the test again"
                record = _skipped(one.path, "unreadable-json", message)
                result = self._finish(one, [record], {} if result.passing else one.claimed.signature)
            results.append(result)
        return results


class Records:
    """The records of a tree, one file per source (for evalscope, a run)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._extractor: Extractor[Signature] | None = None
        self._project = os.path.realpath(folder / "../../..")  # what `inventory.place` starts from
        self._changed: dict[str, tuple[Signature, Signature]] = {}  # source → signature when found, when read
        self._made: set[str] = set()  # folders that are known to be there

    def tree(self, inventory: Inventory) -> str:
        """The path of the results tree of an inventory."""
        return os.path.join(self._project, inventory.root)

    def path(self, source: str) -> str:
        """Where the records of a source lie."""
        hash_ = source_hash(source)
        return f"{self.folder}/{hash_[:2]}/{hash_}.json"

    def get(self, inventory: Inventory, source: str) -> list[Record]:
        """The records of a source's runs, as the inventory wants them; it is read if need be."""
        kept = self.find(inventory, source)
        if isinstance(kept, Due):
            self.read(inventory, [kept])
            kept = _records(_unsealed(jsonfile.read_bytes(self.path(source)), source))
        return kept

    def find(self, inventory: Inventory, source: str) -> list[Record] | Due:
        """The records of a source's runs, as the inventory wants them, or what must be read for that."""
        claimed = inventory.sources[source]
        wanted = frozenset(inventory.wanted)
        try:
            kept = _unsealed(jsonfile.read_bytes(self.path(source)), source)
            if (kept["readers"], kept["signature"]) == (inventory.digests(claimed), claimed.signature):
                records = _records(kept)
                if all(wanted <= record.derived.keys() for record in records):
                    return records
                wanted = wanted.union(*(record.derived for record in records))  # going back reads nothing again
        except (OSError, ValueError):
            pass  # no records yet, or damaged ones: made again
        return Due(source, claimed, wanted)

    def read(self, inventory: Inventory, due: Sequence[Due]) -> None:
        """Read sources, and write their records."""
        for one, signature in zip(due, self.extractor(inventory)(due), strict=True):
            if signature != one.claimed.signature:
                self._changed[one.path] = (one.claimed.signature, signature)

    def extractor(self, inventory: Inventory) -> Extractor[Signature]:
        """What reads the sources of an inventory; always the same."""
        if not self._extractor:
            self._extractor = Extractor(self.tree(inventory), partial(self.write, inventory))
        return self._extractor

    def write(self, inventory: Inventory, due: Due, records: list[Record], signature: Signature) -> Signature:
        """Write the records of a source; returns the signature."""
        content = {
            "readers": inventory.digests(due.claimed),
            "source": json.dumps(due.path),  # for people; the path may be no UTF-8
            "signature": signature,
            "records": [_as_json(record) for record in records],
        }
        self.put(due.path, _sealed(orjson.dumps(content), due.path))
        return signature

    def put(self, source: str, data: bytes) -> None:
        """Write the sealed bytes of the records of a source."""
        path = self.path(source)
        folder = os.path.dirname(path)
        if folder not in self._made:
            with jsonfile.writing(folder):
                os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        jsonfile.write_atomically(path, data)

    def correct(self, path: Path) -> None:
        """Put into an inventory the signatures of the sources whose files changed until they were read.

        Should the files be again what they were when they were found, the next start sees that, and reads them again.
        The date stays, as nothing has to be made anew now.
        """
        if self._changed:
            date = path.stat().st_mtime_ns
            inventory = Inventory.load(path)  # anew: this may be what is left of a killed start, beside the next one
            for source, (found, read) in self._changed.items():
                claimed = inventory.sources.get(source)
                if claimed and claimed.signature == found:
                    inventory.sources[source] = claimed._replace(signature=read)
            jsonfile.write_atomically(path, inventory.dump())
            os.utime(path, ns=(date, date))

    def corrected(self, inventory: Inventory) -> Inventory:
        """What an inventory is after `correct`."""
        read = {
            source: inventory.sources[source]._replace(signature=signature)
            for source, (_, signature) in self._changed.items()
            if source in inventory.sources
        }
        return replace(inventory, sources=inventory.sources | read) if read else inventory

    def remove_others(self, inventory: Inventory, batch: int, batches: int, left_out: Set[str] = frozenset()) -> int:
        """Remove records of sources that the batch no longer has, and left-over temporary files; return how many.

        Args:
            inventory: of the batch.
            batch: its index.
            batches: how many there are.
            left_out: of `discovery.Tree`: records of what is there, but not wanted now, are kept.
        """
        wanted = {f"{source_hash(source)}.json" for source in (*inventory.sources, *left_out)}
        return remove_others(
            self.folder, wanted, batch, batches, lambda path: bool(left_out) and is_below(_source(path), left_out)
        )


def remove_others(
    folder: Path, wanted: Set[str], batch: int, batches: int, keep: Callable[[Path], bool] = lambda path: False
) -> int:
    """Remove the files of a batch that are not wanted; return how many.

    Args:
        folder: with a folder for each first byte of a source's hash.
        wanted: names of files.
        batch: its index.
        batches: how many there are.
        keep: asked of a file that is not wanted, whether it stays nevertheless.
    """
    removed = 0
    for byte in range(256):
        prefix = f"{byte:02x}"
        if batch_of(prefix, batches) != batch:
            continue
        try:
            names = os.listdir(folder / prefix)
        except FileNotFoundError:
            continue
        for name in names:
            if name not in wanted and not keep(folder / prefix / name):
                (folder / prefix / name).unlink(missing_ok=True)
                removed += 1
    return removed


def _source(path: Path) -> str:
    """The source whose records a file holds; empty if it is left over, or damaged."""
    try:
        source: str = json.loads(orjson.loads(jsonfile.read_bytes(str(path)))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return source


def is_below(source: str, folders: Set[str]) -> bool:
    """Whether a source lies in one of these folders, however deep."""
    while source:
        source = os.path.dirname(source)
        if source in folders:
            return True
    return False


_SEAL = b'{"checksum":"%08x",'


def _sealed(data: bytes, source: str) -> bytes:
    """A JSON object with a checksum of itself and of the source's path as its first entry."""
    rest = data[1:]
    return _SEAL % zlib.crc32(rest, zlib.crc32(os.fsencode(source))) + rest


def _unsealed(data: bytes, source: str) -> dict[str, Any]:
    """The object that was sealed for a source.

    Raises:
        ValueError: it is not as it was written, or is that of another source.
    """
    length = len(_SEAL % 0)
    if data[:length] != _sealed(b"{" + data[length:], source)[:length]:
        raise ValueError("damaged")
    content: dict[str, Any] = orjson.loads(data)
    return content


def _as_json(record: Record) -> dict[str, Any]:
    parts = {"common": record.common, "reported": record.reported}
    content = {key: value for key, value in vars(record).items() if key not in ("run", *parts)}
    as_lists = {name: _part_as_json(part) for name, part in parts.items()}
    return content | as_lists | {"derived": {name: _part_as_json(part) for name, part in record.derived.items()}}


def _part_as_json(part: Part) -> list[Any]:
    return [part.values, [tuple(problem) for problem in part.problems]]


def _as_record(content: dict[str, Any]) -> Record:
    content["common"], content["reported"] = _as_part(content["common"]), _as_part(content["reported"])
    content["derived"] = {name: _as_part(part) for name, part in content["derived"].items()}
    return Record("", **content)


def _as_part(content: list[Any]) -> Part:
    values, problems = content
    return Part(values, [Problem(*problem) for problem in problems])


def _records(content: dict[str, Any]) -> list[Record]:
    return [_as_record(record) for record in content["records"]]


_AT_A_TIME, _BYTES_AT_A_TIME = 64, 2**24  # sources that are read before they are counted as done
_AT_FIRST = 8  # to see whether they wait


def extract(inventory: Inventory, records: Records) -> Iterator[bool]:
    """Make the records of a batch's sources; yields for each whether it was read (else its records were current)."""
    read: list[bool] = []
    due: list[Due] = []
    size, enough = 0, _AT_FIRST
    for source in inventory.sources:
        kept = records.find(inventory, source)
        read.append(isinstance(kept, Due))
        if isinstance(kept, Due):
            due.append(kept)
            size += kept.size
        if len(read) == enough or size > _BYTES_AT_A_TIME:
            records.read(inventory, due)
            yield from read
            read, due, size, enough = [], [], 0, _AT_A_TIME
    records.read(inventory, due)
    yield from read
