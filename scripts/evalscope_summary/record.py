"""What a reader gives back of a run: its cells by part, and its problems."""

from dataclasses import dataclass, field
from typing import Any, Literal

from . import jsonfile
from .problems import Problem, Severity, storable

Values = dict[str, Any]
"""Column name → value in the column's type and unit; empty cells are left out."""

Wanted = Literal["filled", "recomputed"]
"""What is computed from request rows, only when it is asked for."""


@dataclass
class Part:
    """Some cells of a run, and the problems that hold together with them."""

    values: Values = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass
class Record:
    """What was read of one run.

    Attributes:
        run: its name in the tables: the path of its source below the results tree, with `#index` if there are several.
        common: labels, counts and GPU memory, and the problems that hold whatever is wanted.
        reported: the performance cells as the tool reported them.
        derived: what was asked for: `filled`, the performance cells that no file has (with the narrower releases that
            they show); `recomputed`, those of `metrics: recomputed`.
        arguments: digests of the arguments that change the workload and are in no label.
        prompt_characters: length of the prompt given as text, None if there was none.
        fingerprint: digest of the bytes that it was read from; empty for a skipped run.
        passing: what is wrong may be over at the next start without a change to the files (the disk was away).
        denied: files that could not be read for lack of permission.
    """

    run: str
    common: Part = field(default_factory=Part)
    reported: Part = field(default_factory=Part)
    derived: dict[Wanted, Part] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    prompt_characters: int | None = None
    fingerprint: str = ""
    passing: bool = False
    denied: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> bool:
        """Whether the run is not in the table."""
        return any(problem.severity == "skipped" for problem in self.problems)

    @property
    def values(self) -> Values:
        """The cells that the tool's own files gave."""
        return self.common.values | self.reported.values

    @property
    def problems(self) -> list[Problem]:
        """The problems that hold whatever is wanted."""
        return self.common.problems

    def missed(self, file: str, error: Exception) -> None:
        """Note whether what kept a file from being read, the cause of an error, may be over at the next start."""
        self.passing |= jsonfile.is_passing(error.__cause__)
        if jsonfile.is_denied(error.__cause__):
            self.denied.append(file)

    def problem(self, severity: Severity, code: str, file: str, message: str) -> Problem:
        """A problem of this run, which is in no part yet."""
        return Problem(severity, code, storable(self.run), file, message)

    def note(self, severity: Severity, code: str, file: str, message: str) -> None:
        """Add a problem of this run that holds whatever is wanted of it."""
        self.problems.append(self.problem(severity, code, file, message))
