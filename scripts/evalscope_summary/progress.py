"""Showing how far long work is: a bar on a terminal, lines in a log, nothing if quiet."""

import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Literal

VARIABLE = "EVALSCOPE_SUMMARY_PROGRESS"
"""Environment variable that tells jobs what to show, as they write into pipes and can't see where these end."""

_LINE_SECONDS, _BAR_SECONDS = 2.0, 0.2
_SHORT_SECONDS = 1.0  # work that needs no bar


def choose(quiet: bool) -> None:
    """Choose what this process and all that it starts show: a bar if it writes to a terminal, unless whoever started it
    chose already."""
    shape: Literal["none", "bar", "lines"] = "bar" if sys.stderr.isatty() else "lines"
    os.environ[VARIABLE] = "none" if quiet else os.environ.get(VARIABLE) or shape


def is_quiet() -> bool:
    """Whether nothing should be said but what is wrong."""
    return os.environ.get(VARIABLE) == "none"


class Progress:
    """How far work is. One thread does it and counts; another looks and shows.

    Attributes:
        what: is done, such as `finding runs`.
        total: runs that there are, None if nobody knows.
        done: runs that are done.
        size: bytes of the files of those that were read.
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self.size = 0

    def megabytes(self) -> str:
        """The size, as people read it."""
        return f"{self.size / 1e6:.1f} MB"

    def line(self) -> str:
        """How far it is, for a log."""
        total = f" of {self.total}" if self.total else ""
        size = f", {self.megabytes()}" if self.size else ""
        return f"{self.what}: {self.done}{total} runs{size}"


@contextmanager
def shown(progress: Progress) -> Iterator[Progress]:
    """Show progress while this lasts, even if one run takes long: a line every two seconds, or a bar that vanishes."""
    if is_quiet():
        yield progress
        return
    terminal = None
    if os.environ.get(VARIABLE) == "bar":
        with suppress(OSError):  # a job on another machine has no terminal
            terminal = open("/dev/tty", "w")  # noqa: SIM115 (closed below)
    ended = threading.Event()
    # where rules have environments of their own, the one that runs Snakemake may have no tqdm
    target = _bar if terminal and importlib.util.find_spec("tqdm") else _lines
    thread = threading.Thread(target=target, args=(progress, ended, terminal or sys.stderr))
    thread.start()
    try:
        yield progress
    finally:
        ended.set()
        thread.join()
        if terminal:
            terminal.close()


def _lines(progress: Progress, ended: threading.Event, file: IO[str]) -> None:
    while not ended.wait(_LINE_SECONDS):
        print(progress.line(), file=file, flush=True)


def _bar(progress: Progress, ended: threading.Event, file: IO[str]) -> None:
    if ended.wait(_SHORT_SECONDS):
        return
    from tqdm import tqdm

    with tqdm(desc=progress.what, total=progress.total, unit=" runs", file=file, leave=False) as bar:
        bar.start_t -= _SHORT_SECONDS  # for the rate: work began before its bar
        while not ended.wait(_BAR_SECONDS):
            bar.n = progress.done
            bar.set_postfix_str(progress.megabytes() if progress.size else "")
