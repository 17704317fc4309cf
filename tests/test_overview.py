"""`summary_overview`: what one opens first."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Project, frame_of, read_terminal, rows_in
from evalscope_summary.columns import BY_NAME, Column
from evalscope_summary.layouts import raw_columns
from evalscope_summary.problems import Problem
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import Row
from evalscope_summary.tables.csv import read_csv, write_csv
from evalscope_summary.tables.files import overview_columns
from evalscope_summary.tables.overview import Overview, markdown, on_a_terminal
from evalscope_summary.tables.overview import overview as overview_of
from tabulate import tabulate

METRICS = [
    *("count", "success_share", "request_throughput_avg", "request_throughput_std"),
    *("output_throughput_avg", "output_throughput_std", "latency_avg", "latency_std", "ttft_avg", "ttft_std"),
    *("token_latency_avg", "token_latency_std", "inter_token_latency_avg", "inter_token_latency_std"),
    *("50p_latency__avg", "99p_latency__avg", "50p_ttft__avg", "99p_ttft__avg"),
    *("50p_tpot__avg", "99p_tpot__avg", "50p_itl__avg", "99p_itl__avg"),
]


def row(config: str = "c", parallel: int = 4, **more: Any) -> Row:
    values = {"config": config, "parallel": parallel, "model": "m", "requests": 10, "succeeded": 10, "latency": 2.0}
    return values | more


def overview(rows: list[Row], settings: dict[str, Any]) -> Overview:
    return overview_of(frame_of(raw_columns(settings), rows), settings)


def rows_of(made: Overview) -> list[Row]:
    return rows_in(made.table, made.columns)


def names(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]


def test_it_has_the_labels_that_vary_and_the_main_metrics() -> None:
    made = overview([row(parallel=1), row(parallel=2), row(parallel=2, latency=4.0)], complete({}))
    assert names(made.columns) == ["config", "parallel", *METRICS]
    assert [(item["config"], item["parallel"], item["count"]) for item in rows_of(made)] == [("c", 1, 1), ("c", 2, 2)]
    assert [(item["latency_avg"], item["latency_std"]) for item in rows_of(made)] == [
        (2.0, None),
        (3.0, pytest.approx(2**0.5)),
    ]
    assert made.common["model"] == "m"
    assert "parallel" not in made.common


def test_the_config_is_there_though_it_does_not_vary_and_without_runs() -> None:
    assert names(overview([row()], complete({})).columns) == ["config", *METRICS]
    empty = overview([], complete({}))
    assert (names(empty.columns), rows_of(empty)) == (["config", *METRICS], [])


def test_labels_of_a_pattern_are_labels() -> None:
    settings = complete({"label_pattern": "(?P<gpu>.)", "group_by": ["gpu"]})
    made = overview([row(gpu="a"), row(gpu="b", parallel=8)], settings)
    assert names(made.columns)[:-22] == ["config", "parallel", "gpu"]


def test_success_is_of_all_requests_of_the_group() -> None:
    (item,) = rows_of(overview([row(succeeded=10), row(requests=30, succeeded=0)], complete({})))
    assert item["success_share"] == 0.25
    (item,) = rows_of(overview([row(requests=0, succeeded=0)], complete({})))
    assert item["success_share"] is None


def test_csv_reads_back(tmp_path: Path) -> None:
    made = overview([row(parallel=1), row(parallel=2)], complete({}))
    write_csv(tmp_path / "o.csv", made.columns, made.table)
    columns = overview_columns(tmp_path / "o.csv", "")
    assert columns == made.columns
    assert rows_in(read_csv(tmp_path / "o.csv", columns), columns) == rows_of(made)


def test_the_report_says_how_many_what_is_common_and_what_was_wrong() -> None:
    rows = [row(parallel=1), row(parallel=2), row(parallel=2, latency=4.0, succeeded=9)]
    problems = [Problem("skipped", "incomplete", "r", "", "gone")] * 2 + [Problem("warning", "duplicate-run", *"abc")]
    text = "\n".join(markdown(overview(rows, complete({})), len(rows), problems, "recomputed")) + "\n"
    lines = text.splitlines()
    assert lines[0] == "3 runs in 2 groups; metrics as recomputed."
    assert "model m" in lines[2]
    assert lines[4] == "Problems: 2 incomplete, 1 duplicate-run."
    header, _, one, two = (cells(line) for line in lines[6:])
    assert header[:6] == ["config", "parallel", "runs", "success", "requests/s", "output tok/s"]
    assert one[:4] == ["c", "1", "1", "100 %"]
    assert two[:4] == ["c", "2", "2", "95 %"]
    assert (one[header.index("latency (s)")], two[header.index("latency (s)")]) == ("2", "3 ± 1.414")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_text_from_strangers_stays_text() -> None:
    hostile = "a|b\n<script>alert(1)</script> [x](http://y) `c` \x1b[31m\u202e"
    text = "\n".join(markdown(overview([row(config=hostile)], complete({})), 1, [], "reported")) + "\n"
    (line,) = (line for line in text.splitlines() if line.startswith("| a"))
    assert r"a\|b\\n\<script\>alert(1)\</script\> \[x\](http://y) \`c\` \\x1b\[31m\\u202e" in line
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_terminal_shows_the_first_groups_and_how_many_more_there_are(tmp_path: Path) -> None:
    made = overview([row(config=f"config-{i}\x1b[31m") for i in range(25)], complete({}))
    write_csv(tmp_path / "o.csv", made.columns, made.table)
    text = on_a_terminal(tmp_path / "o.csv", "")
    assert len(text.splitlines()) == 2 + 20 + 1
    assert f"5 more in {tmp_path / 'o.csv'}" in text
    assert "\x1b" not in text


def in_a_terminal(project: Project, *arguments: str) -> str:
    """What Snakemake prints on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        project.command(*arguments), cwd=project.folder, env=project.environment(), stdout=slave, stderr=slave
    )
    os.close(slave)
    shown = read_terminal(master)
    assert process.wait() == 0, shown
    return shown


def test_the_end_of_a_run_shows_it_on_a_terminal_and_nowhere_else(new_project: Callable[..., Project]) -> None:
    project = new_project()
    shown = in_a_terminal(project)
    assert "output tok/s" in shown
    assert "output tok/s" not in in_a_terminal(project)  # nothing to do
    (project.folder / "summary_overview.csv").unlink()
    assert "output tok/s" not in in_a_terminal(project, "summary_stats.csv")
    assert "output tok/s" not in project.snakemake().text


def test_every_metric_of_it_is_a_column_of_the_tables() -> None:
    for name in METRICS[2:]:
        assert name.rsplit("_", 1)[0] in BY_NAME


def test_the_table_in_markdown_is_the_one_that_tabulate_makes() -> None:
    rows = [row(config="config" * n, parallel=10**n, latency=n * 100.5) for n in range(1, 5)]
    lines = list(markdown(overview(rows, complete({})), len(rows), [], "reported"))[-6:]
    header, *body = ([cell.strip() for cell in cells(line)] for line in (lines[0], *lines[2:]))
    alignment = ["left" if rule.startswith(":") else "right" for rule in lines[1].strip("|").split("|")]
    assert alignment[:4] == ["left", "left", "right", "right"]
    expected = tabulate(body, header, tablefmt="pipe", disable_numparse=True, colalign=alignment)
    assert lines == expected.splitlines()
