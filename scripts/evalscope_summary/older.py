"""Tables that stay beside newer ones: files in a format, or of a kind, that the starts since then did not ask for.

What each was made of is noted in `made-of/` beside the settings of the rules, so that contents say which are older, and
no dates: the digests of the tables that it was made of, and the settings of its rule.
"""

import atexit
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import jsonfile
from .languages import print_message
from .made import AGAIN, Made, State, digest_of_file, is_still, state_of

_NOT_COMPARED = frozenset({AGAIN, "program"})  # what makes a rule run again, and nothing else of its table

_registered: dict[Path, Sequence[Path]] = {}  # folder of an output → its tables; a Snakefile may be parsed repeatedly


def note_sources(settings: Path, files: Sequence[Path], sources: Sequence[Path]) -> None:
    """Note what files were made of.

    Args:
        settings: the file with the settings of the rule that just made them.
        files: that were made.
        sources: the tables that they were made of.

    Raises:
        CantWrite: it can't be noted.
    """
    made_of = {table.name: digest_of_file(table) for table in sources}
    for file in files:
        content = {
            "rule": settings.name,
            "settings": json.loads(settings.read_bytes()),
            "sources": made_of,
            "state": state_of(file),
        }
        path = _note(settings.parent, file)
        with jsonfile.writing(path.parent):
            path.parent.mkdir(exist_ok=True)
        jsonfile.write_atomically(path, json.dumps(content).encode())


def older(tables: Sequence[Path], folder: Path) -> list[Path]:
    """Those of the tables that were made of other tables than lie there now, or with other settings of their rule than
    those of now. A table of which nothing is noted, or which is not the one that was made, is nobody's to judge.

    Args:
        tables: where all tables are that can be made.
        folder: with the settings of the rules (`inventory.WorkFolder.outputs`).
    """
    there = {path.name: path for path in tables if path.exists()}
    notes = {name: note for name, path in there.items() if (note := _load(folder, path))}
    if not notes:
        return []
    known = dict(_noted_states(folder))
    digests: dict[str, str] = {}

    def digest(name: str) -> str:
        if name not in digests:
            state = known.get(name)
            unchanged = state and is_still(there[name], state)
            digests[name] = state[2] if state and unchanged else digest_of_file(there[name])
        return digests[name]

    def is_older(name: str) -> bool:
        note = notes.get(name)
        if not note:
            return False
        if _compared(note["settings"]) != _compared(_content(folder / note["rule"]) or note["settings"]):
            return True
        sources = {source: made_of for source, made_of in note["sources"].items() if source in there}
        return any(digest(source) != made_of or is_older(source) for source, made_of in sources.items())

    return [path for name, path in there.items() if is_older(name)]


def say_at_the_end(tables: Sequence[Path], folder: Path) -> None:
    """Say when this process ends which tables are older than those beside them; also where there was nothing to do, and
    in an importing workflow, where none of our handlers is called.

    Args:
        tables: as for `older`.
        folder: as for `older`.
    """
    if folder not in _registered:
        atexit.register(_say, folder)
    _registered[folder] = tables


def _say(folder: Path) -> None:
    tables = _registered[folder]
    if outdated := older(tables, folder):
        print_message(
            "older than the tables beside them (made with other settings, or of other rows):"
            f" {', '.join(map(str, outdated))}; ask for them by name, and they are made again, or remove them"
        )


def _note(folder: Path, file: Path) -> Path:
    return folder / "made-of" / f"{file.name}.json"


def _content(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _load(folder: Path, table: Path) -> dict[str, Any] | None:
    """What was noted of a table that is still the one that was made."""
    note = _content(_note(folder, table))
    if not note or note.keys() != {"rule", "settings", "sources", "state"} or not is_still(table, note["state"]):
        return None
    date = table.stat().st_mtime_ns
    if note["state"][1] != date:  # Snakemake (9.27) gives it one when its rule has run; the next start need not read it
        note["state"][1] = date
        with suppress(jsonfile.CantWrite):
            jsonfile.write_atomically(_note(folder, table), json.dumps(note).encode())
    return note


def _noted_states(folder: Path) -> Iterator[tuple[str, State]]:
    """The tables that others are made of, as they were made last."""
    for path in folder.glob("*.made"):
        noted = Made.of(path)
        if noted:
            yield from noted.tables.items()


def _compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in _NOT_COMPARED}
