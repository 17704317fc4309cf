"""Readers: each knows the files of one tool, and gives back records. Nothing outside knows a tool's key."""

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from . import agentx, aiperf, evalscope, guidellm, sglang, vllm
from .base import Reader

READERS: tuple[Reader, ...] = (
    evalscope.READER,
    vllm.READER,
    sglang.READER,
    aiperf.READER,
    agentx.READER,
    guidellm.READER,
)
"""In the order in which they are asked, and documented."""

_known = {reader.name: reader for reader in READERS}


class WrongReader(Exception):
    """A reader of the user's own can't be used; the text says which and what to do."""


def reader(name: str) -> Reader:
    """The reader of a tool; one of the user's own must have been loaded."""
    return _known[name]


def load(files: Sequence[str]) -> tuple[Reader, ...]:
    """All readers, with those of the user's own.

    Args:
        files: Python files with an object `READER`. They are loaded as modules of this package, so that they can import
            what the readers here do: `from .base import Source`.

    Raises:
        WrongReader: a file is missing, has no `READER`, or one with the name of another.
    """
    by_name = {one.name: one for one in READERS}
    for file in files:
        name = f"{__name__}.own_{hashlib.sha256(str(Path(file).resolve()).encode()).hexdigest()[:12]}"
        if name not in sys.modules:
            sys.modules[name] = _module(name, file)
        loaded: Reader = sys.modules[name].READER
        if loaded.name in by_name:
            raise WrongReader(f"configuration: 'readers' names {file!r}, but there is a reader {loaded.name!r} already")
        by_name[loaded.name] = loaded
    _known.update(by_name)
    return tuple(by_name.values())


def _module(name: str, file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if not spec or not spec.loader or not Path(file).is_file():
        raise WrongReader(f"configuration: 'readers' names {file!r}, which is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is somebody's program: anything
        raise WrongReader(f"configuration: 'readers' names {file!r}, which can't be loaded: {error!r}") from error
    if not hasattr(module, "READER"):
        raise WrongReader(f"configuration: 'readers' names {file!r}, but it has no object READER; see CONTRIBUTING.md")
    return module


def file_of(which: Reader) -> str:
    """The file of a reader's module, or of its package's `__init__`."""
    return str(sys.modules[type(which).__module__].__file__)


def place(run: str) -> tuple[str | None, str]:
    """Timestamp and config that the path of a run shows, for runs that are in no table."""
    return next((found for one in READERS if (found := one.place(run))), (None, ""))
