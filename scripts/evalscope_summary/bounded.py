"""Working in a process of its own, within bounds of computing time and memory that hold for every input.

Nothing in the same process can end what SQLite does for a damaged page, or a parser for a hostile text. Here the kernel
does, and the end of the process costs the one item that it worked on.
"""

from __future__ import annotations

import mmap
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

MEMORY = 512 * 2**20
"""Bytes of memory that a process may ask for; its libraries, and files that are mapped into it, don't count. Only Linux
keeps to it."""

_WAITING = 0.001  # seconds that an item waits, most of all for storage; ordinary ones wait a hundredth of that
_WAITING_ONES = 5  # one after the other: the storage is slow, not the process interrupted
_AT_ONCE = 8  # items that are worked on where they wait

_RUNS_OUT = 77  # exit status
_ENDS_US_TOO = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
_BY_ITSELF = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGXCPU})

scratch_prefix = "evalscope-summary-"
"""How the names of temporary folders begin that this process makes. In a worker they are its own, so that what it
leaves when it is killed is found and removed."""

_descriptors: set[int] = set()  # of all workers of this process
_beginning = threading.Lock()

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """What became of an item whose process ended.

    Attributes:
        message: why, to be read after "it".
        passing: it may go well at the next start without a change to the item: the machine was short of memory.
    """

    message: str
    passing: bool


class Worker(Generic[Item, Result]):
    """A process that works off items; it begins when `start` is called, or with the first items, and sees this one's
    memory as it was then.

    Args:
        work: what to do with an item. Its result must be picklable. What it raises is raised here, but MemoryError,
            which is a failure of the item.
        seconds: of computing time that an item may take. Waiting, as for a slow disk, is none.

    Attributes:
        waits: several items, one after the other, waited for most of their time.
    """

    def __init__(self, work: Callable[[Item], Result], seconds: Callable[[Item], float]) -> None:
        self._work = work
        self._seconds = seconds
        self._position = memoryview(mmap.mmap(-1, 4)).cast("i")  # shared: index of the item that is worked on
        self._process = self._owner = 0
        self._to = self._from = -1
        self._scratch = ""
        self.waits = False

    def __call__(self, items: Sequence[Item]) -> list[Result | Failure]:
        """Work off items, in their order."""
        outcomes: dict[int, Result | Failure] = {}
        while left := [index for index in range(len(items)) if index not in outcomes]:
            self.start()
            self._tell([items[index] for index in left])
            answer = self._answer()
            if answer is None:
                index = left[self._position[0]]
                outcomes[index] = self._failure(items[index])
            else:
                outcomes.update(zip(left, answer, strict=True))
        return [outcomes[index] for index in range(len(items))]

    def start(self) -> None:
        """Begin the process, if it does not run: best before there are threads."""
        if self._process:
            return
        self._scratch = f"evalscope-summary-{os.urandom(6).hex()}-"
        with _beginning:
            (requests, self._to), (self._from, results) = os.pipe(), os.pipe()
            _descriptors.update((self._to, self._from))
            self._owner = os.getpid()
            self._process = os.fork()
            if self._process == 0:
                try:
                    for descriptor in _descriptors:  # else a process would not see that this one ended
                        os.close(descriptor)
                    self._serve(requests, results)
                finally:
                    os._exit(1)  # nothing that belongs to the other process is flushed or removed
            os.close(requests)
            os.close(results)

    def close(self) -> None:
        """End the process, also while it works."""
        if self._process and self._owner == os.getpid():  # not in the process of another worker, which has a copy
            os.kill(self._process, signal.SIGKILL)
            self._end()

    def _end(self) -> int:
        """Wait for the process that ends, and remove what it leaves; returns its exit status."""
        for descriptor in (self._to, self._from):
            _descriptors.remove(descriptor)
            os.close(descriptor)
        _, status = os.waitpid(self._process, 0)
        self._process = 0
        for left in Path(tempfile.gettempdir()).glob(f"{self._scratch}*"):
            shutil.rmtree(left, ignore_errors=True)
        return os.waitstatus_to_exitcode(status)

    def __del__(self) -> None:
        """As `close`."""
        self.close()

    def begin(self, item: Item) -> None:
        """Have an item worked off while this process goes on; `end` waits for it."""
        self.start()
        self._tell([item])

    def end(self, item: Item) -> Result | Failure:
        """What became of the item that was begun."""
        answer = self._answer()
        return self._failure(item) if answer is None else answer[0]

    def _tell(self, items: list[Item]) -> None:
        self._position[0] = 0
        with suppress(BrokenPipeError):  # who wants the answer sees that the process ended
            _send(self._to, items)

    def _answer(self) -> list[Result] | None:
        """The results of the items that it was told, None if the process ended meanwhile."""
        try:
            raised, answer, waits = _receive(self._from)
        except EOFError:
            return None
        if raised:
            raise answer
        self.waits |= waits
        results: list[Result] = answer
        return results

    def _failure(self, item: Item) -> Failure:
        status = self._end()
        if -status in _ENDS_US_TOO:  # sent to all processes of a job; this one may only not have seen it yet
            os.kill(os.getpid(), -status)
        if -status == signal.SIGXCPU:
            seconds = round(self._seconds(item))
            return Failure(f"takes more than {seconds} s of computing, which nothing of its size can need", False)
        if status == _RUNS_OUT:
            return Failure(f"takes more than {_memory() >> 20} MiB of memory", _memory() < MEMORY)
        message = f"ends the process that reads it ({signal.Signals(-status).name if status < 0 else status})"
        if -status == signal.SIGKILL:
            message += ", perhaps for lack of memory: more may help"
        return Failure(message, -status not in _BY_ITSELF or _memory() < MEMORY)

    def _serve(self, requests: int, results: int) -> None:
        """What the process does."""
        global scratch_prefix
        scratch_prefix = self._scratch
        for number in _ENDS_US_TOO:  # what the other process does then is not for this one to do
            signal.signal(number, signal.SIG_DFL)
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each of numpy's threads takes memory, and none is needed here
        _limit(resource.RLIMIT_CORE, 0)
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text().split()[5])  # that this process has from the other one
            _limit(resource.RLIMIT_DATA, pages * resource.getpagesize() + MEMORY)
            with suppress(OSError):  # where memory is short, the kernel ends this process, not the one with the others
                Path("/proc/self/oom_score_adj").write_text("500")
        waiting_ones = 0
        while True:
            try:
                items = _receive(requests)
            except EOFError:
                os._exit(0)
            results_: list[Result] = []
            answer: tuple[bool, Any, bool] = (False, results_, False)
            try:
                for index, item in enumerate(items):
                    if os.getppid() != self._owner:
                        os._exit(1)
                    self._position[0] = index
                    begin, computed, slept = time.perf_counter(), time.process_time(), sleeps()
                    _limit(resource.RLIMIT_CPU, int(computed + self._seconds(item)) + 1)
                    results_.append(self._work(item))
                    waited = time.perf_counter() - begin - (time.process_time() - computed)
                    waits = waited > _WAITING and sleeps() > slept  # not for a processor, which others have
                    waiting_ones = waiting_ones + 1 if waits else 0
                    answer = (False, results_, answer[2] or waiting_ones >= _WAITING_ONES)
            except MemoryError:
                os._exit(_RUNS_OUT)
            except BaseException as error:
                if not isinstance(error, SystemExit):
                    error.add_note(traceback.format_exc())
                answer = (True, error, False)
            _send(results, answer)


