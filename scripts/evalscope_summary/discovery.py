"""Finding what runs are read from below a results tree: one pass of `os.scandir`, one `stat` per source file. What a
folder holds is the readers' to say; no file is opened."""

import errno
import gc
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from .problems import Problem, storable
from .progress import Progress
from .readers import READERS
from .readers.base import Listing, Reader, Signature, Source, Trace

_ADDRESS = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class MissingTree(Exception):
    """The results tree is no folder that can be listed; the text says what to do."""


class Claimed(NamedTuple):
    """A source of the tree.

    Attributes:
        readers: the names of those that may find runs in it, in their order.
        signature: of its files.
    """

    readers: tuple[str, ...]
    signature: Signature


@dataclass
class Tree:
    """What lies below a results tree.

    Attributes:
        sources: path below the tree → who may read it, and the signature of its files.
        problems: folders that should hold a run and don't, as rows of `summary_problems`.
    """

    sources: dict[str, Claimed] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)


def discover(
    root: str,
    exclude: Sequence[str] = (),
    own: Sequence[str] = (),
    progress: Progress | None = None,
    readers: Sequence[Reader] = READERS,
) -> Tree:
    """Walk a results tree.

    Hidden folders, those of others (`Reader.foreign_folders`) and our own are not entered. Symlinked folders are
    followed, unless they lead back to a folder above.

    Args:
        root: the results tree.
        exclude: glob patterns on paths below the tree (`*` matches `/` too); what matches is left out with all in it.
        own: paths of folders that this workflow writes to.
        progress: counts the sources.
        readers: are asked what a folder holds.

    Raises:
        MissingTree: `root` can't be listed.
    """
    if not os.path.isdir(root):
        if _ADDRESS.match(root):
            raise MissingTree(
                f"the results tree {root!r} is an address, and results are read as files: set `results_dir` (or"
                " --results-dir) to a folder where it is mounted (rclone mount, for example) or copied to"
            )
        raise MissingTree(
            f"the results tree {root!r} does not exist, or is no folder: set `results_dir` (or --results-dir) to the"
            " folder that evalscope's --outputs-dir points to, or mount it"
        )
    collecting = gc.isenabled()
    gc.disable()  # nothing here is garbage, and looking for it again and again among all that there is takes long
    try:
        return _Walk(root, exclude, own, progress, readers).walk()
    finally:
        if collecting:
            gc.enable()


