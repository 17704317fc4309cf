"""Reading the JSON that evalscope writes, and writing our own."""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

LARGEST = 2**24
"""Bytes of the largest file that is read; evalscope's take less than 100 KB."""

_MANY_BYTES, _MANY_VALUES = 2**20, 2**19  # more of both are not parsed: each value takes up to 250 bytes of memory

_DENIED = frozenset({errno.EACCES, errno.EPERM})
_LASTING = _DENIED | frozenset(
    {
        errno.EFBIG,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENXIO,
    }
)


def is_passing(error: BaseException | None) -> bool:
    """Whether an error may be over at the next start without a change to the file: the disk is away, or full, …"""
    return isinstance(error, OSError) and error.errno not in _LASTING


def is_denied(error: BaseException | None) -> bool:
    """Whether an error is a lack of permission: over without a change to the file when it is given, or for others."""
    return isinstance(error, OSError) and error.errno in _DENIED


class UnreadableJson(Exception):
    """A file holds no JSON, or can't be read; the text says why, and never quotes the file (it may hold keys)."""


def parse(data: bytes) -> Any:
    """Parse JSON as Python writes it, bare `NaN` and `Infinity` included (formats 4.2).

    Raises:
        ValueError: it is no JSON.
    """
    import orjson  # not needed to find runs: where rules have environments of their own, Snakemake's may lack it

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass  # strict JSON has no NaN, which evalscope writes into percentiles: the slower parser reads it
    try:
        return json.loads(_decode(data))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _decode(data: bytes) -> str:
    """UTF-8, else GB18030: up to 1.9.1 evalscope wrote in the locale's encoding, GBK on a Chinese Windows."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def read_bytes(path: str, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file, for which one call nearly always is enough.

    Args:
        path: of the file.
        largest: bytes that it may have.

    Raises:
        OSError: it can't be opened, is no regular file (EINVAL), or is larger than that (EFBIG).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a FIFO would wait for a writer
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        data = os.read(descriptor, min(status.st_size, largest) + 1)
        while len(data) != status.st_size and len(data) <= largest and (more := os.read(descriptor, 2**20)):
            data += more
        if len(data) > largest:
            raise OSError(errno.EFBIG, f"it is larger than {largest >> 20} MiB", path)
        return data
    finally:
        os.close(descriptor)


def read(path: str) -> tuple[Any, bytes]:
    """Read a JSON file: its content, and its bytes.

    Raises:
        UnreadableJson: with the reason.
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise UnreadableJson(f"it can't be read: {error.strerror}") from error
    if not data:
        raise UnreadableJson("it is empty")
    if len(data) > _MANY_BYTES and sum(map(data.count, (b",", b"[", b"{"))) > _MANY_VALUES:
        raise UnreadableJson("it holds more than half a million values, and evalscope's less than a thousand")
    try:
        return parse(data), data
    except UnicodeDecodeError as error:
        raise UnreadableJson("it is neither UTF-8 nor GB18030 text") from error
    except json.JSONDecodeError as error:
        raise UnreadableJson(
            f"{error.msg} at line {error.lineno}, column {error.colno}: cut off, or damaged"
        ) from error
    except ValueError as error:
        raise UnreadableJson(str(error)) from error


TEMPORARY = ".tmp"
"""How the name of a file ends that is only half written."""


class CantWrite(SystemExit):
    """Something of ours can't be written; ends a program with a text that says what, and what to do."""


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the path if it can't be written: the disk is full, or may not be written to.

    Raises:
        CantWrite: with the reason.
    """
    try:
        yield
    except OSError as error:
        reason = f"{os.fspath(path)} can't be written: {error.strerror or error}"
        raise CantWrite(f"{reason}; make room or get the right to write there, and run again") from error


def write_atomically(path: str | os.PathLike[str], data: bytes | Iterable[bytes]) -> None:
    """Write a file so that nobody ever sees half of it.

    Args:
        path: the file.
        data: what it holds, or its parts one after the other.

    Raises:
        CantWrite: it can't be written; what was there is still there.
    """
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.writelines([data] if isinstance(data, bytes) else data)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[str]:
    """Write a file so that nobody ever sees half of it: a temporary file beside it, which is renamed at the end.

    Yields:
        the path of the temporary file.

    Raises:
        CantWrite: it can't be written; what was there is still there.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}{TEMPORARY}")
    try:
        with writing(path):
            yield temporary
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
