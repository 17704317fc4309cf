"""What speaks against averaging the runs of a group."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..columns import AT_LEAST, BELOW, BY_NAME
from ..layouts import label_columns
from ..problems import Problem
from ..readers import READERS
from ..readers.releases import Window, release
from .assembling import Assembled, AssembledRun, Row


def mixed_definitions(rows: Sequence[Row], recomputed: bool) -> Problem | None:
    """The warning that a group's runs certainly lie on both sides of a release that changed what a metric means.

    Args:
        rows: runs that are averaged; of the metrics, only whether there is a value matters.
        recomputed: the metrics come from the request rows, so that only what the client measured counts.
    """
    known = [row for row in rows if row.get(AT_LEAST)]
    windows = [Window(row[AT_LEAST], row.get(BELOW)) for row in known]
    problems = []
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
            problems.append(f"{definition.name} ({', '.join(sorted(broken, key=release))})")
    if not problems:
        return None
    advice = (
        "what the client measured differs"
        if recomputed
        else "`metrics: recomputed` has one definition for all releases"
    )
    message = (
        f"its group of {len(rows)} runs mixes evalscope releases from before and after a change of"
        f" {'; '.join(problems)}: the averages mix two meanings; {advice}"
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


def mixed_arguments(runs: Sequence[AssembledRun]) -> Problem | None:
    """The warning that a group's runs differ in an argument that changes the workload and is in no label.

    Args:
        runs: of one tool that are averaged.
    """
    arguments = [run.arguments for run in runs]
    if all(digests == arguments[0] for digests in arguments):
        return None
    tool = runs[0].labels.get("tool")
    named = next((reader for reader in READERS if reader.name == tool), None)  # None: a reader of the user's own
    names = named.workload_arguments if named else sorted(set().union(*arguments))
    file = named.arguments_file if named else ""
    differing = [name for name in names if len({digests.get(name) for digests in arguments}) > 1]
    message = (
        f"its group of {len(arguments)} runs differs in {', '.join(differing)}: the averages mix"
        f" workloads; see each run's {file or 'file'}, and give them folders or names of their own"
    )
    return Problem("warning", "mixed-arguments", runs[0].labels["run"] or "", file, message)


def warnings(merged: Assembled, settings: Mapping[str, Any]) -> list[Problem]:
    """The warnings that guard the averages of all groups.

    Args:
        merged: of `assembling.merge`.
        settings: `layouts.GROUP_SETTINGS` and `metrics`.
    """
    windows = {_window(run) for run in merged.runs}
    tools = {run.labels["tool"] for run in merged.runs}
    objects = {id(run.arguments): run.arguments for run in merged.runs}  # many are one object
    arguments = {tuple(sorted(of_group.items())) for of_group in objects.values()}
    if (
        len(windows) < 2 and len(arguments) < 2 and len(tools) < 2
    ):  # as in most trees: no group can be mixed, and pandas is not needed
        return []
    from .frame import frame
    from .groups import groups

    columns = label_columns(settings)
    labels = frame(columns, ([run.labels[column.name] for column in columns] for run in merged.runs))
    problems = []
    recomputed = settings["metrics"] == "recomputed"
    for members in groups(labels, settings).repeated():
        of_group = [merged.runs[index] for index in members]
        if len({_window(run) for run in of_group}) > 1:
            rows = [dict.fromkeys(run.present, True) | run.labels for run in of_group]
            problems.append(mixed_definitions(rows, recomputed))
        problems.append(mixed_tools([run.labels for run in of_group], recomputed))
        for tool in sorted({run.labels["tool"] or "" for run in of_group}):
            problems.append(mixed_arguments([run for run in of_group if (run.labels["tool"] or "") == tool]))
    return [problem for problem in problems if problem]


def _window(run: AssembledRun) -> tuple[Any, Any]:
    return run.labels[AT_LEAST], run.labels[BELOW]