class _Walk:
    def __init__(
        self,
        root: str,
        exclude: Sequence[str],
        own: Sequence[str],
        progress: Progress | None,
        readers: Sequence[Reader],
    ) -> None:
        self.root = root
        self.exclude = exclude
        real_root = os.path.realpath(root)
        self.own = frozenset(os.path.relpath(os.path.realpath(path), real_root) for path in own)
        self.progress = progress or Progress("")
        self.readers = [reader for reader in readers if not reader.endings]
        self.of_files = [reader for reader in readers if reader.endings]
        self.endings = tuple({ending for reader in self.of_files for ending in reader.endings})
        self.known = frozenset[str]().union(*(reader.known_files for reader in readers))
        self.foreign = frozenset[str]().union(*(reader.foreign_folders for reader in readers))
        self.tree = Tree()
        self.unless_below: list[Trace] = []

    def walk(self) -> Tree:
        stack = [""]  # an explicit one: trees may be deeper than Python's recursion limit
        while stack:
            stack += self.look(stack.pop())
        explained: set[str] = set()  # folders with a run, or something else that is mentioned, in or below them
        for path in (*self.tree.sources, *self.tree.problems) if self.unless_below else ():
            while path not in explained:
                explained.add(path)
                path = os.path.dirname(path)
        for trace in self.unless_below:
            if trace.path not in explained:
                self.note(trace.path, trace.code, trace.file, trace.message)
        return self.tree

    def note(self, path: str, code: str, file: str, message: str) -> None:
        self.tree.problems[path] = Problem("skipped", code, storable(path), file, message)

    def look(self, path: str) -> list[str]:
        """List one folder; return the folders to enter."""
        entries: dict[str, os.DirEntry[str]] = {}
        folders: dict[str, str] = {}
        try:
            with os.scandir(f"{self.root}/{path}") as found:
                for entry in found:
                    name = entry.name
                    entries[name] = entry
                    if not name.startswith(".") and name not in self.foreign and self.is_folder(path, entry):
                        below = f"{path}/{name}" if path else name
                        if not self.left_out(below, entry):
                            folders[name] = below
        except OSError as error:
            if not path:
                raise MissingTree(f"the results tree {self.root!r} can't be listed: {error.strerror}") from error
            message = f"the folder can't be listed: {error.strerror}; what is in it is missing from the tables"
            self.note(path, "incomplete", "", message)
            return []
        for reader in self.readers:
            self.ask(reader, Listing(path, entries.keys()), entries, folders)
        endings, known = self.endings, self.known
        if files := [name for name in entries if name.endswith(endings) and name not in known]:
            for reader in self.of_files:
                if own := frozenset(name for name in files if name.endswith(reader.endings)):
                    self.ask(reader, Listing(path, own), entries, folders)
        return list(folders.values())

    def ask(
        self, reader: Reader, listing: Listing, entries: Mapping[str, os.DirEntry[str]], folders: dict[str, str]
    ) -> None:
        """Note what a reader says that a folder holds; what is called like a file of its is not entered."""
        for claimed in reader.sources(listing):
            for name in claimed.foreign:
                folders.pop(name, None)
            if isinstance(claimed, Source):
                self.claim(reader.name, claimed, entries)
                for name in claimed.files:
                    folders.pop(name, None)
            elif claimed.unless_below:
                self.unless_below.append(claimed)
            else:
                self.note(listing.path, claimed.code, claimed.file, claimed.message)

    def claim(self, reader: str, source: Source, entries: Mapping[str, os.DirEntry[str]]) -> None:
        """Note a source; several readers may claim one, and only reading it shows whose it is."""
        signature = {name: _sign(entries[name]) for name in sorted(source.files)}
        before = self.tree.sources.get(source.path)
        if before:
            self.tree.sources[source.path] = Claimed((*before.readers, reader), before.signature | signature)
        else:
            self.tree.sources[source.path] = Claimed((reader,), signature)
            self.progress.done += 1

    def is_folder(self, path: str, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError as error:
            if error.errno != errno.ELOOP:  # what leads nowhere is none
                below = f"{path}/{entry.name}" if path else entry.name
                message = f"it can't be looked at: {error.strerror}; a run in it is missing from the tables"
                self.note(below, "incomplete", "", message)
            return False

    def left_out(self, path: str, entry: os.DirEntry[str]) -> bool:
        if path in self.own or any(fnmatchcase(path, pattern) for pattern in self.exclude):
            return True
        return entry.is_symlink() and self.leads_back(path)

    def leads_back(self, path: str) -> bool:
        """Whether a symlinked folder is one of the folders above it."""
        try:
            target = os.stat(os.path.join(self.root, path))
        except OSError:
            return True  # it can't be entered either
        above = path
        while above:
            above = os.path.dirname(above)
            try:
                if os.path.samestat(target, os.stat(os.path.join(self.root, above))):
                    return True
            except OSError:
                return True  # removed meanwhile
        return False


def signature_of(folder: str, names: Iterable[str]) -> Signature:
    """The signature of files in a folder as it is now, as `discover` finds it; those that are not there have none.

    Args:
        folder: where they lie.
        names: of the files that a source may have.
    """
    found: Signature = {}
    for name in names:
        path = f"{folder}/{name}"
        try:
            found[name] = _signed(os.stat(path), path)
        except OSError as error:
            there = os.path.lexists(path) if error.errno in _ABSENT else _may_hold(folder, name)
            if there:
                found[name] = []
    return found


_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def _may_hold(folder: str, name: str) -> bool:
    """Whether a folder lists a name; it may be listed where one may not enter it, and ask about what is in it."""
    try:
        return name in os.listdir(folder)
    except OSError:
        return True  # reading it says what is wrong


def _sign(entry: os.DirEntry[str]) -> list[int]:
    try:
        return _signed(entry.stat(), entry.path)
    except OSError:  # a symlink to nowhere, or no permission: reading it will say so
        return []


def _signed(status: os.stat_result, path: str) -> list[int]:
    mode = status.st_mode
    if not stat.S_ISREG(mode):
        return []
    if mode & _READABLE != _READABLE and not os.access(path, os.R_OK):
        return []  # not its date: when it may be read, at another time or by another user, the signature is another one
    return [status.st_size, status.st_mtime_ns & _64_BITS]


_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_64_BITS = 2**64 - 1  # what our JSON can hold; dates before 1970 and after 2554 become others
