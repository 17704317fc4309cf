"""What the benchmark measures: the cases, their references, and what they should not exceed."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from measuring import CHECKOUT, HERE, Bench, Case, Step, run
from slow_storage import preload
from trees import write_vllm

LATENCY = 500  # microseconds


def built(bench: Bench, tree: Path) -> tuple[list[str], Path]:
    """A project with tables of a tree; up to date after one more start, as the first one is that is not measured."""
    command = bench.workflow(tree)
    if tree not in bench.built:
        bench.built[tree] = bench.project()
        run(command, bench.built[tree])
    return command, bench.built[tree]


Tree = Callable[[Bench], Path]


def nothing_to_do(tree: Tree) -> Callable[[Bench], Step]:
    """The workflow over a tree that did not change."""

    def step(bench: Bench) -> Step:
        command, folder = built(bench, tree(bench))
        return Step(command, lambda: folder)

    return step


def one_changed(of: Tree) -> Callable[[Bench], Step]:
    """The workflow after one run was measured again."""

    def step(bench: Bench) -> Step:
        tree = of(bench)
        command, folder = built(bench, tree)
        runs = bench.trees[tree.name]
        summary = runs[len(runs) // 2] / "benchmark_summary.json"

        def prepare() -> Path:
            content = json.loads(summary.read_bytes())
            content["Average latency (s)"] = round(content["Average latency (s)"] + 0.001, 4)
            summary.write_text(json.dumps(content, indent=4))
            return folder

        return Step(command, prepare)

    return step


def from_nothing(tree: Tree) -> Callable[[Bench], Step]:
    """The workflow in an empty folder."""
    return lambda bench: Step(bench.workflow(tree(bench)), bench.project)


def plain_command(tree: Tree) -> Callable[[Bench], Step]:
    """The plain command, which keeps nothing."""
    return lambda bench: Step(
        [sys.executable, str(CHECKOUT / "scripts" / "evalscope_aggregator.py"), "--results-dir", str(tree(bench))],
        bench.project,
    )


def reference(program: str, tree: Tree, *arguments: str) -> Callable[[Bench], Step]:
    """A reference program over a tree."""
    return lambda bench: Step(
        [sys.executable, str(HERE / "references" / program), str(tree(bench)), *arguments], bench.project
    )


def extraction(tree: Tree, of_one: bool = False) -> Callable[[Bench], Step]:
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


def slowly(tree: Tree, step: Callable[[Bench], Step]) -> Callable[[Bench], Step]:
    """The same over a tree whose storage takes half a millisecond for each question about a file."""

    def slow(bench: Bench) -> Step:
        fast = step(bench)
        return replace(fast, environment=preload(bench.folder, tree(bench), LATENCY))

    return slow


def small(runs: int) -> Tree:
    """A tree of small runs, five of each test."""
    return lambda bench: bench.small(runs)


def groups(runs: int) -> Tree:
    """A tree of small runs, each of a test of its own, as sweeps are."""
    return lambda bench: bench.small(runs, repeats=1)


def of_vllm(runs: int) -> Tree:
    """A tree of as many results of vLLM as `small` has runs, five of each test, varied like those."""

    def tree(bench: Bench) -> Path:
        path = bench.folder / "trees" / f"vllm-{runs}"
        if not path.is_dir():
            write_vllm(path, runs)
        return path

    return tree


def one_big(bench: Bench) -> Path:
    """A tree of one run of 1,000 requests with replies of 300 KB, whose request rows must be read."""
    return bench.tree("one-big", runs=1, release="1.8.0", requests=1000, reply=300_000)


def one_giant(bench: Bench) -> Path:
    """A tree of one such run with a database of 1 GB."""
    return bench.tree("one-giant", runs=1, release="1.8.0", requests=3400, reply=300_000)


def forty_big(bench: Bench) -> Path:
    """A tree of 40 such runs of 170 requests: 2 GB."""
    return bench.tree("forty-big", runs=40, release="1.8.0", requests=170, reply=300_000)


def of_groups(sizes: list[int]) -> Iterator[Case]:
    """Cases for trees of these three sizes in which each run is its own group."""

    def floor(bench: Bench) -> Step:
        return bench.floor(0)

    def one_job(bench: Bench) -> Step:
        return bench.floor(1)

    first, _, last = sizes
    targets: dict[str, tuple[float | None, ...]] = {
        "nothing to do": (1.15, 1.5, None),
        "one changed": (1.0, 1.9, 5.0),
        "from nothing": (1.3, 0.35, 0.45),
    }
    makes = {"nothing to do": nothing_to_do, "one changed": one_changed, "from nothing": from_nothing}
    for curve, of_curve in targets.items():
        for runs, target in zip(sizes, of_curve, strict=True):
            tree = groups(runs)
            compared: tuple[str, Callable[[Bench], Step]] = ("one job", one_job)
            if curve == "nothing to do":
                compared = ("floor", floor)
            elif curve == "from nothing" and runs != first:
                compared = ("plain script", reference("plain_script.py", tree, "plain"))
            yield Case(
                f"{curve.replace(' ', '-')}-{runs}-groups",
                makes[curve](tree),
                *compared,
                target,
                megabytes=800 if runs == last else 200,
                usual=runs != last,
                curve=(curve, runs),
            )
    tree = groups(first)
    for name, step, target in (("nothing-to-do", nothing_to_do, 1.35), ("from-nothing", from_nothing, 2.0)):
        fast = step(tree)
        yield Case(f"{name}-{first}-latency", slowly(tree, step(tree)), "without", fast, target, usual=True)
    yield Case("one-big-run-extraction", extraction(one_big), "read", reference("read.py", one_big), 5.0, usual=True)


def of_repeats(sizes: list[int]) -> Iterator[Case]:
    """Cases for trees of the first two sizes with five runs to a group, and of big runs."""
    first, last, _ = sizes
    no_op, one_run = {first: 1.15, last: 1.5}, {first: 1.0, last: 1.9}
    for runs in (first, last):
        yield Case(f"nothing-to-do-{runs}", nothing_to_do(small(runs)), "floor", lambda b: b.floor(0), no_op[runs])
    for runs in (first, last):
        yield Case(f"one-changed-{runs}", one_changed(small(runs)), "one job", lambda b: b.floor(1), one_run[runs])
    yield Case(f"from-nothing-{first}", from_nothing(small(first)), "one job", lambda b: b.floor(1), 1.3)
    yield Case(f"from-nothing-vllm-{first}", from_nothing(of_vllm(first)), "evalscope", from_nothing(small(first)), 1.2)
    script = reference("plain_script.py", small(last), "plain")
    yield Case(f"from-nothing-{last}", from_nothing(small(last)), "plain script", script, 0.35)
    yield Case(
        f"growth-{first}-to-{last}", from_nothing(small(last)), f"{first} runs", from_nothing(small(first)), 10.0
    )
    script = reference("plain_script.py", small(first), "plain")
    yield Case(f"plain-command-{first}", plain_command(small(first)), "plain script", script, 0.7)
    yield Case("one-giant-run-extraction", extraction(one_giant), "read", reference("read.py", one_giant), None)
    extracting_one, extracting_all = extraction(forty_big, of_one=True), extraction(forty_big)
    yield Case("one-big-added-extraction", extracting_one, "from nothing", extracting_all, 0.3)
    yield Case("one-big-added", one_added, "one job", lambda b: b.floor(1), 1.4)


def cases(sizes: list[int]) -> list[Case]:
    """All cases, for trees of these three sizes."""
    return [*of_groups(sizes), *of_repeats(sizes)]