class Workers(Generic[Item, Result]):
    """A worker, and more of them when its items are seen to wait: storage that answers late can do so many at once.

    Args:
        work: as for `Worker`.
        seconds: as for `Worker`.
    """

    def __init__(self, work: Callable[[Item], Result], seconds: Callable[[Item], float]) -> None:
        self._new = partial(Worker, work, seconds)
        self._workers: list[Worker[Item, Result]] = [self._new()]

    def start(self) -> None:
        """As `Worker.start`."""
        self._workers[0].start()

    def close(self) -> None:
        """As `Worker.close`."""
        for worker in self._workers:
            worker.close()

    def __call__(self, items: Sequence[Item]) -> list[Result | Failure]:
        """Work off items; returns the results in their order."""
        if len(self._workers) == 1:
            if not self._workers[0].waits:
                return self._workers[0](items)
            self._workers += [self._new() for _ in range(_AT_ONCE - 1)]
        from concurrent.futures import ThreadPoolExecutor  # takes long to import, and few trees need it

        count = min(_AT_ONCE, len(items))
        shares = [items[number::count] for number in range(count)]
        for worker in self._workers[:count]:
            worker.start()  # before there are threads
        results: list[Result | Failure] = [Failure("", True)] * len(items)
        with ThreadPoolExecutor(count or 1) as threads:
            for number, part in enumerate(threads.map(lambda worker, some: worker(some), self._workers, shares)):
                results[number::count] = part
        return results


def _send(descriptor: int, content: Any) -> None:
    data = pickle.dumps(content)
    rest = memoryview(len(data).to_bytes(8) + data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _receive(descriptor: int) -> Any:
    """What the other process sent.

    Raises:
        EOFError: it ended before it was done.
    """
    return pickle.loads(_read(descriptor, int.from_bytes(_read(descriptor, 8))))


def _read(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def processors() -> int:
    """How many of the machine's processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS


def sleeps() -> int:
    """How often this process gave its processor away, as an answer was not there yet."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def _limit(what: int, amount: int) -> None:
    """Set a limit of this process, as far as it may."""
    hard = resource.getrlimit(what)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def _memory() -> int:
    """Bytes of memory that a worker may ask for: fewer than `MEMORY` where this machine or its user allows less."""
    limits = [resource.getrlimit(what) for what in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min([MEMORY, *(limit for pair in limits for limit in pair if limit != resource.RLIM_INFINITY)])
