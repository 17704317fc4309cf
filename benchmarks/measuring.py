"""Programs are measured in turn with what they are compared to, over trees that are made when they are first needed."""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trees import make_tree

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
TABLES = ("summary_raw.csv", "summary_stats.csv")


@dataclass(frozen=True)
class Cost:
    """What a process cost: seconds by the clock, and the largest resident memory of it and all that it started."""

    seconds: float
    megabytes: float


def run(command: list[str], folder: Path, more: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, with more variables in its environment.

    Raises:
        SystemExit: it failed; with what it said.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= more or {}
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} failed in {folder}:\n{said.read().decode()[-3000:]}")
    return Cost(seconds, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))


@dataclass
class Bench:
    """A folder with trees, and how often and with how many cores to measure.

    Attributes:
        folder: everything lies below it.
        cores: given to Snakemake.
        trees: name → the run folders of a tree that is there.
        number: of the next project.
        built: tree → a project whose tables were once made of it.
    """

    folder: Path
    cores: int
    trees: dict[str, list[Path]] = field(default_factory=dict)
    number: Iterator[int] = field(default_factory=itertools.count)
    built: dict[Path, Path] = field(default_factory=dict)

    def tree(self, name: str, **shape: Any) -> Path:
        """A tree, made when it is first asked for."""
        path = self.folder / "trees" / name
        if name not in self.trees:
            if not path.exists():
                make_tree(path, **shape)
            self.trees[name] = sorted(database.parent for database in path.rglob("benchmark_data.db"))
        return path

    def small(self, runs: int, repeats: int = 5) -> Path:
        """A tree of small runs, so many of each test."""
        return self.tree(f"small-{runs}" if repeats == 5 else f"groups-{runs}", runs=runs, repeats=repeats)

    def project(self) -> Path:
        """A new folder to work in. None is removed before the end: ext4 makes files slowly for minutes after many
        were deleted, as it looks for places that were not in use lately."""
        path = self.folder / f"project-{os.getpid()}-{next(self.number)}"
        path.mkdir()
        return path

    def snakemake(self, snakefile: Path) -> list[str]:
        """A Snakemake command; targets follow."""
        return [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", str(self.cores)]

    def workflow(self, tree: Path) -> list[str]:
        """The command that makes both tables."""
        return [*self.snakemake(CHECKOUT / "Snakefile"), *TABLES, "--config", f"results_dir={tree}"]

    def floor(self, jobs: int) -> "Step":
        """Snakemake with one rule: nothing to do, or one trivial job."""
        folder = self.project()
        command = self.snakemake(HERE / "references" / "one_rule.smk")

        def prepare() -> Path:
            if jobs:
                (folder / "one.txt").unlink(missing_ok=True)
            elif not (folder / "one.txt").exists():
                run(command, folder)
            return folder

        return Step(command, prepare)


@dataclass(frozen=True)
class Step:
    """A command to measure, and what comes before it each time: it says in which folder to run the command."""

    command: list[str]
    prepare: Callable[[], Path]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """What is measured, against what, and what it should not exceed.

    Attributes:
        target: the ratio, if any.
        megabytes: resident memory of any of its processes, if any.
        usual: measured where no case is asked for by name.
        curve: which curve of the plot it is a point of, and at how many runs; empty: none.
    """

    name: str
    step: Callable[[Bench], Step]
    reference: str
    reference_step: Callable[[Bench], Step]
    target: float | None
    megabytes: int | None = None
    usual: bool = False
    curve: tuple[str, int] | tuple[()] = ()


_LONG = 5.0  # seconds of a reference that is measured in every other turn only


def measure(case: Case, bench: Bench, repeats: int) -> dict[str, Any]:
    """Measure a case in turn with its reference; returns medians, their ratio, peak memory and every time."""
    steps = {"case": case.step(bench), "reference": case.reference_step(bench)}
    costs: dict[str, list[Cost]] = {name: [] for name in steps}
    lasted = 0.0
    for number in range(repeats + 1):
        for name, step in steps.items():
            if name == "reference" and lasted > _LONG and number % 2 == 0:
                continue
            cost = run(step.command, step.prepare(), step.environment)
            lasted = cost.seconds if name == "reference" else lasted
            if number:  # the first one fills caches
                costs[name].append(cost)
    seconds = {name: statistics.median(cost.seconds for cost in found) for name, found in costs.items()}
    megabytes = {name: max(cost.megabytes for cost in found) for name, found in costs.items()}
    return {
        "case": case.name,
        "seconds": seconds["case"],
        "reference": case.reference,
        "reference_seconds": seconds["reference"],
        "ratio": seconds["case"] / seconds["reference"],
        "target": case.target,
        "target_megabytes": case.megabytes,
        "curve": case.curve,
        "peak_megabytes": megabytes["case"],
        "reference_megabytes": megabytes["reference"],
        "times": {name: [cost.seconds for cost in found] for name, found in costs.items()},
    }
