"""`{output}_status.json`: what a start made, and what is other than at the last one; for dashboards, alerts and the
command's summary.

Beside the settings of the rules: `merged.json`, the runs and problems that `merge` wrote last, and `last.json`, those
of the end of the last start.
"""

import csv
import fnmatch
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .jsonfile import write_atomically
from .layouts import PROBLEM_COLUMNS
from .problems import Problem, storable

MERGED, LAST = "merged.json", "last.json"


@dataclass(frozen=True)
class State:
    """The runs in `summary_raw`, and the rows of `summary_problems`."""

    runs: list[str]
    problems: list[Problem]

    def dump(self) -> bytes:
        """As JSON."""
        return json.dumps({"runs": self.runs, "problems": self.problems}).encode()

    @classmethod
    def load(cls, path: Path) -> "State | None":
        """What `dump` wrote; None if it is not there, or damaged."""
        try:
            content = json.loads(path.read_bytes())
            return cls(list(content["runs"]), [Problem(*problem) for problem in content["problems"]])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @classmethod
    def of_tables(cls, raw: Path, problems: Path) -> "State | None":
        """From the tables; None if they are not there, or others."""
        try:
            with open(raw, encoding="utf-8-sig", newline="") as file:
                runs = [row["run"] for row in csv.DictReader(file)]
            return cls(runs, read_problems(problems))
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            return None

    @property
    def skipped(self) -> set[str]:
        """The runs that are not in the table."""
        return {problem.run for problem in self.problems if problem.severity == "skipped"}


def read_problems(path: Path) -> list[Problem]:
    """The rows of `summary_problems.csv`, without a frame."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [Problem(*(row[column.name] for column in PROBLEM_COLUMNS)) for row in csv.DictReader(file)]  # type: ignore[arg-type]


def note_merged(settings: Path, runs: Iterable[str], problems: Iterable[Problem]) -> None:
    """Note what `merge` wrote, beside its settings."""
    rows = [Problem(*map(storable, problem)) for problem in problems]  # type: ignore[arg-type]
    write_atomically(settings.with_name(MERGED), State(list(map(storable, runs)), rows).dump())


def is_accepted(problem: Problem, patterns: Sequence[str]) -> bool:
    """Whether a problem is known: one of `code:run` (`accepted_problems`), both with `*` and `?`, fits it.

    >>> is_accepted(Problem("skipped", "incomplete", "old/a", "", ""), ["incomplete:old/*"])
    True
    """
    return any(
        fnmatch.fnmatchcase(problem.code, code) and fnmatch.fnmatchcase(problem.run, run)
        for code, _, run in (pattern.partition(":") for pattern in patterns)
    )


def disturbing(problems: Iterable[Problem], settings: Mapping[str, Any], last: State | None) -> list[Problem]:
    """The problems for which `strict` fails: of skipped runs, without those that are accepted; with `new`, without
    those of runs that had been skipped at the end of the last start.

    Args:
        problems: of now.
        settings: `strict`, `accepted_problems`.
        last: what the last start left, None if nobody knows.
    """
    before = last.skipped if last and settings["strict"] == "new" else set()
    return [
        problem
        for problem in problems
        if problem.severity == "skipped"
        and problem.run not in before
        and not is_accepted(problem, settings["accepted_problems"])
    ]


def by_run(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Run → its problems."""
    grouped: dict[str, list[Problem]] = {}
    for problem in problems:
        grouped.setdefault(problem.run, []).append(problem)
    return grouped


def compose(
    now: State | None, last: State | None, settings: Mapping[str, Any], succeeded: bool, started: float
) -> dict[str, Any]:
    """The content of `{output}_status.json`; docs/pipelines.md explains the keys.

    Args:
        now: what the tables hold, None if there are none.
        last: what the last start left, None for the first one: then all runs are new.
        settings: the configuration.
        succeeded: whether all that was asked for was made.
        started: seconds since the epoch.
    """
    import platform  # these take long to import, and only the end of a start needs them
    from importlib import metadata

    state, before = now or State([], []), last or State([], [])
    accepted = [problem for problem in state.problems if is_accepted(problem, settings["accepted_problems"])]
    known = {*accepted, *before.problems}
    skipped = state.skipped
    return {
        "succeeded": succeeded,
        "found": len(state.runs) + len(skipped),
        "runs": len(state.runs),
        "skipped": len(skipped),
        "problems": dict(sorted(Counter(problem.code for problem in state.problems).items())),
        "accepted": len(accepted),
        "new_runs": _others(state.runs, before.runs),
        "gone_runs": _others(before.runs, state.runs),
        "new_skipped": sorted(by_run(disturbing(state.problems, {**settings, "strict": "new"}, last))),
        "new_problems": [problem._asdict() for problem in state.problems if problem not in known],
        "settings": told(settings),
        "versions": {
            "evalscope-summary": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("snakemake", "pandas")},
        },
        **times(started),
    }


def told(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are told: what users set, without an image's address, which may hold credentials."""
    return {key: value for key, value in sorted(settings.items()) if key not in ("container", "pathvars", "labels")}


def times(started: float) -> dict[str, Any]:
    """When a start began, and how long it took until now.

    Args:
        started: seconds since the epoch.
    """
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started))
    return {"start": began, "seconds": round(time.time() - started, 1)}


def _others(these: Sequence[str], those: Sequence[str]) -> list[str]:
    known = set(those)
    return [run for run in these if run not in known]


def write(path: Path, status: Mapping[str, Any]) -> None:
    """Write a status."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(status, indent=2, ensure_ascii=False).encode() + b"\n")
