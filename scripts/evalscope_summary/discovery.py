"""Finding the runs below a results tree: one pass of `os.scandir`, one `stat` per source file."""

import errno
import gc
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from . import formats
from .problems import Problem, storable
from .progress import Progress

Signature = dict[str, list[int]]
"""Source file → [size in bytes, mtime in ns]; an empty list where it is no regular file that may be read."""


_ADDRESS = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)

_SOURCES = frozenset(formats.SOURCE_FILES)


class MissingTree(Exception):
    """The results tree is no folder that can be listed; the text says what to do."""


@dataclass
class Tree:
    """What lies below a results tree.

    Attributes:
        runs: path of the run folder below the tree → signature of its source files.
        problems: folders that should hold a run and don't, as rows of `summary_problems`.
    """

    runs: dict[str, Signature] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)


def discover(root: str, exclude: Sequence[str] = (), own: Sequence[str] = (), progress: Progress | None = None) -> Tree:
    """Walk a results tree.

    Hidden folders, those of other tools (`formats.FOREIGN_FOLDERS`) and our own are not entered. Symlinked folders
    are followed, unless they lead back to a folder above.

    Args:
        root: the results tree.
        exclude: glob patterns on paths below the tree (`*` matches `/` too); what matches is left out with all in it.
        own: paths of folders that this workflow writes to.
        progress: counts the runs.

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
        return _Walk(root, exclude, own, progress).walk()
    finally:
        if collecting:
            gc.enable()


class _Walk:
    def __init__(self, root: str, exclude: Sequence[str], own: Sequence[str], progress: Progress | None) -> None:
        self.root = root
        self.exclude = exclude
        real_root = os.path.realpath(root)
        self.own = frozenset(os.path.relpath(os.path.realpath(path), real_root) for path in own)
        self.progress = progress or Progress("")
        self.tree = Tree()
        self.logs: list[str] = []

    def walk(self) -> Tree:
        stack = [""]  # an explicit one: trees may be deeper than Python's recursion limit
        while stack:
            stack += self.look(stack.pop())
        explained: set[str] = set()  # folders with a run, or something else that is mentioned, in or below them
        for path in (*self.tree.runs, *self.tree.problems) if self.logs else ():
            while path not in explained:
                explained.add(path)
                path = os.path.dirname(path)
        for path in self.logs:
            if path not in explained:
                message = f"{formats.LOG} is here, but no run: the test ended before its first result; run it again"
                self.note(path, "incomplete", formats.LOG, message)
        return self.tree

    def note(self, path: str, code: str, file: str, message: str) -> None:
        self.tree.problems[path] = Problem("skipped", code, storable(path), file, message)

    def look(self, path: str) -> list[str]:
        """List one folder; return the folders to enter."""
        signature: Signature = {}
        folders: list[str] = []
        agentx = False
        try:
            with os.scandir(f"{self.root}/{path}") as entries:
                for entry in entries:
                    name = entry.name
                    if name in _SOURCES:
                        signature[name] = _sign(entry)
                    elif name == formats.LOG:
                        self.logs.append(path)
                    elif name == formats.AGENTX:
                        agentx = True
                    elif (
                        not name.startswith(".") and name not in formats.FOREIGN_FOLDERS and self.is_folder(path, entry)
                    ):
                        below = f"{path}/{name}" if path else name
                        if not self.left_out(below, entry):
                            folders.append(below)
        except OSError as error:
            if not path:
                raise MissingTree(f"the results tree {self.root!r} can't be listed: {error.strerror}") from error
            message = f"the folder can't be listed: {error.strerror}; what is in it is missing from the tables"
            self.note(path, "incomplete", "", message)
            return []
        if not signature.keys().isdisjoint(formats.RUN_FILES):
            self.tree.runs[path] = signature
            self.progress.done += 1
        elif agentx:
            message = "AgentX scenarios have other metrics, which these tables have no columns for"
            self.note(path, "unknown-format", formats.AGENTX, message)
        elif path and formats.is_level(path.rsplit("/", 1)[-1]):
            message = "the folder of a load level without any result: the test was stopped, or goes on; run it again"
            self.note(path, "incomplete", formats.SUMMARY, message)
        return folders

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


def signature_of(folder: str) -> Signature:
    """The signature of a run folder as it is now; agrees with what `discover` finds."""
    found: Signature = {}
    for name in formats.SOURCE_FILES:
        path = f"{folder}/{name}"
        try:
            found[name] = _signed(os.stat(path), path)
        except OSError as error:
            there = os.path.lexists(path) if error.errno in _ABSENT else name in _listed(folder)
            if there:
                found[name] = []
    return found


_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def _listed(folder: str) -> list[str]:
    """The names in a folder, which may be listed where what is in it can't be asked (it lacks the right to enter)."""
    try:
        return os.listdir(folder)
    except OSError:
        return list(formats.SOURCE_FILES)  # reading them says what is wrong


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
