"""Where the time of a start goes: the processor time of each of its processes, which other work on the machine moves
less than the clock.

    parts.py                    10,000 runs, each its own group: nothing to do, one changed, from nothing
    parts.py --runs 1000 --repeats 9 --folder /dev/shm/bench

Prints a Markdown table of medians, in seconds. `snakemake` is what Snakemake's own process takes beyond that of an
empty workflow: reading the Snakefile, finding runs, starting jobs. Programs are counted with the processes that they
start, and all batches together. What Python takes to end after its last line is in none of it.
"""

import argparse
import json
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from cases import from_nothing, groups, nothing_to_do, one_changed
from measuring import HERE, Bench, Step, run

EMPTY, REST = "empty workflow", "snakemake"
PROGRAMS = ("extract.py", "merge.py", "stats.py")


def account(step: Step, notes: Path) -> Counter[str]:
    """Run a step once; returns the seconds of each of its parts, and by the clock."""
    notes.unlink(missing_ok=True)
    folder = step.prepare()
    more = {"PYTHONPATH": str(HERE / "accounting"), "EVALSCOPE_BENCH_ACCOUNT": str(notes)}
    found = Counter({"clock": run(step.command, folder, more).seconds})
    for line in notes.read_text("utf-8").splitlines():
        cost = json.loads(line)
        if cost["program"] in PROGRAMS:
            found[cost["program"]] += cost["own"] + cost["children"]
        else:
            found[REST] += cost["own"]  # what it started has notes of its own
    return found


def main() -> None:
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--cores", type=int, default=2, help="for Snakemake (default: 2)")
    parser.add_argument("--folder", type=Path, help="where to work; kept (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evalscope-summary-bench-") as temporary:
        bench = Bench((options.folder or Path(temporary)).resolve(), options.cores)
        bench.folder.mkdir(parents=True, exist_ok=True)
        notes, tree = bench.project() / "notes", groups(options.runs)
        empty = bench.floor(0)
        starts = {"nothing to do": nothing_to_do, "one changed": one_changed, "from nothing": from_nothing}
        steps = {name: make(tree)(bench) for name, make in starts.items()}
        costs: dict[str, list[Counter[str]]] = {name: [] for name in steps}
        for number in range(options.repeats + 1):
            floor = account(empty, notes)[REST]
            for name, step in steps.items():
                found = account(step, notes)
                found[EMPTY] = floor
                found[REST] -= floor
                if number:  # the first one fills caches
                    costs[name].append(found)
    columns = (EMPTY, REST, *PROGRAMS, "clock")
    print(f"{options.runs} runs, {options.cores} cores, medians of {options.repeats}\n")
    print(f"| start | {' | '.join(columns)} |")
    print(f"|---|{'---:|' * len(columns)}")
    for name, found in costs.items():
        medians = (statistics.median(cost[column] for cost in found) for column in columns)
        print(f"| {name} | {' | '.join(f'{seconds:.2f}' for seconds in medians)} |")


if __name__ == "__main__":
    main()
