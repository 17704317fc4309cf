"""Signatures: the sizes and times of the files that a source is read from."""

import errno
import os
import stat
from collections.abc import Iterable

from .readers.base import Signature


def signature_of(folder: str, names: Iterable[str]) -> Signature:
    """The signature of files in a folder as it is now, as `discover` finds it; those that are not there have none.

    Args:
        folder: where they lie.
        names: of the files that a source may have.
    """
    signature: Signature = {}
    for name in names:
        path = f"{folder}/{name}"
        try:
            status = os.lstat(path)
        except OSError as error:
            if error.errno not in _ABSENT and _may_hold(folder, name):
                signature[name] = []
            continue
        signature[name] = _signed(status, path) if not stat.S_ISLNK(status.st_mode) else _signed_target(path)
    return signature


_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def _may_hold(folder: str, name: str) -> bool:
    """Whether a folder lists a name; it may be listed where one may not enter it, and ask about what is in it."""
    try:
        return name in os.listdir(folder)
    except OSError:
        return True  # reading it says what is wrong


def of_entry(entry: os.DirEntry[str]) -> list[int]:
    """The size and time of a listed file; empty if it is none that can be read."""
    try:
        status = entry.stat()
    except OSError:  # a symlink to nowhere, or no permission: reading it will say so
        return []
    return _signed(status, entry.path)


def _signed_target(path: str) -> list[int]:
    try:
        return _signed(os.stat(path), path)
    except OSError:  # it leads to nowhere, or may not be looked at
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
