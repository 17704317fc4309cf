"""Measure the workflow against references that are run in the same session, in turn with it.

    bench.py                                          what has a target, but for 100,000 runs: seven minutes
    bench.py --cases 'one-changed-*' --repeats 9      cases by name, more often; '*' for all
    bench.py --cases '*-100000-groups'                100,000 runs: 12 GB below --folder, half an hour
    bench.py --list                                   what there is
    bench.py --plot scaling.svg --from a.json b.json  time against runs, of what --json wrote; measures nothing

Prints medians and ratios as text; --json writes them with every single time. All programs run in the Python that runs
this one, on as many cores as --cores says, with files in the page cache.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cases import cases
from measuring import Bench, measure
from plot import draw
from tqdm import tqdm


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| case | seconds | peak MB | reference | seconds | peak MB | ratio | target |",
        "|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    for found in results:
        limits = [f"≤ {found['target']}"] if found["target"] else []
        limits += [f"≤ {found['target_megabytes']} MB"] if found["target_megabytes"] else []
        lines.append(
            f"| {found['case']} | {found['seconds']:.2f} | {found['peak_megabytes']:.0f} |"
            f" {found['reference']} | {found['reference_seconds']:.2f} | {found['reference_megabytes']:.0f} |"
            f" {found['ratio']:.2f} | {', '.join(limits)} |"
        )
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cores": os.cpu_count(), "memory_gib": round(memory), "python": platform.python_version()}


def shown(session: dict[str, Any]) -> str:
    """What a session measured, and on what, as Markdown."""
    found = session["machine"]
    size = f"{found['cores']} cores, {found['memory_gib']} GiB, Python {found['python']}"
    return f"{size}, medians of {session['repeats']}\n\n{table(session['results'])}"


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", help="cases of these names, in which * stands for anything")
    sizes = [1000, 10000, 100000]
    parser.add_argument("--runs", nargs=3, type=int, default=sizes, help="sizes (default: 1000 10000 100000)")
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--cores", type=int, default=2, help="for Snakemake (default: 2)")
    parser.add_argument("--folder", type=Path, help="where to work; kept (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="file to write all figures to")
    parser.add_argument("--markdown", type=Path, help="file to write the table to")
    parser.add_argument("--plot", type=Path, help="SVG to draw: time against runs")
    parser.add_argument("--from", type=Path, nargs="+", dest="measured", help="measure nothing: figures of --json")
    parser.add_argument("--list", action="store_true", help="name the cases, measure nothing")
    options = parser.parse_args()
    every = cases(options.runs)
    chosen = [case for case in every if case.usual]
    if options.cases:
        chosen = [case for case in every if any(fnmatchcase(case.name, name) for name in options.cases)]
        if not chosen:
            parser.error(f"no case is called {' or '.join(options.cases)}: --list names them")
    if options.list:
        for case in chosen if options.cases else every:
            memory = f", {case.megabytes} MB" if case.megabytes else ""
            usual = "" if case.usual else " (by name)"
            print(f"{case.name}{usual}: against {case.reference}, at most {case.target or 'any'}{memory}")
        return
    if options.measured:
        sessions = [json.loads(path.read_bytes()) for path in options.measured]
    else:
        with tempfile.TemporaryDirectory(prefix="evalscope-summary-bench-") as temporary:
            bench = Bench((options.folder or Path(temporary)).resolve(), options.cores)
            bench.folder.mkdir(parents=True, exist_ok=True)
            results = [measure(case, bench, options.repeats) for case in tqdm(chosen, unit="case", file=sys.stderr)]
        sessions = [{"machine": machine(), "repeats": options.repeats, "results": results}]
    text = "\n\n".join(map(shown, sessions))
    print(text)
    if options.markdown:
        options.markdown.write_text(f"{text}\n", encoding="utf-8")
    if options.json and not options.measured:
        options.json.write_text(json.dumps(sessions[0], indent=2))
    if options.plot:
        draw(options.plot, [found for session in sessions for found in session["results"]])


if __name__ == "__main__":
    main()
