"""Measure the workflow against references that are run in the same session, in turn with it.

    bench.py                                     all cases: 1,000 and 10,000 small runs, and big ones
    bench.py --cases nothing-to-do --repeats 9   one case, more often
    bench.py --list                              what there is

Prints medians and ratios as text; --json writes them with every single time. All programs run in the Python that runs
this one, on as many cores as --cores says, with files in the page cache.
"""

import argparse
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm
from trees import make_tree

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
MEGABYTES = 250  # that no process should exceed
TABLES = ("summary_raw.csv", "summary_stats.csv")


@dataclass(frozen=True)
class Cost:
    """What a process cost: seconds by the clock, and the largest resident memory of it and all that it started."""

    seconds: float
    megabytes: float


def run(command: list[str], folder: Path) -> Cost:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; with what it said.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
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
    """

    folder: Path
    cores: int
    trees: dict[str, list[Path]] = field(default_factory=dict)
    number: Iterator[int] = field(default_factory=itertools.count)

    def tree(self, name: str, **shape: Any) -> Path:
        """A tree, made when it is first asked for."""
        path = self.folder / "trees" / name
        if name not in self.trees:
            if not path.exists():
                make_tree(path, **shape)
            self.trees[name] = sorted(database.parent for database in path.rglob("benchmark_data.db"))
        return path

    def small(self, runs: int) -> Path:
        """A tree of small runs."""
        return self.tree(f"small-{runs}", runs=runs)

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


@dataclass(frozen=True)
class Case:
    """What is measured, against what, and the ratio that it should not exceed, if any."""

    name: str
    step: Callable[[Bench], Step]
    reference: str
    reference_step: Callable[[Bench], Step]
    target: float | None


def built(bench: Bench, tree: Path) -> tuple[list[str], Path]:
    """A project whose tables are up to date."""
    command, folder = bench.workflow(tree), bench.project()
    run(command, folder)
    return command, folder


def nothing_to_do(runs: int) -> Callable[[Bench], Step]:
    """The workflow over a tree that did not change."""

    def step(bench: Bench) -> Step:
        command, folder = built(bench, bench.small(runs))
        return Step(command, lambda: folder)

    return step


def one_changed(runs: int) -> Callable[[Bench], Step]:
    """The workflow after one run was measured again."""

    def step(bench: Bench) -> Step:
        tree = bench.small(runs)
        command, folder = built(bench, tree)
        summary = bench.trees[tree.name][runs // 2] / "benchmark_summary.json"

        def prepare() -> Path:
            content = json.loads(summary.read_bytes())
            content["Average latency (s)"] = round(content["Average latency (s)"] + 0.001, 4)
            summary.write_text(json.dumps(content, indent=4))
            return folder

        return Step(command, prepare)

    return step


def from_nothing(tree: Callable[[Bench], Path]) -> Callable[[Bench], Step]:
    """The workflow in an empty folder."""
    return lambda bench: Step(bench.workflow(tree(bench)), bench.project)


def plain_command(tree: Callable[[Bench], Path]) -> Callable[[Bench], Step]:
    """The plain command, which keeps nothing."""
    return lambda bench: Step(
        [sys.executable, str(CHECKOUT / "scripts" / "evalscope_aggregator.py"), "--results-dir", str(tree(bench))],
        bench.project,
    )


def reference(program: str, tree: Callable[[Bench], Path], *arguments: str) -> Callable[[Bench], Step]:
    """A reference program over a tree."""
    return lambda bench: Step(
        [sys.executable, str(HERE / "references" / program), str(tree(bench)), *arguments], bench.project
    )


def extraction(tree: Callable[[Bench], Path], of_one: bool = False) -> Callable[[Bench], Step]:
    """The job that reads runs, over all runs of a tree at once: from nothing, or with all records but one there."""

    def step(bench: Bench) -> Step:
        project = bench.project()
        one_batch = ["--until", "extract", "--set-scatter", "evalscope_runs=1"]
        run([*bench.workflow(tree(bench)), *one_batch], project)
        (made,) = project.glob(".evalscope-summary/*/inventory/1-of-1.json")

        def prepare() -> Path:
            if of_one:
                min(made.parent.parent.glob("records/*/*")).unlink()
                return made.parent.parent
            fresh = bench.project()
            return shutil.copytree(made.parent, fresh / "inventory").parent

        program = str(CHECKOUT / "scripts" / "extract.py")
        return Step([sys.executable, program, "inventory/1-of-1.json", "1-of-1"], prepare)

    return step


def one_added(bench: Bench) -> Step:
    """The workflow after one big run was added."""
    tree = forty_big(bench)
    command, folder = built(bench, tree)
    added = bench.trees[tree.name][-1]
    aside = bench.folder / "aside"

    def prepare() -> Path:
        shutil.move(added, aside)
        run(command, folder)
        shutil.move(aside, added)
        return folder

    return Step(command, prepare)


def small(runs: int) -> Callable[[Bench], Path]:
    """A tree of small runs."""
    return lambda bench: bench.small(runs)


def one_big(bench: Bench) -> Path:
    """A tree of one run of 1,000 requests with replies of 300 KB, whose request rows must be read."""
    return bench.tree("one-big", runs=1, release="1.8.0", requests=1000, reply=300_000)


def one_giant(bench: Bench) -> Path:
    """A tree of one such run with a database of 1 GB."""
    return bench.tree("one-giant", runs=1, release="1.8.0", requests=3400, reply=300_000)


def forty_big(bench: Bench) -> Path:
    """A tree of 40 such runs of 170 requests: 2 GB."""
    return bench.tree("forty-big", runs=40, release="1.8.0", requests=170, reply=300_000)


def cases(sizes: list[int]) -> Iterator[Case]:
    """All cases, for trees of these sizes."""
    first, last = sizes[0], sizes[-1]
    no_op, one_run = {first: 1.15, last: 1.6}, {first: 1.25, last: 1.7}
    for runs in sizes:
        yield Case(f"nothing-to-do-{runs}", nothing_to_do(runs), "floor", lambda b: b.floor(0), no_op[runs])
    for runs in sizes:
        yield Case(f"one-changed-{runs}", one_changed(runs), "one job", lambda b: b.floor(1), one_run[runs])
    yield Case(f"from-nothing-{first}", from_nothing(small(first)), "one job", lambda b: b.floor(1), 1.6)
    script = reference("plain_script.py", small(last), "plain")
    yield Case(f"from-nothing-{last}", from_nothing(small(last)), "plain script", script, 0.45)
    yield Case(
        f"growth-{first}-to-{last}", from_nothing(small(last)), f"{first} runs", from_nothing(small(first)), 10.0
    )
    script = reference("plain_script.py", small(first), "plain")
    yield Case(f"plain-command-{first}", plain_command(small(first)), "plain script", script, 0.7)
    yield Case("one-big-run-extraction", extraction(one_big), "read", reference("read.py", one_big), 6.0)
    yield Case("one-giant-run-extraction", extraction(one_giant), "read", reference("read.py", one_giant), None)
    extracting_one, extracting_all = extraction(forty_big, of_one=True), extraction(forty_big)
    yield Case("one-big-added-extraction", extracting_one, "from nothing", extracting_all, 0.3)
    yield Case("one-big-added", one_added, "one job", lambda b: b.floor(1), 1.4)


def measure(case: Case, bench: Bench, repeats: int) -> dict[str, Any]:
    """Measure a case in turn with its reference; returns medians, their ratio, peak memory and every time."""
    steps = {"case": case.step(bench), "reference": case.reference_step(bench)}
    costs: dict[str, list[Cost]] = {name: [] for name in steps}
    for number in range(repeats + 1):
        for name, step in steps.items():
            cost = run(step.command, step.prepare())
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
        "peak_megabytes": megabytes["case"],
        "reference_megabytes": megabytes["reference"],
        "times": {name: [cost.seconds for cost in found] for name, found in costs.items()},
    }


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| case | seconds | peak MB | reference | seconds | peak MB | ratio | target |",
        "|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    for found in results:
        lines.append(
            f"| {found['case']} | {found['seconds']:.2f} | {found['peak_megabytes']:.0f} |"
            f" {found['reference']} | {found['reference_seconds']:.2f} | {found['reference_megabytes']:.0f} |"
            f" {found['ratio']:.2f} | {'≤ ' + str(found['target']) if found['target'] else ''} |"
        )
    largest = max(found["peak_megabytes"] for found in results)
    return "\n".join([*lines, "", f"Largest peak of any process: {largest:.0f} MB (at most {MEGABYTES})."])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cores": os.cpu_count(), "memory_gib": round(memory), "python": platform.python_version()}


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=[""], help="only cases whose names begin so")
    parser.add_argument("--runs", nargs=2, type=int, default=[1000, 10000], help="sizes (default: 1000 10000)")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--cores", type=int, default=2, help="for Snakemake (default: 2)")
    parser.add_argument("--folder", type=Path, help="where to work; kept (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="file to write all figures to")
    parser.add_argument("--list", action="store_true", help="name the cases, measure nothing")
    options = parser.parse_args()
    chosen = [case for case in cases(options.runs) if case.name.startswith(tuple(options.cases))]
    if options.list:
        print("\n".join(f"{case.name}: against {case.reference}, at most {case.target or 'any'}" for case in chosen))
        return
    with tempfile.TemporaryDirectory(prefix="evalscope-summary-bench-") as temporary:
        bench = Bench((options.folder or Path(temporary)).resolve(), options.cores)
        results = [measure(case, bench, options.repeats) for case in tqdm(chosen, unit="case", file=sys.stderr)]
        found = machine()
        size = f"{found['cores']} cores, {found['memory_gib']} GiB, Python {found['python']}"
        print(f"{size}, medians of {options.repeats}\n")
        print(table(results))
        if options.json:
            options.json.write_text(
                json.dumps({"machine": found, "repeats": options.repeats, "results": results}, indent=2)
            )


if __name__ == "__main__":
    main()
