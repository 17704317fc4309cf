"""What the command says at the end: runs, what is new, what was skipped and why, files, seconds."""

import glob
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import status
from .inventory import STAMPS
from .languages import counts, say, translated
from .problems import Problem, printable

_NAMED = 5  # skipped runs, and files


@dataclass(frozen=True)
class Ended:
    """How a start ended.

    Attributes:
        text: to print.
        disturbing: whether `strict` asks to fail for what was skipped.
    """

    text: str
    disturbing: bool


def dates(output: str) -> dict[str, int]:
    """The files of an output, and when they were written."""
    beginning = glob.escape(output)
    paths = [*glob.glob(f"{beginning}_*"), *glob.glob(f"{beginning}.*")]
    return {path: os.stat(path).st_mtime_ns for path in sorted(paths) if os.path.exists(path)}


def of(settings: Mapping[str, Any], before: Mapping[str, int], began: float) -> Ended:
    """The summary of a start that succeeded.

    Args:
        settings: the configuration.
        before: `dates` before it.
        began: when, in seconds since the epoch.
    """
    output: str = settings["output"]
    path = Path(f"{output}_status.json")
    after = dates(output)
    written = [name for name, date in after.items() if before.get(name) != date and name != str(path)]
    content = _status(path, settings, began, str(path) in after and before.get(str(path)) != after[str(path)])
    table = f"{output}_problems.csv"
    problems = status.read_problems(Path(table)) if os.path.exists(table) else []
    skipped = status.by_run(problem for problem in problems if problem.severity == "skipped")
    lines = [
        say(
            "{counts}; {new} new, {gone} gone; {seconds} s",
            counts=counts(content["runs"], content["skipped"], len(problems), table),
            new=len(content["new_runs"]),
            gone=len(content["gone_runs"]),
            seconds=f"{time.time() - began:.1f}",
        ),
        *_reasons(skipped, table),
        _files(written),
    ]
    disturbing = bool(
        content["new_skipped"]
        if settings["strict"] == "new"
        else settings["strict"] and status.disturbing(problems, settings, None)
    )
    if disturbing:
        lines.append(say("strict: runs were skipped, so this ends with exit status 3"))
    return Ended("\n".join(lines), disturbing)


def of_dry_run(log: str, work_dir: str) -> str:
    """What would be done.

    Args:
        log: what Snakemake (9.19, 9.27) printed with `--dry-run`.
        work_dir: the setting; what lies there is no table.
    """
    made = [file for files in re.findall(r"^    output: (.+)$", log, re.MULTILINE) for file in files.split(", ")]
    batches = [batch for file in made if (batch := re.search(rf"/{STAMPS}/\d+-of-(\d+)$", file))]
    tables = [file for file in made if not file.startswith(f"{work_dir}/")]
    if not made:
        return say("Nothing would have to be written: all files are up to date")
    lines = []
    if batches:
        lines.append(
            say(
                "would be read: what is new or changed in {number} of {total} batches of runs",
                number=len(batches),
                total=batches[0][1],
            )
        )
    if tables:
        lines.append(say("would be written: {files}", files=", ".join(sorted(tables))))
    return "\n".join([*lines, say("This was a dry run: nothing was made")])


def _status(path: Path, settings: Mapping[str, Any], began: float, is_new: bool) -> dict[str, Any]:
    """The status of this start; where nothing had to be done, Snakemake calls nobody who could write one."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        content = {"runs": 0, "skipped": 0}
        is_new = False
    if not is_new:
        content |= {"succeeded": True, "new_runs": [], "gone_runs": [], "new_skipped": [], "new_problems": []}
        content |= status.times(began)
    content["settings"] = status.told(settings)  # with the `strict` that is checked here
    status.write(path, content)
    return content


def _reasons(skipped: Mapping[str, list[Problem]], table: str) -> list[str]:
    """A line for each of the first skipped runs."""
    lines = [
        f"  {printable(run)}: {'; '.join(printable(translated(problem.message)) for problem in problems)}"
        for run, problems in list(skipped.items())[:_NAMED]
    ]
    if len(skipped) > _NAMED:
        lines.append("  " + say("and {number} more in {table}", number=len(skipped) - _NAMED, table=table))
    return [say("skipped:"), *lines] if lines else []


def _files(written: list[str]) -> str:
    if not written:
        return say("Nothing had to be written: all files are up to date")
    return say("written: {files}", files=", ".join(written))
