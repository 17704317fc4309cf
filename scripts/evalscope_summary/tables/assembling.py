"""Records become rows of `summary_raw` and of `summary_problems`, in their order."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import labels
from ..columns import AT_LEAST, BELOW, PERFORMANCE, Column
from ..folder_labels import NO_LABELS, FolderLabels
from ..layouts import label_names
from ..problems import Problem, in_tree
from ..record import Part, Record, Values
from ..selection import within
from .order import natural

Row = dict[str, Any]
"""Column name → value, None or absent where the cell is empty."""

_NONE: Mapping[str, Any] = MappingProxyType({})


def assemble(record: Record, settings: Mapping[str, Any], folders: FolderLabels = NO_LABELS, tree: str = "") -> Row:
    """The row of a record under what applies when tables are made.

    Args:
        record: of a run.
        settings: `layouts.MERGE_SETTINGS`.
        folders: what labels files say.
        tree: its name, if it is one of several.
    """
    row: Row = {}
    recomputed = settings["metrics"] == "recomputed"
    for part in _parts(record, settings):
        if recomputed and part is record.derived.get("filled"):  # it may know the releases better
            row |= {name: value for name, value in part.values.items() if name not in PERFORMANCE}
        else:
            row |= part.values
    row["prompt_length"] = labels.prompt_length(
        record.prompt_characters, settings["prompt_long_chars"], row.get("config", ""), row.get("dataset_file")
    )
    run = row.get("run", "")
    if tree:
        run = row["run"] = in_tree(tree, run)
    row |= folders.of(run)
    if settings["label_pattern"]:
        matched = labels.pattern_labels(settings["label_pattern"], run)
        row.update((name, text) for name, text in matched.items() if text is not None or name not in row)
    return row


def _parts(record: Record, settings: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of a record that the settings want, later ones over earlier ones."""
    recomputed = settings["metrics"] == "recomputed"
    yield record.common
    if not recomputed:
        yield record.reported
    if settings["fill_percentiles"] and "filled" in record.derived:
        yield record.derived["filled"]
    if recomputed and "recomputed" in record.derived:
        yield record.derived["recomputed"]


class AssembledRun(NamedTuple):
    """A run in `summary_raw`, on its way there.

    Attributes:
        labels: its labels, run and releases: what decides on groups and on warnings about them.
        present: the columns with a value.
        cells: its row, as the caller wants it.
        fingerprint: of the record.
        arguments: digests, `Record.arguments`.
        place: what the table is sorted by.
    """

    labels: Row
    present: frozenset[str]
    cells: Any
    fingerprint: str
    arguments: dict[str, str]
    place: bytes = b""


@dataclass(frozen=True)
class Assembled:
    """What records say together.

    Attributes:
        runs: those that are in the table.
        problems: of the runs, in no order.
    """

    runs: list[AssembledRun]
    problems: list[Problem]

    @property
    def rows(self) -> list[Any]:
        """The rows of the table, as the caller wanted them."""
        return [run.cells for run in self.runs]


def assemble_all(
    records: Iterable[Record],
    settings: Mapping[str, Any],
    cells: Callable[[Row], Any] = lambda row: row,
    folders: FolderLabels = NO_LABELS,
    tree: str = "",
    kept: Mapping[str, Values] = _NONE,
) -> Assembled:
    """Assemble the rows of some runs, in the order of the records.

    Args:
        records: of these runs.
        settings: `layouts.MERGE_SETTINGS`.
        cells: what to keep of a row.
        folders: what labels files say.
        tree: its name, if it is one of several.
        kept: run, as its tree calls it → its cells of the columns that `slo` adds.
    """
    names = (*label_names(settings), "timestamp", "run", AT_LEAST, BELOW)
    assembled: list[AssembledRun] = []
    problems: list[Problem] = []
    period = (settings["since"], settings["until"])  # of evalscope's runs, whose paths say it, none other is read
    present: dict[tuple[str, ...], frozenset[str]] = {}  # most runs have the same columns
    for record in records:
        if record.skipped:
            problems += record.problems
            continue
        if any(period) and not within(record.common.values.get("timestamp"), *period):
            continue
        for part in _parts(record, settings):
            problems += part.problems
        row = assemble(record, settings, folders, tree)
        row |= kept.get(record.common.values.get("run", ""), _NONE)
        columns = tuple(row)
        if columns not in present:
            present[columns] = frozenset(columns)
        known = {name: row.get(name) for name in names}
        assembled.append(
            AssembledRun(known, present[columns], cells(row), record.fingerprint, record.arguments, _place(known))
        )
    return Assembled(assembled, of_tree(problems, tree))


def of_tree(problems: Iterable[Problem], tree: str) -> list[Problem]:
    """Problems of one of several trees, whose name is then a part of what they are about."""
    return [problem._replace(run=in_tree(tree, problem.run)) for problem in problems] if tree else list(problems)


def _place(labels: Row) -> bytes:
    return natural(labels["config"]) + natural(labels["timestamp"]) + natural(labels["run"])


def cells_in(columns: Sequence[Column]) -> Callable[[Row], tuple[Any, ...]]:
    """What makes cells in the order of the columns from a row."""
    names = [column.name for column in columns]
    return lambda row: tuple(map(row.get, names))


def merge(parts: Iterable[Assembled]) -> Assembled:
    """Bring the parts of a tree together, in the order of the table, and tell runs that are copies of another one."""
    batches = list(parts)
    problems = [problem for part in batches for problem in part.problems]
    assembled = [run for part in batches for run in part.runs]
    assembled.sort(key=attrgetter("place"))
    first: dict[str, str] = {}
    for run in assembled:
        path = run.labels["run"] or ""
        original = first.setdefault(run.fingerprint, path)
        if original != path:
            message = f"its files are the same bytes as those of {original!r}: one may be a copy"
            problems.append(Problem("warning", "duplicate-run", path, "", message))
    return Assembled(assembled, problems)


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """The order of `summary_problems`: skipped runs first, then by run; what is said twice stands there once."""
    return sorted(set(problems), key=lambda p: (p.severity, natural(p.run), p.code, p.file, p.message))
