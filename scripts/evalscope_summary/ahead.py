"""Looking at many folders at once, where the storage answers late."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_AT_ONCE = 8  # folders that a process asks about at once; more threads wait for each other


class Looked(Protocol):
    """What was found in a folder."""

    @property
    def enter(self) -> list[str]:
        """Paths of the folders to enter."""


Found = TypeVar("Found", bound=Looked)


class Ahead(Generic[Found]):
    """Looks at folders in threads, ahead of a walk that takes them in its own order.

    Args:
        look: at a folder.
        paths: the folders to begin with; those in them follow.
    """

    def __init__(self, look: Callable[[str], Found], paths: Iterable[str]) -> None:
        from concurrent.futures import ThreadPoolExecutor  # takes long to import, and few trees need it

        self._look = look
        self._threads = ThreadPoolExecutor(_AT_ONCE, "finding-runs")
        self._folders: dict[str, Future[Found]] = {}
        self._begin(paths)

    def _begin(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._folders[path] = self._threads.submit(self._with_those_below, path)

    def _with_those_below(self, path: str) -> Found:
        folder = self._look(path)
        self._begin(folder.enter)  # before the walk, which waits for this one, can ask for them
        return folder

    def folder(self, path: str) -> Found:
        """What was found in a folder; raises what looking at it raised."""
        return self._folders.pop(path).result()

    def __enter__(self) -> Ahead[Found]:
        """As a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let what was not begun be."""
        self._threads.shutdown(cancel_futures=True)
