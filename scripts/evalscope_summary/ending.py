"""The end of a start: the status, what went wrong, and the overview on a terminal."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import jsonfile, last_words, status
from .inventory import WorkFolder
from .languages import print_message

TERMINAL = "EVALSCOPE_SUMMARY_TERMINAL"
"""Environment variable by which whoever started this says that what it prints is shown on a terminal."""

_STARTED = time.time()


@contextmanager
def _told() -> Iterator[None]:
    """Where there is no room for a status, that is said; tables are more important."""
    try:
        yield
    except jsonfile.CantWrite as error:
        print_message(str(error))


def in_order() -> None:
    """Have SIGTERM end this process as an exception does. Until its scheduler exists, Snakemake (9.27) has no handler
    of its own, and would leave the lock of its folder."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def end_in_a_thread() -> None:
    """Have SIGTERM heard in a thread, now that the scheduler exists: Snakemake's handler (9.27) waits for a lock that
    the interrupted code may hold, such as itself when the signal comes twice, and would wait for ever."""
    theirs = signal.getsignal(signal.SIGTERM)
    if not callable(theirs) or theirs is _end or threading.current_thread() is not threading.main_thread():
        return

    def hear(number: int, frame: object) -> None:
        threading.Thread(target=theirs, args=(number, None), daemon=True).start()

    signal.signal(signal.SIGTERM, hear)


class Ending:
    """What a start does before its first job and after its last one.

    Args:
        folder: the work folder.
        config: the configuration.
        placed: where `output` is in the end.
        reads_tables: whether this process has the libraries that read tables: where rules have environments of their
            own, it may lack them.
    """

    def __init__(self, folder: WorkFolder, config: Mapping[str, Any], placed: str, reads_tables: bool) -> None:
        self._folder = folder
        self._config = config
        self._placed = placed
        self._reads_tables = reads_tables
        self.status = self._table("status.json")
        self._before = self._overview_date()

    def _table(self, name: str) -> Path:
        return Path(f"{self._placed}_{name}")

    def _now(self) -> status.State | None:
        merged = status.State.load(self._folder.outputs / status.MERGED)
        return merged or status.State.of_tables(self._table("raw.csv"), self._table("problems.csv"))

    def begin(self) -> None:
        """Note what the last start left, if that start could not note it itself; from now on, SIGTERM ends the jobs."""
        end_in_a_thread()
        last = self._folder.outputs / status.LAST
        if not last.exists() and (now := self._now()):
            with _told():
                jsonfile.write_atomically(last, now.dump())

    def succeed(self) -> None:
        """Write the status, and show the overview if it was made since this process started."""
        self._note(True)
        shows = sys.stdout.isatty() or bool(os.environ.get(TERMINAL))
        if shows and self._reads_tables and self._overview_date() != self._before:
            from .tables.shown import on_a_terminal

            columns = shutil.get_terminal_size().columns
            text = on_a_terminal(self._table("overview.csv"), self._config, columns)
            print(f"\n{text}\n", flush=True)

    def fail(self, workflow: Any) -> None:
        """Write the status, and keep what a job that failed said for the end.

        Args:
            workflow: Snakemake's, whose jobs have ended.
        """
        self._note(False)
        last_words.keep(last_words.of_failed(workflow))

    def _note(self, succeeded: bool) -> None:
        last, now = self._folder.outputs / status.LAST, self._now()
        content = status.compose(now, status.State.load(last), self._config, succeeded, _STARTED)
        with _told():
            status.write(self.status, content)
            if now:
                jsonfile.write_atomically(last, now.dump())

    def _overview_date(self) -> int | None:
        path = self._table("overview.csv")
        return path.stat().st_mtime_ns if path.exists() else None
