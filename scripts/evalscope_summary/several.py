"""Several results trees at once, and the names by which they are told apart."""

import itertools
import os
from collections.abc import Sequence


class WrongTrees(Exception):
    """Trees can't be summarized together; the text names them, and what to do."""


def paths(results_dir: str | Sequence[str]) -> list[str]:
    """The trees that the setting `results_dir` names."""
    return [results_dir] if isinstance(results_dir, str) else list(results_dir)


def names(results_dir: str | Sequence[str]) -> dict[str, str]:
    """Tree → its name, with which the names of its runs begin: the last component of its path; where several trees
    would have one name, as many as tell them apart. The only tree needs none.

    >>> names("/data/results"), names(["/data/july/", "june"])
    ({'/data/results': ''}, {'/data/july/': 'july', 'june': 'june'})
    >>> names(["/n1/results", "/n2/results", "july"])
    {'/n1/results': 'n1/results', '/n2/results': 'n2/results', 'july': 'july'}

    Raises:
        WrongTrees: two of them are one, or one lies in another.
    """
    given = paths(results_dir)
    if len(given) == 1:
        return {given[0]: ""}
    real = {path: os.path.realpath(path) for path in given}
    for one, other in itertools.permutations(given, 2):
        if real[one] == real[other]:
            raise WrongTrees(f"{one!r} and {other!r} are one folder: leave one of them")
        if os.path.commonpath([real[one], real[other]]) == real[one]:
            raise WrongTrees(f"{other!r} lies in {one!r}, so its runs would be there twice: leave one of them")
    parts = {path: [part for part in os.path.abspath(path).split(os.sep) if part] for path in given}
    lengths = dict.fromkeys(given, 1)
    while clashing := _clashing({path: parts[path][-lengths[path] :] for path in given}):
        longer = {path for path in clashing if lengths[path] < len(parts[path])}
        if not longer:
            raise WrongTrees(f"{' and '.join(map(repr, sorted(clashing)))} can't be told apart: name them otherwise")
        for path in longer:
            lengths[path] += 1
    return {path: "/".join(parts[path][-lengths[path] :]) for path in given}


def _clashing(named: dict[str, list[str]]) -> set[str]:
    """The trees whose name is another one's, or the beginning of it, so that a run could be of both."""
    return {
        path
        for pair in itertools.permutations(named, 2)
        if named[pair[1]][: len(named[pair[0]])] == named[pair[0]]
        for path in pair
    }
