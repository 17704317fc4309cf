"""Digests of our sources, which say what has to be made again when one of them changes. They follow the imports: nobody
keeps a list of modules."""

import hashlib
import os
import re
from collections.abc import Iterable, Set
from functools import cache
from pathlib import Path

from . import columns

_PACKAGE = Path(__file__).parent
_IMPORT = re.compile(  # `ast` would parse all of it, at every start
    rf"^[ \t]*from[ \t]+(\.+|{_PACKAGE.name}\.?)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)",
    re.MULTILINE,
)


def of_program(name: str) -> str:
    """Digest of a program in `scripts/`, and of the modules of this package that it imports.

    Args:
        name: such as `stats.py`.
    """
    return _digest(imported([_PACKAGE.parent / name]))


def of_module(file: str) -> str:
    """Digest of a module of this package that keeps something of its own, and of what it imports; of the columns, all
    but what is only said about them. Readers are not followed: they have digests of their own."""
    files = imported([Path(file)], {_PACKAGE / "readers/__init__.py"})
    return _digest(files - {_PACKAGE / "columns.py"}, columns.structure())


def of_reader(module: str) -> str:
    """Digest of what decides what a reader's records hold: its modules, what they import, and how records are made; of
    the columns, all but what is only said about them. Other readers are not followed.

    Args:
        module: file of the reader's module, or of its package's `__init__`.
    """
    file = Path(module)
    start = file.parent.glob("*.py") if file.name == "__init__.py" else (file,)
    files = imported(
        [*start, _PACKAGE / "records.py", _PACKAGE.parent / "extract.py"], {_PACKAGE / "readers/__init__.py"}
    )
    return _digest(files - {_PACKAGE / "columns.py"}, columns.structure())


def imported(start: Iterable[Path], without: Set[Path] = frozenset()) -> frozenset[Path]:
    """Files, and the modules of this package that they import, however deep.

    Args:
        start: these.
        without: files that are not followed, and left out.
    """
    modules: set[Path] = set()
    waiting = set(start)
    while waiting:
        file = waiting.pop()
        modules.add(file)
        waiting |= _imports(file) - modules - without
    return frozenset(modules)


@cache
def _imports(file: Path) -> frozenset[Path]:
    """The modules of this package that a file names in imports."""
    files = set()
    for dots, module, names in _IMPORT.findall(_source(file).decode("utf-8")):
        folder = str(file.parents[len(dots) - 1] if dots.startswith(".") else _PACKAGE)
        folder = "/".join([folder, *filter(None, module.split("."))])
        # `from .a import b`: a module a, or one called b in a package a
        places = (folder, *(f"{folder}/{name}" for name in re.findall(r"\w+", names)))
        files |= {path for place in places for path in (f"{place}.py", f"{place}/__init__.py") if path in _modules()}
    return frozenset(map(Path, files))


@cache
def _modules() -> frozenset[str]:
    """The files of this package."""
    return frozenset(
        f"{folder}/{name}" for folder, _, names in os.walk(_PACKAGE) for name in names if name.endswith(".py")
    )


@cache
def _source(file: Path) -> bytes:
    return file.read_bytes()


def _digest(files: Iterable[Path], beside: str = "") -> str:
    digest = hashlib.sha256(beside.encode())
    for file in sorted(files):
        digest.update(file.name.encode() + _hashed(file))
    return digest.hexdigest()[:16]


@cache
def _hashed(file: Path) -> bytes:
    """The hash of a source; readers share most of theirs."""
    return hashlib.sha256(_source(file)).digest()
