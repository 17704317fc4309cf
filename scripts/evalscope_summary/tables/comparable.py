"""What speaks against averaging the runs of a group."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..columns import AT_LEAST, BELOW, BY_NAME
from ..layouts import label_columns
from ..problems import Problem
from ..readers import READERS
from ..readers.releases import Window, release
from .assembling import Entry, Merged, Row


def mixed_definitions(rows: Sequence[Row], recomputed: bool) -> Problem | None:
    """The warning that a group's runs certainly lie on both sides of a release that changed what a metric means.

    Args:
        rows: runs that are averaged; of the metrics, only whether there is a value matters.
        recomputed: the metrics come from the request rows, so that only what the client measured counts.
    """
    known = [row for row in rows if row.get(AT_LEAST)]
    windows = [Window(row[AT_LEAST], row.get(BELOW)) for row in known]
    found = []
    for definition in (definition for reader in READERS for definition in reader.definitions):
        columns = [column.name for column in BY_NAME.values() if definition.covers(column.name, column.metric)]
        broken = []
        for change in definition.breaks:
            if recomputed and not change.measured:
                continue
            sides = [
                {
                    column
                    for row, window in zip(known, windows, strict=True)
                    if lies(window, change.release)
                    for column in columns
                    if row.get(column) is not None
                }
                for lies in (Window.certainly_before, Window.certainly_since)
            ]
            if sides[0] & sides[1]:
                broken.append(change.release)
        if broken:
            found.append(f"{definition.name} ({', '.join(sorted(broken, key=release))})")
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
    differing = [
        (name, reader.arguments_file)
        for reader in READERS
        for name in reader.workload_arguments
        if len({digests.get(name) for digests in own}) > 1
    ]
    files = list(dict.fromkeys(file for _, file in differing))
    message = (
        f"its group of {len(own)} runs differs in {', '.join(name for name, _ in differing)}: the averages mix"
        f" workloads; see each run's {' or '.join(files)}, and give them folders or names of their own"
    )
    return Problem("warning", "mixed-arguments", entries[0].labels["run"] or "", files[0], message)


def warnings(made: Merged, settings: Mapping[str, Any]) -> list[Problem]:
    """The warnings that guard the averages of all groups.

    Args:
        made: of `assembling.merge`.
        settings: `layouts.GROUP_SETTINGS` and `metrics`.
    """
    windows = {_window(entry) for entry in made.entries}
    arguments = {tuple(sorted(entry.arguments.items())) for entry in made.entries}
    if len(windows) < 2 and len(arguments) < 2:  # as in most trees: no group can be mixed, and pandas is not needed
        return []
    from .frame import frame
    from .groups import groups

    columns = label_columns(settings)
    labels = frame(columns, ([entry.labels[column.name] for column in columns] for entry in made.entries))
    found = []
    for members in groups(labels, settings).repeated():
        own = [made.entries[index] for index in members]
        if len({_window(entry) for entry in own}) > 1:
            rows = [dict.fromkeys(entry.present, True) | entry.labels for entry in own]
            found.append(mixed_definitions(rows, settings["metrics"] == "recomputed"))
        found.append(mixed_arguments(own))
    return [problem for problem in found if problem]


def _window(entry: Entry) -> tuple[Any, Any]:
    return entry.labels[AT_LEAST], entry.labels[BELOW]
