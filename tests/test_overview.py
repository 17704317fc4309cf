"""`summary_overview`: what one opens first."""

import os
import pty
import re
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
from evalscope_summary.tables.overview import Overview, markdown
from evalscope_summary.tables.overview import overview as overview_of
from evalscope_summary.tables.shown import on_a_terminal
from evalscope_summary.terminal import shortened, width, wrapped
from tabulate import tabulate

METRICS = [
    *("count", "success_share", "request_throughput_avg", "request_throughput_std"),
    *("output_throughput_avg", "output_throughput_std", "latency_avg", "latency_std", "ttft_avg", "ttft_std"),
    *("token_latency_avg", "token_latency_std", "inter_token_latency_avg", "inter_token_latency_std"),
    *("50p_latency__avg", "99p_latency__avg", "50p_ttft__avg", "99p_ttft__avg"),
    *("50p_tpot__avg", "99p_tpot__avg", "50p_itl__avg", "99p_itl__avg", "problems"),
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
    assert names(made.columns)[:-23] == ["config", "parallel", "gpu"]


def test_success_is_of_all_requests_of_the_group() -> None:
    (item,) = rows_of(overview([row(succeeded=10), row(requests=30, succeeded=0)], complete({})))
    assert item["success_share"] == 0.25
    (item,) = rows_of(overview([row(requests=0, succeeded=0)], complete({})))
    assert item["success_share"] is None


def test_csv_reads_back(tmp_path: Path) -> None:
    made = overview([row(parallel=1), row(parallel=2)], complete({}))
    write_csv(tmp_path / "o.csv", made.columns, made.table)
    columns = overview_columns(tmp_path / "o.csv", complete({}))
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
    assert header == ["config", "parallel", "runs", "success", "latency (s)"]  # what is empty everywhere is left out
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


def many_groups() -> tuple[list[Row], list[Problem]]:
    """25 groups with long names: one with a failed request, one of two runs, one with a problem."""
    metrics = {
        **dict.fromkeys(("output_throughput", "request_throughput", "latency", "ttft", "token_latency"), 1.2345),
        **{
            f"{percent}p_{metric}": 0.12345 for percent in (50, 99) for metric in ("ttft_", "latency_", "tpot_", "itl_")
        },
    }
    rows = [
        row(f"qwen3-235b-a22b/{number:02}-of-many/p{number}_n100_dp_short", number, run=f"r{number}", **metrics)
        for number in range(25)
    ]
    rows[7]["succeeded"] = 9
    rows += [{**rows[11], "run": "again"}]
    return rows, [Problem("warning", "duplicate-run", "r20", "", "")]


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_terminal_is_filled_and_not_overrun_with_what_tells_most_first(
    tmp_path: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    made = overview_of(frame_of(raw_columns(complete({})), many_groups()[0]), complete({}), many_groups()[1])
    write_csv(tmp_path / "o.csv", made.columns, made.table)
    lines = on_a_terminal(tmp_path / "o.csv", complete({}), columns).splitlines()
    header, _, *rows, last = lines
    assert max(map(width, lines[:-1])) <= columns
    names = re.split(r"  +", header)
    assert names[0] == "config"
    assert ("parallel" in names, "P99 TTFT (s)" in names) == (columns >= 80, columns >= 80)
    assert ("P99 latency (s)" in names, "P99 TPOT (s)" in names) == (columns >= 120, columns >= 200)
    if columns >= 80:
        loads = [line.split()[1] for line in rows[:4]]
        assert loads == ["7", "20", "11", "0"]  # failed requests, a problem, two runs, then the order of the table
    assert all(re.match(r"qwen3.*short ", line) for line in rows), "names are shortened in their middle"
    assert last.startswith("… 5 more groups")
    assert str(tmp_path / "o.csv") in last


def test_a_terminal_shows_chinese_under_a_chinese_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    made = overview([row(), row("中文名称" * 20, 8)], complete({}))
    write_csv(tmp_path / "o.csv", made.columns, made.table)
    lines = on_a_terminal(tmp_path / "o.csv", complete({}), 80).splitlines()
    assert lines[0].split()[:4] == ["config", "parallel", "次数", "成功率"]
    assert max(map(width, lines)) <= 80


def test_a_report_has_at_most_twelve_columns_and_names_the_other_labels() -> None:
    rows, problems = many_groups()
    labels = ("model", "rate", "number", "prompt_length", "max_tokens", "name", "dataset")
    for number, each in enumerate(rows):
        each |= dict.fromkeys(("model", "prompt_length", "name", "dataset"), f"x{number}")
        each |= {"rate": float(number), "number": number, "max_tokens": number}
    made = overview_of(frame_of(raw_columns(complete({})), rows), complete({}), problems)
    assert set(labels) < set(names(made.columns))
    lines = list(markdown(made, len(rows), problems, "reported"))
    assert len(cells(lines[4])) == 12
    assert "P99 TTFT (s)" in cells(lines[4])
    assert lines[-1].startswith("Groups differ in these labels, too")


def test_the_report_is_chinese_if_the_settings_say_so_and_not_for_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    made = overview([row()], complete({}))
    assert next(markdown(made, 1, [], "reported")) == "1 run in 1 group; metrics as reported."
    chinese = list(markdown(made, 1, [], "reported", "zh"))
    assert chinese[0] == "1 组，共 1 次运行；指标为 reported。"
    assert "成功率" in chinese[4]


def test_texts_are_measured_as_terminals_show_them() -> None:
    assert shortened("evalscope-1.12.0/p4_n40_flaky", 9) == "eval…laky"
    assert width(shortened("测试名称很长很长", 9)) <= 9
    assert wrapped("把 evalscope perf 的结果汇总成表格，写入当前目录。", 20) == [
        "把 evalscope perf 的",
        "结果汇总成表格，写入",
        "当前目录。",
    ]


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
    for name in METRICS[2:-1]:
        assert name.rsplit("_", 1)[0] in BY_NAME


def test_the_table_in_markdown_is_the_one_that_tabulate_makes() -> None:
    rows = [row(config="config" * n, parallel=10**n, latency=n * 100.5) for n in range(1, 5)]
    lines = list(markdown(overview(rows, complete({})), len(rows), [], "reported"))[-6:]
    header, *body = ([cell.strip() for cell in cells(line)] for line in (lines[0], *lines[2:]))
    alignment = ["left" if rule.startswith(":") else "right" for rule in lines[1].strip("|").split("|")]
    assert alignment[:4] == ["left", "left", "right", "right"]
    expected = tabulate(body, header, tablefmt="pipe", disable_numparse=True, colalign=alignment)
    assert lines == expected.splitlines()
