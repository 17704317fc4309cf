"""The benchmark measures what it says: its trees are real ones, its cases run, its plain script does the same work."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FIGURES = ("seconds", "ratio", "target", "target_megabytes", "peak_megabytes")
MEASURED = (*FIGURES, "reference_seconds", "reference_megabytes")
COMMON = ("config", "timestamp", "model", "parallel", "time_taken", "latency", "ttft", "input_tokens")


def program(name: str, *arguments: object) -> str:
    """Run a program of the benchmark; returns what it printed."""
    command = [sys.executable, str(BENCHMARKS / name), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


def contents(tree: Path) -> dict[str, bytes]:
    """The files of a tree."""
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


@pytest.mark.parametrize("release", ["0.13.2", "1.4.0", "1.14.1"])
def test_a_tree_is_read_without_a_problem_and_the_same_each_time(tmp_path: Path, release: str) -> None:
    for name in ("one", "other"):
        program("trees.py", tmp_path / name, "--runs", 7, "--release", release, "--requests", 3, "--reply", 5000)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    plain = BENCHMARKS.parent / "scripts" / "evalscope_aggregator.py"
    subprocess.run(
        [sys.executable, str(plain), "--results-dir", str(tmp_path / "one"), "--output", str(tmp_path / "summary")],
        check=True,
    )
    with open(tmp_path / "summary_raw.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert {row["requests"] for row in rows} == {"3"}
    assert len({row["latency"] for row in rows}) == 7
    with open(tmp_path / "summary_problems.csv", encoding="utf-8") as file:
        assert {row["code"] for row in csv.DictReader(file)} <= {"percentiles-disagree"}  # these were varied


def test_the_plain_script_finds_the_same(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    program("trees.py", tree, "--runs", 7)
    program("references/plain_script.py", tree, tmp_path / "plain")
    plain = BENCHMARKS.parent / "scripts" / "evalscope_aggregator.py"
    subprocess.run(
        [sys.executable, str(plain), "--results-dir", str(tree), "--output", str(tmp_path / "summary")], check=True
    )
    found = []
    for name in ("plain_raw.csv", "summary_raw.csv"):
        with open(tmp_path / name, encoding="utf-8") as file:
            found.append(sorted([row[column] for column in COMMON] for row in csv.DictReader(file)))
    assert len(found[0]) == 7
    assert found[0] == found[1]


def test_each_run_can_be_a_group_of_its_own(tmp_path: Path) -> None:
    program("trees.py", tmp_path / "tree", "--runs", 120, "--repeats-of-a-test", 1)  # so many that processes share them
    runs = [path.parent for path in (tmp_path / "tree").rglob("benchmark_data.db")]
    assert len({run.parents[1] for run in runs}) == 120  # config folders
    levels = {json.loads((run / "benchmark_args.json").read_bytes())["parallel"] for run in runs}
    assert levels == set(range(1, 121))


def test_cases_run_and_their_figures_are_written_and_drawn(tmp_path: Path) -> None:
    chosen = ["one-changed-5-groups", "plain-command-5"]
    sizes = ["--runs", 5, 6, 7, "--repeats", 1, "--folder", tmp_path / "work"]
    written = ["--json", tmp_path / "figures.json", "--markdown", tmp_path / "table.md"]
    text = program("bench.py", *sizes, *written, "--cases", *chosen)
    figures = json.loads((tmp_path / "figures.json").read_bytes())
    assert [result["case"] for result in figures["results"]] == chosen
    for result in figures["results"]:
        assert result["seconds"] > 0
        assert result["ratio"] == result["seconds"] / result["reference_seconds"]
        assert f"| {result['case']} | {result['seconds']:.2f} |" in text
    assert "| ≤ 1.0, ≤ 200 MB |" in text
    assert (tmp_path / "table.md").read_text("utf-8") == text


def test_the_plot_has_a_line_for_each_curve(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="the dependencies of the report are not installed")
    sessions = []
    for runs in (1000, 100000):  # the long one was measured in a session of its own
        points = [(curve, runs) for curve in ("nothing to do", "one changed", "from nothing")]
        results = [dict.fromkeys(MEASURED, 1.5) | {"case": "-", "reference": "-", "curve": point} for point in points]
        results.append({**results[0], "curve": ()})
        sessions.append(tmp_path / f"{runs}.json")
        machine = {"cores": 2, "memory_gib": 24, "python": "3.11"}
        sessions[-1].write_text(json.dumps({"machine": machine, "repeats": 5, "results": results}))
    program("bench.py", "--plot", tmp_path / "scaling.svg", "--from", *sessions)
    drawn = (tmp_path / "scaling.svg").read_text("utf-8")
    for curve in ("nothing to do", "one changed", "from nothing"):
        assert f">{curve}</text>" in drawn
    assert drawn.count('aria-roledescription="point"') == 6


def test_a_case_that_there_is_not_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "bench.py"), "--cases", "nothing-to-do"]
    done = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8")
    assert done.returncode == 2
    assert "no case is called nothing-to-do: --list names them" in done.stderr


def test_every_case_has_a_line_in_the_list_and_long_ones_are_measured_by_name() -> None:
    lines = program("bench.py", "--list").splitlines()
    names = [line.partition(":")[0] for line in lines]
    assert len(names) == len(set(names)) > 10
    assert len([name for name in names if "100000" in name]) == 3
    assert all(name.endswith(" (by name)") for name in names if "100000" in name)
    assert "one-changed-100000-groups (by name): against one job, at most 5.0, 800 MB" in lines
    assert "from-nothing-10000-groups: against plain script, at most 0.35, 200 MB" in lines
