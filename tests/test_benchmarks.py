"""The benchmark measures what it says: its trees are real ones, its cases run, its plain script does the same work."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
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


def test_cases_run_and_their_figures_are_written(tmp_path: Path) -> None:
    chosen = ["nothing-to-do-5", "one-changed-5", "plain-command-5"]
    sizes = ["--runs", 5, 6, "--repeats", 1, "--folder", tmp_path / "work"]
    text = program("bench.py", *sizes, "--json", tmp_path / "figures.json", "--cases", *chosen)
    figures = json.loads((tmp_path / "figures.json").read_bytes())
    assert [result["case"] for result in figures["results"]] == chosen
    for result in figures["results"]:
        assert result["seconds"] > 0
        assert result["ratio"] == result["seconds"] / result["reference_seconds"]
        assert f"| {result['case']} | {result['seconds']:.2f} |" in text


def test_every_case_has_a_line_in_the_list() -> None:
    names = [line.partition(":")[0] for line in program("bench.py", "--list").splitlines()]
    assert len(names) == len(set(names)) > 10
