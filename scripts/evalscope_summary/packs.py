"""Packs: archives that carry a batch to a job that shares no files with Snakemake, and its records back.

What is in one:

- `inventory.json`: the runs that are to be read, with the signatures of their files
- `records/<hh>/<hash>.json`: to a job, records that lack a part; back, records that were made
- `files/<path of run>/<file>`: only with `ship_files`, the files that a run is read from
"""

import gzip
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from . import jsonfile
from .discovery import Signature, signature_of
from .inventory import RECORD_MODULES, RECORD_PROGRAM, Inventory, run_hash, sources_digest
from .records import Records
from .records import extract as make_records
from .run import Record

_INVENTORY = "inventory.json"
_RECORD = re.compile(r"records/([0-9a-f]{2}/[0-9a-f]{32}\.json)")


class WrongPlace(SystemExit):
    """A job can't read its runs where it was started; ends a program with a text that says what to do."""


@contextmanager
def _writing(path: Path) -> Iterator[tarfile.TarFile]:
    # without a date or name in it: the same content gives the same bytes
    with (
        jsonfile.writing(path),
        open(path, "wb") as file,
        gzip.GzipFile("", "wb", 1, file, 0) as compressed,
        tarfile.open(mode="w", fileobj=compressed, format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def pack(inventory: Inventory, records: Records, target: Path, ship_files: bool) -> int:
    """Pack what a job needs to read the runs of a batch that have no record yet, or one that lacks a part.

    With `ship_files`, runs whose files can't be sent as they were found (they change, are links, or can't be read) are
    left to the process that has the tree.

    Returns:
        How many runs there are in it.
    """
    runs: dict[str, Signature] = {}
    with _writing(target) as archive:
        for run, signature in inventory.runs.items():
            if isinstance(records.find(inventory, run), Record):
                continue
            if ship_files and not _add_files(archive, records.tree(inventory), run, signature):
                continue
            runs[run] = signature
            record = Path(records.path(run))
            if record.exists():
                _add(archive, str(record.relative_to(records.folder.parent)), record.read_bytes())
        root = "" if ship_files else records.tree(inventory)
        _add(archive, _INVENTORY, replace(inventory, root=root, runs=runs, problems=[]).dump())
    return len(runs)


class _Padded:
    """A file that goes on with zeros where it is cut off meanwhile: an archive holds as many bytes as it says."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.is_damaged = False

    def read(self, size: int) -> bytes:
        try:
            return self.file.read(size).ljust(size, b"\0")
        except OSError:
            self.is_damaged = True
            return bytes(size)


def _add_files(archive: tarfile.TarFile, root: str, run: str, signature: Signature) -> bool:
    """Add the files of a run; returns whether they are all there, as they were found."""
    folder = f"{root}/{run}"
    for name, status in signature.items():
        if not status or os.path.islink(f"{folder}/{name}"):  # what SQLite reads lies beside a link's target
            return False
        try:
            descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK)  # a FIFO would wait for a writer
        except OSError:
            return False
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            entry = tarfile.TarInfo(f"files/{run}/{name}")
            entry.size = status[0]
            padded = _Padded(opened)
            archive.addfile(entry, padded)  # type: ignore[arg-type]  # only `read` is called
            if padded.is_damaged:
                return False
    return signature_of(folder) == signature


def extract(packed: Path, target: Path) -> Iterator[int]:
    """Read the runs of a pack, and pack their records; for a job. Yields how many runs there are, then 1 for each.

    A run whose files are not as they were found is left to the process that has the tree.

    Raises:
        WrongPlace: this is another version of the workflow, or the tree can't be seen from here.
    """
    with TemporaryDirectory(prefix="evalscope-summary-") as temporary:
        folder = Path(temporary)
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        inventory = Inventory.load(folder / _INVENTORY)
        if inventory.extractor != sources_digest(RECORD_PROGRAM, RECORD_MODULES):
            raise WrongPlace(
                f"the evalscope-summary of this job, {Path(__file__).parents[2]}, is another version than the one that"
                " started it: use the same checkout or image for both"
            )
        if not inventory.root:
            inventory = replace(inventory, root=str(folder / "files"))
            _date(inventory)
        there = {run: signature_of(f"{inventory.root}/{run}") for run in inventory.runs}
        if _may_be_read(inventory.runs) and not _may_be_read(there):
            raise WrongPlace(
                f"none of the {len(there)} runs to read is below {inventory.root!r} on {os.uname().nodename}. Mount the"
                " results tree there under this path, or set `ship_files: true` to have the files of new and changed"
                " runs sent to jobs. If the runs were removed meanwhile, start again"
            )
        seen = replace(
            inventory, runs={run: signature for run, signature in inventory.runs.items() if there[run] == signature}
        )
        records = Records(folder / "records")
        records.reader(seen).start()  # before there is a thread that shows progress
        yield len(seen.runs)
        yield from (1 for _ in make_records(seen, records))
        records.reader(seen).close()
        with _writing(target) as archive:
            for run in seen.runs:
                record = Path(records.path(run))
                _add(archive, str(record.relative_to(folder)), record.read_bytes())


def _may_be_read(runs: dict[str, Signature]) -> bool:
    return any(any(signature.values()) for signature in runs.values())


def _date(inventory: Inventory) -> None:
    """Date the files as they are dated in the tree; the dates in an archive are rounded."""
    for run, signature in inventory.runs.items():
        for name, (_, date) in signature.items():
            os.utime(f"{inventory.root}/{run}/{name}", ns=(date, date))


def unpack(packed: Path, inventory: Inventory, records: Records) -> int:
    """Put the records of a pack to the others, if the batch has their runs; return how many there were."""
    runs = {f"{hash_[:2]}/{hash_}.json": run for run in inventory.runs if (hash_ := run_hash(run))}
    count = 0
    with tarfile.open(packed) as archive:
        for entry in archive:
            found = _RECORD.fullmatch(entry.name)
            file = archive.extractfile(entry) if found else None
            if found and file and found[1] in runs:
                records.put(runs[found[1]], file.read())
                count += 1
    return count
