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


def mixed_tools(rows: Sequence[Row], recomputed: bool) -> Problem | None:
    """The warning that a group's runs are of several tools, which `group_by` leaves together.

    Args:
        rows: runs that are averaged.
        recomputed: the metrics come from the request rows.
    """
    tools = sorted({row["tool"] for row in rows if row.get("tool")})
    if len(tools) < 2:
        return None
    advice = "what the clients measured differs" if recomputed else "see docs/tools.md for what each of them means"
    message = (
        f"its group of {len(rows)} runs mixes results of {' and '.join(tools)}: the averages mix what they define, and"
        f" measure, differently; {advice}, or have `tool` in `group_by`"
    )
    return Problem("warning", "mixed-definitions", rows[0].get("run") or "", "", message)


def mixed_arguments(entries: Sequence[Entry]) -> Problem | None:
    """The warning that a group's runs differ in an argument that changes the workload and is in no label.

    Args:
        entries: runs of one tool that are averaged.
    """
    own = [entry.arguments for entry in entries]
    if all(digests == own[0] for digests in own):
        return None
    tool = entries[0].labels.get("tool")
    named = next((reader for reader in READERS if reader.name == tool), None)  # None: a reader of the user's own
    names = named.workload_arguments if named else sorted(set().union(*own))
    file = named.arguments_file if named else ""
    differing = [name for name in names if len({digests.get(name) for digests in own}) > 1]
    message = (
        f"its group of {len(own)} runs differs in {', '.join(differing)}: the averages mix"
        f" workloads; see each run's {file or 'file'}, and give them folders or names of their own"
    )
    return Problem("warning", "mixed-arguments", entries[0].labels["run"] or "", file, message)


def warnings(made: Merged, settings: Mapping[str, Any]) -> list[Problem]:
    """The warnings that guard the averages of all groups.

    Args:
        made: of `assembling.merge`.
        settings: `layouts.GROUP_SETTINGS` and `metrics`.
    """
    windows = {_window(entry) for entry in made.entries}
    tools = {entry.labels["tool"] for entry in made.entries}
    objects = {id(entry.arguments): entry.arguments for entry in made.entries}  # many are one object
    arguments = {tuple(sorted(own.items())) for own in objects.values()}
    if (
        len(windows) < 2 and len(arguments) < 2 and len(tools) < 2
    ):  # as in most trees: no group can be mixed, and pandas is not needed
        return []
    from .frame import frame
    from .groups import groups

    columns = label_columns(settings)
    labels = frame(columns, ([entry.labels[column.name] for column in columns] for entry in made.entries))
    found = []
    recomputed = settings["metrics"] == "recomputed"
    for members in groups(labels, settings).repeated():
        own = [made.entries[index] for index in members]
        if len({_window(entry) for entry in own}) > 1:
            rows = [dict.fromkeys(entry.present, True) | entry.labels for entry in own]
            found.append(mixed_definitions(rows, recomputed))
        found.append(mixed_tools([entry.labels for entry in own], recomputed))
        for tool in sorted({entry.labels["tool"] or "" for entry in own}):
            found.append(mixed_arguments([entry for entry in own if (entry.labels["tool"] or "") == tool]))
    return [problem for problem in found if problem]


def _window(entry: Entry) -> tuple[Any, Any]:
    return entry.labels[AT_LEAST], entry.labels[BELOW]
