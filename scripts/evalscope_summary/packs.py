"""Packs: archives that carry a batch to a job that shares no files with Snakemake, and its records back.

What is in one:

- `inventory.json`: the sources that are to be read, with the signatures of their files
- `records/<hh>/<hash>.json`: to a job, records that lack a part; back, records that were made
- `files/<folder>/<file>`: only with `ship_files`, the files that a source is read from
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
from .discovery import Claimed
from .inventory import Inventory, reader_digests, source_hash
from .readers import reader
from .records import Due, Records, signature_now
from .records import extract as make_records

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
    sources: dict[str, Claimed] = {}
    with _writing(target) as archive:
        for source, claimed in inventory.sources.items():
            if not isinstance(records.find(inventory, source), Due):
                continue
            if ship_files and not _add_files(archive, records.tree(inventory), source, claimed):
                continue
            sources[source] = claimed
            record = Path(records.path(source))
            if record.exists():
                _add(archive, str(record.relative_to(records.folder.parent)), record.read_bytes())
        root = "" if ship_files else records.tree(inventory)
        _add(archive, _INVENTORY, replace(inventory, root=root, sources=sources, problems=[]).dump())
    return len(sources)


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


def _folder(source: str, claimed: Claimed) -> str:
    """The folder of a source's files below the tree; who may read it agree on that."""
    return reader(claimed.readers[0]).folder(source)


def _add_files(archive: tarfile.TarFile, root: str, source: str, claimed: Claimed) -> bool:
    """Add the files of a source; returns whether they are all there, as they were found."""
    below = _folder(source, claimed)
    folder = f"{root}/{below}"
    for name, status in claimed.signature.items():
        if not status or os.path.islink(f"{folder}/{name}"):  # what SQLite reads lies beside a link's target
            return False
        try:
            descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK)  # a FIFO would wait for a writer
        except OSError:
            return False
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            entry = tarfile.TarInfo(f"files/{below}/{name}")
            entry.size = status[0]
            padded = _Padded(opened)
            archive.addfile(entry, padded)  # type: ignore[arg-type]  # only `read` is called
            if padded.is_damaged:
                return False
    return signature_now(root, source, claimed.readers) == claimed.signature


def extract(packed: Path, target: Path) -> Iterator[int]:
    """Read the runs of a pack, and pack their records; for a job. Yields how many runs there are, then 1 for each.

    A run whose files are not as they were found is left to the process that has the tree.

    Raises:
        WrongPlace: this is another version of the workflow, or the tree can't be seen from here.
    """
    with TemporaryDirectory(prefix="evalscope-summary-") as temporary:
        folder = Path(temporary)
        with tarfile.open(packed) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:  # Python before 3.11.4, such as that of Debian 12
                archive.extractall(folder)
        inventory = Inventory.load(folder / _INVENTORY)
        if inventory.readers != reader_digests(inventory.own_readers):
            raise WrongPlace(
                f"the evalscope-summary of this job, {Path(__file__).parents[2]}, is another version than the one that"
                " started it: use the same checkout or image for both"
            )
        if not inventory.root:
            inventory = replace(inventory, root=str(folder / "files"))
            _date(inventory)
        there = {
            source: claimed._replace(signature=signature_now(inventory.root, source, claimed.readers))
            for source, claimed in inventory.sources.items()
        }
        if _may_be_read(inventory.sources) and not _may_be_read(there):
            raise WrongPlace(
                f"none of the {len(there)} runs to read is below {inventory.root!r} on {os.uname().nodename}. Mount the"
                " results tree there under this path, or set `ship_files: true` to have the files of new and changed"
                " runs sent to jobs. If the runs were removed meanwhile, start again"
            )
        seen = replace(
            inventory, sources={s: claimed for s, claimed in inventory.sources.items() if there[s] == claimed}
        )
        records = Records(folder / "records")
        records.extractor(seen).start()  # before there is a thread that shows progress
        yield len(seen.sources)
        yield from (1 for _ in make_records(seen, records))
        records.extractor(seen).close()
        with _writing(target) as archive:
            for source in seen.sources:
                record = Path(records.path(source))
                _add(archive, str(record.relative_to(folder)), record.read_bytes())


def _may_be_read(sources: dict[str, Claimed]) -> bool:
    return any(any(claimed.signature.values()) for claimed in sources.values())


def _date(inventory: Inventory) -> None:
    """Date the files as they are dated in the tree; the dates in an archive are rounded."""
    for source, claimed in inventory.sources.items():
        for name, (_, date) in claimed.signature.items():
            os.utime(f"{inventory.root}/{_folder(source, claimed)}/{name}", ns=(date, date))


def unpack(packed: Path, inventory: Inventory, records: Records) -> int:
    """Put the records of a pack to the others, if the batch has their runs; return how many there were."""
    sources = {f"{hash_[:2]}/{hash_}.json": path for path in inventory.sources if (hash_ := source_hash(path))}
    count = 0
    with tarfile.open(packed) as archive:
        for entry in archive:
            match = _RECORD.fullmatch(entry.name)
            file = archive.extractfile(entry) if match else None
            if match and file and match[1] in sources:
                records.put(sources[match[1]], file.read())
                count += 1
    return count
