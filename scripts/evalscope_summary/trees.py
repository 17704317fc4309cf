"""The results trees of a configuration, as a start finds them, and what it says where that is not what was meant."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from . import discovery, progress, readers, several
from .folder_labels import NO_LABELS, FolderLabels, parsed
from .inventory import TreeFolder
from .languages import print_message
from .layouts import taken_names
from .problems import in_tree, printable

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
    print_message(message)


def found(config: Mapping[str, Any], tables: Iterable[Path] = ()) -> list[discovery.Tree]:
    """What lies below each results tree of a configuration; says which patterns of `exclude` match nothing.

    Args:
        config: where to look, and for what.
        tables: the files that are made of it, which may lie in it.

    Raises:
        MissingTree: a results tree is not there.
    """
    names = several.names(config["results_dir"])
    for root in names:
        if not os.path.isdir(root):
            discovery.discover(root)  # says what is wrong, before anything is written
    own = tuple(os.path.realpath(path) for path in (config["work_dir"], *tables))
    lists = (own, tuple(config["exclude"]), tuple(config["readers"]))
    more = {key: config[key] for key in ("since", "until", "labels_file")}
    result = [_walked(os.path.realpath(root), *lists, name=name, **more) for root, name in names.items()]
    for pattern in config["exclude"]:
        if all(pattern in tree.unmatched for tree in result):
            _say(f"'exclude' {pattern!r} matches nothing (else) below {_all(config)}: mend it, or remove it")
    return result


def _all(config: Mapping[str, Any]) -> str:
    """The trees of a configuration in a message."""
    return " and ".join(map(repr, several.paths(config["results_dir"])))


def check_empty(
    trees: Sequence[discovery.Tree], config: Mapping[str, Any], folders: Sequence[TreeFolder], tables: Sequence[Path]
) -> None:
    """A tree without runs is fine if there never was a run in it.

    Args:
        trees: of each tree.
        config: where it was looked for, and what was left out.
        folders: of the trees' records.
        tables: that may hold their runs.

    Raises:
        EmptyTree: there were runs before, and `allow_empty` is not set.
    """
    none_at_all = not any(tree.sources for tree in trees)
    for tree, folder in zip(trees, folders, strict=True):
        if not tree.sources:
            known = folder.has_records() or (none_at_all and any(map(_has_rows, tables)))
            _check_empty(tree, folder.root, known, config)


def _check_empty(tree: discovery.Tree, given: str, known: bool, config: Mapping[str, Any]) -> None:
    nothing = f"no run was found below {given!r}"
    reason = "is a share not mounted? Nothing was changed. If the runs are gone for good, set `allow_empty: true`"
    if tree.left_out:
        keys = [key for key in ("exclude", "since", "until") if config[key]]
        some = sorted(tree.left_out)
        named = ", ".join(repr(printable(path)) for path in some[:_NAMED]) + (", …" if len(some) > _NAMED else "")
        nothing = f"by {' and '.join(map(repr, keys))}, no run is left below {given!r} (left out: {named})"
        reason = "mend what leaves them out. Nothing was changed. If that is what you want, set `allow_empty: true`"
    elif tree.problems:
        problem = next(iter(tree.problems.values()))
        reason = (
            f"some of it can't be read ({printable(problem.run)}: {problem.message})."
            " Nothing was changed. Mend that; if the runs are gone for good, set `allow_empty: true`"
        )
    if not config["allow_empty"] and known:
        raise EmptyTree(f"{nothing}, but there were runs before: {reason}")
    _say(nothing)


def _has_rows(table: Path) -> bool:
    """Whether a table has more than its header."""
    with open(table, "rb") as file:
        return bool(file.readline() and file.readline())


def labels_in(trees: Sequence[discovery.Tree], config: Mapping[str, Any]) -> FolderLabels:
    """What the labels files of trees say; says if there are none although their name is set.

    Raises:
        WrongLabels: one can't be used.
    """
    name = config["labels_file"]
    files = {
        in_tree(tree_name, folder): (os.path.join(root, folder, name), file)
        for (root, tree_name), tree in zip(several.names(config["results_dir"]).items(), trees, strict=True)
        for folder, file in tree.labels.items()
    }
    if name and not files:
        _say(f"there is no labels file {name!r} in any folder below {_all(config)}")
    return parsed(files, taken_names()) if files else NO_LABELS
