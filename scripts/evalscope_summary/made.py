"""What a rule made last, and with which settings: beside these, `<rule>.made`.

A table that was edited, or replaced by an older one, may have any date; its content says whether it is the one that was
made. Snakemake (9.27) looks at dates, and takes an input for unchanged if it is again what it was when this output was
made under this name, whatever was made in between under another one.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import jsonfile

AGAIN = "again"
"""Key in a rule's settings that makes it run again, see `Flow._again`."""

State = tuple[int, int, str]
"""Of a file: its size in bytes, its mtime in ns, its digest."""


def digest_of(digests: Iterable[bytes]) -> str:
    """One digest of several, in their order."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def digest_of_file(path: Path) -> str:
    """The digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_of(path: Path) -> State:
    """A file as it is now."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, digest_of_file(path)


def is_still(path: Path, state: State) -> bool:
    """Whether a file is the one that it was; its content is read only if it has another date."""
    size, date, digest = state
    status = path.stat()
    return status.st_size == size and (status.st_mtime_ns == date or digest_of_file(path) == digest)


def _path(settings: Path) -> Path:
    return settings.with_suffix(".made")


@dataclass(frozen=True)
class Made:
    """What a rule made last.

    Attributes:
        settings: of the rule.
        tables: those that others are made of: file's name → as it was made.
        runs: digest of the inventories that they hold, if they were made of these.
        note: the bytes of this, other ones each time.
    """

    settings: dict[str, Any]
    tables: dict[str, State]
    runs: str
    note: bytes

    @classmethod
    def of(cls, settings: Path) -> "Made | None":
        """What was noted beside a rule's settings; None if nothing was, or it is damaged."""
        try:
            note = _path(settings).read_bytes()
            content = json.loads(note)
            tables = {
                name: (int(size), int(date), str(digest)) for name, (size, date, digest) in content["tables"].items()
            }
            return cls(dict(content["settings"]), tables, str(content["runs"]), note)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def is_still(self, table: Path) -> bool:
        """Whether a table is the one that was made; its content is read only if it has another date."""
        return is_still(table, self.tables.get(table.name, (-1, 0, "")))


def take_over_dates(settings: Path, tables: Iterable[Path]) -> None:
    """Note the dates that Snakemake (9.27) gave to tables when their rule had run, so that starts needn't read them.

    Args:
        settings: the file with the rule's settings.
        tables: that the rule makes, as far as they are there.
    """
    noted = Made.of(settings)
    dates = {table.name: table.stat().st_mtime_ns for table in tables if noted and noted.is_still(table)}
    if noted and any(noted.tables[name][1] != date for name, date in dates.items()):
        states = {name: (size, dates.get(name, date), digest) for name, (size, date, digest) in noted.tables.items()}
        _write(settings, noted.settings, states, noted.runs)


def note(settings: Path, tables: Sequence[Path] = (), runs: str = "") -> None:
    """Note what a rule just made.

    Args:
        settings: the file with the rule's settings, beside which it is noted.
        tables: for `Made.tables`.
        runs: for `Made.runs`.

    Raises:
        CantWrite: it can't be noted.
    """
    states = {table.name: state_of(table) for table in tables}
    _write(settings, json.loads(settings.read_bytes()), states, runs)


def _write(settings: Path, content: dict[str, Any], tables: dict[str, State], runs: str) -> None:
    noted = {"settings": content, "tables": tables, "runs": runs}
    jsonfile.write_atomically(_path(settings), json.dumps(noted).encode())
