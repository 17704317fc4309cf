"""Groups of runs that repeat one test, and what speaks against averaging them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import formats, patterns
from .columns import BY_NAME, label_names, pattern_columns
from .problems import Problem
from .tables import Entry, Merged, Row, natural


@dataclass(frozen=True)
class Group:
    """Runs that agree in the `group_by` columns.

    Attributes:
        labels: label column → the value that all runs have, None where they differ; of `config` and `name` without
            what `repeat_pattern` cuts out.
        rows: the indices of the runs in `summary_raw`, ascending.
    """

    labels: Mapping[str, Any]
    rows: Sequence[int]


class PatternMatchesNothing(Exception):
    """A pattern of the configuration matches no run; the text says which and what to do."""


def groups(rows: Sequence[Row], settings: Mapping[str, Any]) -> list[Group]:
    """Divide runs into groups, in the order of the `group_by` columns (numbers as numbers, empty first).

    Args:
        rows: of `summary_raw`, in its order; only their labels are needed.
        settings: `columns.GROUP_SETTINGS`; an empty value is a value too.
    """
    repeat, names = settings["repeat_pattern"], label_names(settings)
    members: dict[tuple[Any, ...], list[int]] = {}
    labels: list[tuple[Any, ...]] = []
    by = [names.index(name) for name in settings["group_by"]]
    for index, row in enumerate(rows):
        own = tuple(map(row.get, names))
        if repeat:
            own = tuple(
                without_repeat(repeat, label or "") or None if name in ("config", "name") else label
                for name, label in zip(names, own, strict=True)
            )
        labels.append(own)
        members.setdefault(tuple(map(own.__getitem__, by)), []).append(index)
    result = []
    for found in sorted(members, key=lambda key: [_order(value) for value in key]):
        own = labels[members[found][0]]
        for index in members[found]:
            if labels[index] != own:
                own = tuple(a if a == b else None for a, b in zip(own, labels[index], strict=True))
        result.append(Group(dict(zip(names, own, strict=True)), members[found]))
    return result


def _order(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    return (1, natural(value)) if isinstance(value, str) else (1, value)


def without_repeat(pattern: str, text: str) -> str:
    """A label without what `repeat_pattern` matches, and without slashes that then separate nothing.

    >>> without_repeat("repeat-[0-9]+", "qwen3/repeat-03/p64")
    'qwen3/p64'
    """
    cut = patterns.compiled(pattern).sub("", text)
    return text if cut == text else "/".join(part for part in cut.split("/") if part)


def check_patterns(rows: Sequence[Row], settings: Mapping[str, Any]) -> None:
    """Check that the patterns of the configuration match something.

    Raises:
        PatternMatchesNothing: there are runs, and one of the patterns matches none of them.
    """
    repeat = settings["repeat_pattern"]
    texts = [row[name] for row in rows for name in ("config", "name") if row.get(name)]
    if repeat and texts and not any(patterns.compiled(repeat).search(text) for text in texts):
        raise PatternMatchesNothing(
            f"configuration: 'repeat_pattern' {repeat!r} is found in no run's config or name, such as"
            f" {texts[0]!r:.200}. Mend it, or remove it"
        )
    added = [column.name for column in pattern_columns(settings["label_pattern"])]
    if added and rows and not any(row.get(name) is not None for row in rows for name in added):
        raise PatternMatchesNothing(
            f"configuration: 'label_pattern' {settings['label_pattern']!r} matches no run's path, such as"
            f" {rows[0].get('run')!r:.200}. Mend it, or remove it"
        )


# --- what speaks against averaging -------------------------------------------------------------------------------


def mixed_definitions(rows: Sequence[Row], recomputed: bool) -> Problem | None:
    """The warning that a group's runs certainly lie on both sides of a release that changed what a metric means.

    Args:
        rows: runs that are averaged; of the metrics, only whether there is a value matters.
        recomputed: the metrics come from the request rows, so that only what the client measured counts.
    """
    windows = [formats.Window(row["evalscope_at_least"], row.get("evalscope_below")) for row in rows]
    found = []
    for definition in formats.DEFINITIONS:
        columns = [column.name for column in BY_NAME.values() if definition.covers(column.name, column.metric)]
        broken = []
        for change in definition.breaks:
            if recomputed and not change.measured:
                continue
            sides = [
                {
                    column
                    for row, window in zip(rows, windows, strict=True)
                    if lies(window, change.release)
                    for column in columns
                    if row.get(column) is not None
                }
                for lies in (formats.Window.certainly_before, formats.Window.certainly_since)
            ]
            if sides[0] & sides[1]:
                broken.append(change.release)
        if broken:
            found.append(f"{definition.name} ({', '.join(sorted(broken, key=formats.release))})")
    if not found:
        return None
    advice = (
        "what the client measured differs"
        if recomputed
        else "`metrics: recomputed` has one definition for all releases"
    )
    message = (
        f"its group of {len(rows)} runs mixes evalscope releases from before and after a change of"
        f" {'; '.join(found)}: the averages mix two meanings; {advice}"
    )
    return Problem("warning", "mixed-definitions", rows[0].get("run") or "", "", message)


def mixed_arguments(entries: Sequence[Entry]) -> Problem | None:
    """The warning that a group's runs differ in an argument that changes the workload and is in no label.

    Args:
        entries: runs that are averaged.
    """
    own = [entry.arguments for entry in entries]
    if all(digests == own[0] for digests in own):
        return None
    differing = [name for name in formats.WORKLOAD_ARGUMENTS if len({digests.get(name) for digests in own}) > 1]
    message = (
        f"its group of {len(own)} runs differs in {', '.join(differing)}: the averages mix workloads; see each run's"
        f" {formats.ARGS}, and give them folders or names of their own"
    )
    return Problem("warning", "mixed-arguments", entries[0].labels["run"] or "", formats.ARGS, message)


def warnings(made: Merged, settings: Mapping[str, Any]) -> list[Problem]:
    """The warnings that guard the averages of all groups.

    Args:
        made: of `tables.merge`.
        settings: `columns.GROUP_SETTINGS` and `metrics`.
    """
    found = []
    for group in groups([entry.labels for entry in made.entries], settings):
        own = [made.entries[index] for index in group.rows]
        if len({(entry.labels["evalscope_at_least"], entry.labels["evalscope_below"]) for entry in own}) > 1:
            rows = [dict.fromkeys(entry.present, True) | entry.labels for entry in own]
            found.append(mixed_definitions(rows, settings["metrics"] == "recomputed"))
        found.append(mixed_arguments(own))
    return [problem for problem in found if problem]
