"""The plain command, run as a user runs it."""

import contextlib
import os
import pty
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project, rows_of

CHECKOUT = Path(__file__).parents[1]
COMMAND = [sys.executable, str(CHECKOUT / "scripts" / "evalscope_aggregator.py")]
RUNS = Path(__file__).parent / "fixtures" / "runs"
RESULTS = CHECKOUT / "example" / "results"


def run(folder: Path, *arguments: str, locale: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_writes_the_same_bytes_as_the_workflow(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(RESULTS)
    targets = ["summary_raw.csv", "summary_stats.csv", "summary_raw.json", "summary_stats.json"]
    workflow = ["-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), "--cores", "2"]
    subprocess.run([sys.executable, *workflow, *targets], cwd=tmp_path, check=True, capture_output=True)
    for format_ in ("csv", "json"):
        assert run(tmp_path, "--output", "plain", "--format", format_).returncode == 0
    for name in [*targets, "summary_problems.csv"]:
        plain = tmp_path / name.replace("summary", "plain")
        assert plain.read_bytes() == (tmp_path / name).read_bytes(), name


def test_speaks_english(tmp_path: Path) -> None:
    done = run(tmp_path, "--results-dir", str(RESULTS))
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0] == "Found 15 test result folders"
    assert "Processed: evalscope-1.4.2/p4_n20_dp_short/20261124_020307" in lines
    assert lines[-5:-3] == [
        "Collected 14 raw data records",
        "15 runs found: 14 in the tables, 1 skipped; 1 problem, see summary_problems.csv",
    ]
    assert lines[-3:] == [
        "Exported raw data to: summary_raw.csv",
        "Exported stats data to: summary_stats.csv",
        "Data summary complete!",
    ]
    assert "p2_n40_killed" in done.stderr


def test_names_what_can_not_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "shared").symlink_to("x" * 300)
    done = run(tmp_path)
    assert done.stderr.startswith("Error processing folder shared: it can't be looked at: File name too long; ")
    assert done.returncode == 1


def test_speaks_the_originals_chinese_under_a_chinese_locale(tmp_path: Path) -> None:
    done = run(tmp_path, "--results-dir", str(RESULTS), locale="zh_CN.UTF-8")
    lines = done.stdout.splitlines()
    assert lines[0] == "发现 15 个测试结果目录"
    assert "已处理: evalscope-1.4.2/p4_n20_dp_short/20261124_020307" in lines
    assert "成功收集 14 条原始数据记录" in lines
    assert "已导出 raw 数据到: summary_raw.csv" in lines
    assert lines[-1] == "数据汇总完成！"


@pytest.mark.parametrize(("data_type", "made"), [("raw", {"summary_raw.csv"}), ("stats", {"summary_stats.csv"})])
def test_writes_only_the_tables_asked_for_and_the_problems(tmp_path: Path, data_type: str, made: set[str]) -> None:
    assert run(tmp_path, "--results-dir", str(RESULTS), "--data-type", data_type).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {*made, "summary_problems.csv"}


def test_a_missing_tree_is_status_1_and_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert "./results" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_tree_without_a_readable_run_is_status_1_and_lists_the_problems(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "evalscope-1.12.0" / "p2_n40_killed", tmp_path / "results" / "killed")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "No data found, exiting" in done.stdout
    assert "incomplete" in (tmp_path / "summary_problems.csv").read_text("utf-8")
    assert not (tmp_path / "summary_raw.csv").exists()


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    done = run(tmp_path, "--format", "xml")
    assert done.returncode == 2
    assert "--format" in done.stderr


def test_shows_a_progress_bar_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = subprocess.run(
        [*COMMAND, "--results-dir", str(RESULTS)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, check=True
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal without its other side ends with an error
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert b"15/15" in shown
    assert b"Processed" not in done.stdout


def test_an_upgrade_of_evalscope_between_repeats_is_a_warning_in_the_workflow_and_here(
    new_project: Callable[..., Project],
) -> None:
    project = new_project(tree=None)
    for release in ("0.16.1", "1.14.0"):
        (summary,) = (RUNS / release / "single").rglob("benchmark_summary.json")
        stamp = next(part for part in summary.parts if part.startswith("2026"))
        shutil.copytree(summary.parent, project.tree / "p4" / stamp / "m")
    project.snakemake()
    assert project.tables() == project.clean_tables()
    made = project.tables()
    problems = rows_of(project.folder / "summary_problems.csv")
    assert [row["code"] for row in problems] == ["mixed-definitions"]
    assert run(project.folder).returncode == 0
    assert project.tables() == made
    project.configure(metrics="recomputed")
    project.snakemake()
    (problem,) = rows_of(project.folder / "summary_problems.csv")
    assert "TTFT (1.1.1, 1.11.1, 1.12.0, 1.13.0); ITL (1.1.1, 1.11.1); latency (1.1.1)" in problem["message"]


def test_the_counts_add_up_where_a_level_left_nothing(tmp_path: Path) -> None:
    shutil.copytree(RUNS.parent / "trees" / "mixed" / "1.9.1", tmp_path / "results" / "a")
    (tmp_path / "results" / "b" / "20260101_000000" / "m" / "parallel_8_number_80").mkdir(parents=True)
    lines = run(tmp_path).stdout.splitlines()
    assert lines[0] == "Found 2 test result folders"
    assert "2 runs found: 1 in the tables, 1 skipped; 1 problem, see summary_problems.csv" in lines


def test_an_output_with_a_formats_ending_is_understood_and_excel_gets_its_mark(tmp_path: Path) -> None:
    assert run(tmp_path, "--results-dir", str(RESULTS), "--output", "t/july.csv", "--bom").returncode == 0
    names = {"july_raw.csv", "july_stats.csv", "july_problems.csv"}
    assert {path.name for path in (tmp_path / "t").iterdir()} == names
    assert all((tmp_path / "t" / name).read_bytes().startswith(b"\xef\xbb\xbf") for name in names)


def test_a_pipe_that_closes_early_is_no_traceback_and_the_tables_are_written(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--results-dir", str(RESULTS)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 0
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert (tmp_path / "summary_stats.csv").exists()
