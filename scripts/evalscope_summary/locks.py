"""Folders that several starts share: whoever uses one holds it until the process ends, and nobody changes it meanwhile.

Two steps, as a lock on a file can't be turned from exclusive into shared without a gap: to change anything or to begin
to use it, a process takes the lock of the whole work folder, for as long as writing takes. Within that, it may change a
folder if nobody else uses it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from . import jsonfile
from .languages import print_message

NAME = "lock"
"""Of the file in each such folder."""

_shared: dict[Path, "Shared"] = {}  # one for each folder: two open files of one process would lock each other out


class InUse(Exception):
    """Another start works with files that this one would have to change; the text says what to do."""


class Shared:
    """A folder that this process uses, or wants to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = _opened(folder)
        self._used = False

    @classmethod
    def of(cls, folder: Path) -> "Shared":
        """The only one for a folder, which is made if it is not there.

        Raises:
            CantWrite: it can't be made.
        """
        with jsonfile.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        key = folder.resolve()
        if key not in _shared:
            _shared[key] = cls(folder)
        return _shared[key]

    def claim(self) -> bool:
        """Get the right to change it until `use` or `release`; False if another process uses it. Only in `alone`."""
        try:
            return _lock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, self.folder)
        except BlockingIOError:  # what was held is lost then
            if self._used:
                self.use()
            return False

    def use(self) -> None:
        """Keep others from changing it until this process ends. Only in `alone`."""
        _lock(self._file, fcntl.LOCK_SH, self.folder)
        self._used = True

    def release(self) -> None:
        """Let others change it."""
        _lock(self._file, fcntl.LOCK_UN, self.folder)
        self._used = False


@contextmanager
def alone(work_dir: Path) -> Iterator[None]:
    """Nobody else claims or begins to use anything below the work folder."""
    with jsonfile.writing(work_dir):
        work_dir.mkdir(parents=True, exist_ok=True)
    with _opened(work_dir) as file:
        _lock(file, fcntl.LOCK_EX, work_dir)
        yield


def _opened(folder: Path) -> IO[str]:
    with jsonfile.writing(folder / NAME):
        return open(folder / NAME, "a+")  # over NFS, a shared lock needs reading and an exclusive one writing


def _lock(file: IO[str], operation: int, folder: Path) -> bool:
    try:
        fcntl.flock(file, operation)
    except BlockingIOError:
        raise
    except OSError as error:  # a file system without locks: two starts at once are the user's care
        print_message(f"{folder} can't be locked ({error.strerror})")
    return True
