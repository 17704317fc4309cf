"""Keeping the tables that there are until new ones are made, as Snakemake (9.27) removes those that it will make."""

import atexit
import json
import os
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from .jsonfile import TEMPORARY
from .languages import print_message

_ENDING = ".before"  # of the second name of a table
_OWN = uuid.uuid4().hex[:8]  # what is in second names of this process


class Kept:
    """Second names of tables, by hard links beside them.

    Args:
        tables: where all tables are that can be made.
    """

    def __init__(self, tables: Sequence[Path]) -> None:
        self.tables = tables

    def existing(self) -> list[Path]:
        """The tables that were made earlier."""
        return [path for path in self.tables if path.exists()]

    def keep(self) -> None:
        """Give the tables that there are a second name; if Snakemake ends without another word, they are restored."""
        atexit.register(self._restore_at_exit)
        for table in self.existing():
            with suppress(OSError):  # a file system without links: a table that can't be made is missing, then
                os.link(table, _second_name(table))

    def release(self) -> None:
        """Forget about what `keep` did."""
        atexit.unregister(self._restore_at_exit)
        for table in self.tables:
            _second_name(table).unlink(missing_ok=True)

    def restore(self) -> list[Path]:
        """Bring back the tables that are gone since `keep`, as making them failed; return them."""
        gone = [table for table in self.tables if not table.exists() and _second_name(table).exists()]
        for table in gone:
            _second_name(table).rename(table)
            print_message(f"{table} could not be made, and is the one from before")
        self.release()
        return gone

    def _restore_at_exit(self) -> None:
        """Where a job's end can't be noted, as the disk is full, Snakemake ends without calling `onerror`."""
        print_message("this start ended before it was done; is there room in .snakemake? Then run again")
        self.restore()

    def remove_remains(self) -> None:
        """Remove second names and halves of tables that a killed start left."""
        beginnings = tuple(f".{table.name}." for table in self.tables)
        for folder in {table.parent for table in self.tables}:
            for name in os.listdir(folder) if folder.is_dir() else ():
                if name.startswith(beginnings) and name.endswith((_ENDING, TEMPORARY)):
                    (folder / name).unlink(missing_ok=True)


def forget_unfinished(outputs: Collection[str]) -> None:
    """Remove the marks by which Snakemake (9.27) refuses to start after a job whose end it could not note, as it was
    killed or the disk was full. All outputs here are whole whenever they are there, and what they were made of is noted
    (`made`) or shown by dates, so that nothing has to be looked at by hand. Jobs that go on in a cluster are kept.

    Args:
        outputs: as Snakemake names them; nobody else may be making them.
    """
    folder = Path(".snakemake", "incomplete")
    for mark in folder.rglob("*"):
        with suppress(OSError, ValueError):  # not a mark, or nobody's any more
            name = urlsafe_b64decode(
                "".join(part.removeprefix("@") for part in mark.relative_to(folder).parts)
            ).decode()
            if name in outputs and not json.loads(mark.read_bytes() or "{}").get("external_jobid"):
                mark.unlink()


def _second_name(table: Path) -> Path:
    return table.with_name(f".{table.name}.{_OWN}{_ENDING}")
