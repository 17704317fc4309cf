"""Finding what runs are read from below a results tree: one pass of `os.scandir`, one `stat` per source file. What a
folder holds is the readers' to say; no file is opened but labels files. Several processes share many folders, and where
answers take long (network file systems), threads in each of them ask many questions at once."""

import errno
import gc
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from . import folder_labels, signatures
from .ahead import Ahead
from .bounded import Failure, Worker, processors, sleeps
from .problems import Problem, storable
from .progress import Progress
from .readers import READERS
from .readers.base import Listing, Reader, Signature, Source, Trace
from .selection import Selection

if TYPE_CHECKING:
    pass

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

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(status[0] for status in self.signature.values() if status)


@dataclass
class Tree:
    """What lies below a results tree.

    Attributes:
        sources: path below the tree → who may read it, and the signature of its files.
        problems: folders that should hold a run and don't, as rows of `summary_problems`.
        left_out: paths of what is there and not wanted: folders, which were not entered, and sources.
        unmatched: the patterns of `exclude` that matched nothing.
        labels: folder → the labels file in it.
    """

    sources: dict[str, Claimed] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    unmatched: tuple[str, ...] = ()
    labels: dict[str, folder_labels.Found] = field(default_factory=dict)


def discover(
    root: str,
    exclude: Sequence[str] = (),
    own: Sequence[str] = (),
    progress: Progress | None = None,
    readers: Sequence[Reader] = READERS,
    *,
    since: str = "",
    until: str = "",
    labels_file: str = "",
    name: str = "",
) -> Tree:
    """Walk a results tree.

    Hidden folders, those of others (`Reader.foreign_folders`) and our own are not entered. Symlinked folders are
    followed, unless they lead back to a folder above.

    Args:
        root: the results tree.
        exclude: glob patterns on paths below the tree (`*` matches `/` too); what matches is left out with all in it.
        own: paths of folders and files that this workflow writes to.
        progress: counts the sources.
        readers: are asked what a folder holds.
        since: what is older by its timestamp is left out, as far as paths show it; empty: nothing is.
        until: the same for what is newer.
        labels_file: name of the files with labels; empty: there are none.
        name: of the tree, if it is one of several: `exclude` is about paths that begin with it.

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
        return _Walk(root, own, progress, readers, Selection(exclude, since, until, name), labels_file).walk()
    finally:
        if collecting:
            gc.enable()


class _Walk:
    def __init__(
        self,
        root: str,
        own: Sequence[str],
        progress: Progress | None,
        readers: Sequence[Reader],
        selection: Selection,
        labels_file: str,
    ) -> None:
        self.root = root
        self.selection = selection
        self.labels_file = labels_file
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
        whole = self.selection.tree and self.selection.excludes("")  # of several trees
        self.below([] if whole else [""], _MANY)
        explained: set[str] = set()  # folders with a run, or something else that is mentioned, in or below them
        by_name = {reader.name for reader in self.of_files}  # whose files may turn out to be anybody's
        runs = (path for path, claimed in self.tree.sources.items() if by_name.isdisjoint(claimed.readers))
        for path in (*runs, *self.tree.problems) if self.unless_below else ():
            while path not in explained:
                explained.add(path)
                path = os.path.dirname(path)
        for trace in self.unless_below:
            if trace.path not in explained:
                self.tree.problems[trace.path] = _problem(trace.path, trace.code, trace.message, trace.file)
        self.tree.left_out, self.tree.unmatched = self.selection.left_out, self.selection.unmatched
        return self.tree

    def below(self, stack: list[str], alone: float = math.inf) -> None:
        """Look at folders and all that is below them.

        Args:
            stack: paths of the folders, the last one first; explicit, as trees may be deeper than Python may recurse.
            alone: how many to look at before other processes help, or fewer if the storage answers late; infinite if
                this process is one of several.
        """
        slow_ones, looked, slept = 0, 0, sleeps()
        while stack:
            is_slow = slow_ones >= _SLOW_ONES and len(stack) > 1
            if looked == alone or (is_slow and alone < math.inf):
                self.below_together(stack, _PROCESSES if is_slow else min(_PROCESSES, processors()))
                return
            if is_slow:
                break
            begin = time.perf_counter()
            stack += self.take(self.look(stack.pop()))
            looked += 1
            if time.perf_counter() - begin > _SLOW and sleeps() > slept:
                slow_ones, slept = slow_ones + 1, sleeps()
            else:
                slow_ones = 0
        if stack:
            with Ahead(self.look, stack) as ahead:
                while stack:
                    stack += self.take(ahead.folder(stack.pop()))

    def below_together(self, stack: list[str], processes: int) -> None:
        """The same in several processes; what is found is in the same order."""
        size = -(-len(stack) // min(processes, len(stack)))
        *others, rest = (stack[begin : begin + size] for begin in range(0, len(stack), size))
        with ExitStack() as ends:
            workers = [ends.enter_context(closing(Worker(self.found_below, lambda _: _SECONDS))) for _ in others]
            for worker, part in zip(workers, others, strict=True):
                worker.begin(part)
            self.below(rest)
            for worker, part in zip(reversed(workers), reversed(others), strict=True):
                answer = worker.end(part)
                if isinstance(answer, Failure):  # it was short of memory
                    self.below(part)
                else:
                    self.add(*answer)

    def found_below(self, stack: list[str]) -> "_Found":
        """What another process hands over to `add`: what is below these folders."""
        self.tree, self.unless_below = Tree(), []
        self.below(stack)
        return self.tree, self.unless_below, self.selection.answers

    def add(self, tree: Tree, unless_below: list[Trace], answers: tuple[set[str], set[str]]) -> None:
        """Note what another process found."""
        self.tree.sources |= tree.sources
        self.tree.problems |= tree.problems
        self.tree.labels |= tree.labels
        self.unless_below += unless_below
        self.selection.learn(answers)
        self.progress.done += len(tree.sources)

    def take(self, folder: "_Folder") -> list[str]:
        """Note what was found in a folder; return the folders to enter."""
        for reader, source, signature in folder.claims:
            self.claim(reader, source, signature)
        self.tree.problems.update(folder.problems)
        self.unless_below += folder.unless_below
        self.tree.labels.update(folder.labels)
        return folder.enter

    def look(self, path: str) -> "_Folder":
        """List one folder, and look at what is in it; as several threads may do it at once, all that changes is which
        paths are left out, in whatever order."""
        looked = _Folder([], [], {}, [], {})
        entries: dict[str, os.DirEntry[str]] = {}
        folders: dict[str, str] = {}
        foreign = self.foreign
        try:
            with os.scandir(f"{self.root}/{path}") as listed:
                for entry in listed:
                    name = entry.name
                    entries[name] = entry
                    if name[0] == "." or name in foreign:
                        continue
                    try:
                        if not entry.is_dir():
                            continue
                    except OSError as error:
                        _cant_look(path, name, error, looked)
                        continue
                    below = f"{path}/{name}" if path else name
                    if not self.left_out(below, entry):
                        folders[name] = below
        except OSError as error:
            if not path:
                raise MissingTree(f"the results tree {self.root!r} can't be listed: {error.strerror}") from error
            message = f"the folder can't be listed: {error.strerror}; what is in it is missing from the tables"
            return _Folder([], [], {path: _problem(path, "incomplete", message)}, [], {})
        names = entries.keys()
        listing = Listing(path, names)
        for reader in self.readers:
            for claimed in reader.sources(listing):
                _note(reader, claimed, path, entries, folders, looked, self.selection)
        known = self.known
        if not names <= known:  # as in the folders of most runs
            if self.labels_file in entries and self.labels_file not in folders:
                self.look_at_labels(path, looked)
            files = [name for name in entries if name.endswith(self.endings) and name not in known]
            files = [name for name in files if (f"{path}/{name}" if path else name) not in self.own]
            files = [name for name in files if name != self.labels_file]
            for reader in self.of_files if files else ():
                if its_files := frozenset(name for name in files if name.endswith(reader.endings)):
                    for claimed in reader.sources(Listing(path, its_files)):
                        _note(reader, claimed, path, entries, folders, looked, self.selection)
        looked.enter.extend(folders.values())
        return looked

    def look_at_labels(self, folder: str, looked: "_Folder") -> None:
        """Read the labels file of a folder, unless it is excluded."""
        path = f"{folder}/{self.labels_file}" if folder else self.labels_file
        if self.selection.wants_all or not self.selection.excludes(path):
            looked.labels[folder] = folder_labels.read(f"{self.root}/{path}")

    def claim(self, reader: str, source: str, signature: Signature) -> None:
        """Note a source; several readers may claim one, and only reading it shows whose it is."""
        before = self.tree.sources.get(source)
        if before:
            self.tree.sources[source] = Claimed((*before.readers, reader), before.signature | signature)
        else:
            self.tree.sources[source] = Claimed((reader,), signature)
            self.progress.done += 1

    def left_out(self, path: str, entry: os.DirEntry[str]) -> bool:
        if path in self.own or (not self.selection.wants_all and self.selection.excludes(path)):
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


class _Folder(NamedTuple):
    """What was found in a folder.

    Attributes:
        claims: reader, path and signature of each source.
        enter: paths of the folders to enter.
        problems: path → what is wrong there.
        unless_below: traces that are no problem if anything else is found.
        labels: the labels file in it, by its own path.
    """

    claims: list[tuple[str, str, Signature]]
    enter: list[str]
    problems: dict[str, Problem]
    unless_below: list[Trace]
    labels: dict[str, folder_labels.Found]


_Found = tuple[Tree, list[Trace], tuple[set[str], set[str]]]

_MANY = 3500  # folders that are looked at before other processes help: more than those of a thousand runs
_PROCESSES = 4
_SECONDS = 10**6  # of computing that one may take: as many as it needs


_SLOW = 0.00025  # seconds for a folder; it takes a tenth where all is in memory
_SLOW_ONES = 5  # one after the other: the storage is slow, not this process interrupted


def _problem(path: str, code: str, message: str, file: str = "") -> Problem:
    return Problem("skipped", code, storable(path), file, message)


def _cant_look(path: str, name: str, error: OSError, looked: _Folder) -> None:
    """Note something of which nobody knows whether it is a folder."""
    if error.errno != errno.ELOOP:  # what leads nowhere is none
        below = f"{path}/{name}" if path else name
        message = f"it can't be looked at: {error.strerror}; a run in it is missing from the tables"
        looked.problems[below] = _problem(below, "incomplete", message)


def _note(
    reader: Reader,
    claimed: Source | Trace,
    path: str,
    entries: Mapping[str, os.DirEntry[str]],
    folders: dict[str, str],
    looked: _Folder,
    selection: Selection,
) -> None:
    """Note what a reader says that a folder holds; what is called like a file of its is not entered."""
    for name in claimed.foreign:
        folders.pop(name, None)
    if not selection.wants_all:
        if claimed.path != path and selection.excludes(claimed.path):  # a file; folders were asked before
            return
        if selection.is_of_another_period(claimed.path, reader.place):
            return
    if isinstance(claimed, Source):
        signature = {name: signatures.of_entry(entries[name]) for name in sorted(claimed.files)}
        if claimed.below:
            signature |= signatures.signature_of(os.path.dirname(next(iter(entries.values())).path), claimed.below)
        looked.claims.append((reader.name, claimed.path, signature))
        if folders:
            for name in claimed.files:
                folders.pop(name, None)
    elif claimed.unless_below:
        looked.unless_below.append(claimed)
    else:
        looked.problems[path] = _problem(path, claimed.code, claimed.message, claimed.file)
