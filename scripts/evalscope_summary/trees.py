"""The results tree of a configuration, as a start finds it, and what it says where that is not what was meant."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from . import discovery, progress, readers
from .folder_labels import NO_LABELS, FolderLabels, parsed
from .inventory import WorkFolder
from .languages import tell
from .layouts import taken_names
from .problems import printable

_NAMED = 3  # of folders that are left out, in a message


class EmptyTree(Exception):
    """There is no run although there were runs before; the text says what to do."""


@cache  # each `use rule` of an importing workflow parses the Snakefile once more; a tree may grow meanwhile
def _walked(
    root: str, own: tuple[str, ...], exclude: tuple[str, ...], own_readers: tuple[str, ...], **more: str
) -> discovery.Tree:
    with progress.shown(progress.Progress("finding runs")) as found_so_far:
        return discovery.discover(root, exclude, own, found_so_far, readers.load(own_readers), **more)


@cache
def _say(message: str) -> None:
    """Say something once, however often the Snakefile is parsed."""
    tell(message)


def found(config: Mapping[str, Any], made: Iterable[Path] = ()) -> discovery.Tree:
    """What lies below the results tree of a configuration; says which patterns of `exclude` match nothing.

    Args:
        config: where to look, and for what.
        made: the files that are made of it, which may lie in it.

    Raises:
        MissingTree: there is no results tree.
    """
    given = config["results_dir"]
    if not os.path.isdir(given):
        discovery.discover(given)  # says what is wrong, before anything is written
    own = tuple(os.path.realpath(path) for path in (config["work_dir"], *made))
    lists = (tuple(config["exclude"]), tuple(config["readers"]))
    more = {key: config[key] for key in ("since", "until", "labels_file")}
    tree = _walked(os.path.realpath(given), own, *lists, **more)
    for pattern in tree.unmatched:
        _say(f"'exclude' {pattern!r} matches nothing (else) below {given!r}: mend it, or remove it")
    return tree


def check_empty(tree: discovery.Tree, config: Mapping[str, Any], folder: WorkFolder, tables: Sequence[Path]) -> None:
    """A tree without runs is fine if there never was a run in it.

    Args:
        tree: in which no source was found.
        config: where it was looked for, and what was left out.
        folder: of the tree's records.
        tables: that may hold its runs.

    Raises:
        EmptyTree: there were runs before, and `allow_empty` is not set.
    """
    given = config["results_dir"]
    nothing = f"no run was found below {given!r}"
    reason = "is a share not mounted? Nothing was changed. If the runs are gone for good, set `allow_empty: true`"
    if tree.left_out:
        keys = [key for key in ("exclude", "since", "until") if config[key]]
        some = sorted(tree.left_out)
        named = ", ".join(repr(printable(path)) for path in some[:_NAMED]) + (", …" if len(some) > _NAMED else "")
        nothing = f"by {' and '.join(map(repr, keys))}, no run is left below {given!r} (left out: {named})"
        reason = "mend what leaves them out. Nothing was changed. If that is what you want, set `allow_empty: true`"
    if not config["allow_empty"] and (folder.has_records() or any(map(_has_rows, tables))):
        raise EmptyTree(f"{nothing}, but there were runs before: {reason}")
    _say(nothing)


def _has_rows(table: Path) -> bool:
    """Whether a table has more than its header."""
    with open(table, "rb") as file:
        return bool(file.readline() and file.readline())


def labels_in(tree: discovery.Tree, config: Mapping[str, Any]) -> FolderLabels:
    """What the labels files of a tree say; says if there are none although their name is set.

    Raises:
        WrongLabels: one can't be used.
    """
    name, root = config["labels_file"], config["results_dir"]
    if name and not tree.labels:
        _say(f"there is no labels file {name!r} in any folder below {root!r}")
    return parsed(root, tree.labels, name, taken_names()) if tree.labels else NO_LABELS
