"""The command `evalscope-summary`: installed from a wheel, for people who don't know Snakemake."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import CHECKOUT, MIXED, Project, clean_tables, read_terminal
from evalscope_summary import command, options, status
from evalscope_summary.problems import Problem
from evalscope_summary.settings import WrongConfiguration, schema
from evalscope_summary.terminal import width

PARTS = ("Snakefile", "workflow", "scripts", "config", "envs", "profiles", "report")
"""What a user of the workflow needs of a clone."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, built without network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", folder, CHECKOUT], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", folder / "site", wheel], check=True)
    return folder / "site"


def run(
    installed: Path, folder: Path, *arguments: str, language: str = "C.UTF-8"
) -> "subprocess.CompletedProcess[str]":
    """Run the installed command as a user does, whose Python has the libraries."""
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, installed / "bin" / "evalscope-summary", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "LC_ALL": language},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for part in PARTS
        for path in [folder / part, *(folder / part).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_workflow(installed: Path) -> None:
    assert files(installed / "evalscope_summary_workflow") == files(CHECKOUT)


def test_the_installed_command_makes_the_tables_says_what_it_did_and_then_finds_nothing_to_do(
    installed: Path, tmp_path: Path
) -> None:
    first = run(installed, tmp_path / "new", str(MIXED), "--batches", "2")
    assert first.returncode == 0, first.stderr
    made = {name: (tmp_path / "new" / name).read_bytes() for name in clean_tables(MIXED, {}, tmp_path)}
    assert made == clean_tables(MIXED, {}, tmp_path)
    runs, skipped, why, *_, written = first.stdout.splitlines()
    assert runs.startswith("10 runs found: 9 in the tables, 1 skipped; ")
    assert "; 9 new, 0 gone; " in runs
    assert runs.endswith(" s")
    assert skipped == "skipped:"
    assert "benchmark_summary.json and benchmark_args.json missing: the test was stopped" in why
    assert written.startswith("written: summary.datapackage.json, summary_overview.csv, ")
    assert first.stderr == ""

    again = run(installed, tmp_path / "new", str(MIXED), "--batches", "2", "--strict", language="zh_CN.UTF-8")
    assert again.returncode == command.SKIPPED
    runs, skipped, why, *_, nothing, strict = again.stdout.splitlines()
    assert runs.startswith("发现 10 次运行：9 次已写入表格，1 次已跳过；")
    assert skipped == "已跳过："
    assert "缺少 benchmark_summary.json 和 benchmark_args.json" in why
    assert nothing == "无需写入：所有文件都是最新的"
    assert "退出状态为 3" in strict

    content = json.loads((tmp_path / "new" / "summary_status.json").read_bytes())
    assert (content["runs"], content["skipped"], content["new_runs"]) == (9, 1, [])
    assert content["settings"]["strict"] is True


def test_a_dry_run_says_in_words_what_would_be_read_and_written(installed: Path, tmp_path: Path) -> None:
    options = (str(MIXED), "raw", "--batches", "2", "-n")
    dry = run(installed, tmp_path, *options)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines() == [
        "would be read: what is new or changed in 2 of 2 batches of runs",
        "would be written: summary_problems.csv, summary_raw.csv",
        "This was a dry run: nothing was made",
    ]
    assert not list(tmp_path.glob("summary*"))
    assert run(installed, tmp_path, *options, language="zh_CN.UTF-8").stdout.splitlines() == [
        "将读取：2 批（共 2 批）中新增或有变化的运行",
        "将写入：summary_problems.csv, summary_raw.csv",
        "这是试运行：没有生成任何内容",
    ]
    run(installed, tmp_path, *options[:-1])
    assert run(installed, tmp_path, *options).stdout.splitlines() == [
        "Nothing would have to be written: all files are up to date"
    ]


def on_a_terminal(installed: Path, folder: Path, columns: int, language: str) -> list[str]:
    """What the command shows on a terminal of so many columns, by lines and by what is drawn over each other."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, installed / "bin" / "evalscope-summary", str(MIXED), "overview", "--batches", "1"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(installed), "LC_ALL": language},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = read_terminal(ours)
    assert process.wait() == 0, shown
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown))


def test_a_terminal_gets_a_bar_an_overview_that_fits_and_a_summary(installed: Path, tmp_path: Path) -> None:
    for columns, language in ((80, "C.UTF-8"), (120, "zh_CN.UTF-8"), (200, "C.UTF-8")):
        for table in tmp_path.glob("summary_overview.*"):
            table.unlink()
        lines = on_a_terminal(installed, tmp_path, columns, language)
        assert [line for line in lines if width(line) > columns and " " in line.strip()] == []
        chinese = language.startswith("zh")
        assert any(re.match("步骤 .*%" if chinese else "steps .*%", line) for line in lines)
        (header,) = (line for line in lines if line.startswith("config "))
        assert "P99 TTFT (s)" in header
        assert ("成功率" if chinese else "success") in header
        assert any(line.startswith("发现 10 次运行" if chinese else "10 runs found: 9 in the tables") for line in lines)


def test_a_run_that_fails_says_why_at_the_end_and_ends_with_1(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, str(MIXED), "--batches", "1", "--label-pattern", "(?P<gpu>nowhere)")
    assert done.returncode == command.FAILED
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("evalscope-summary: ")
    assert "'label_pattern'" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_start_says_so_and_leaves_no_lock(installed: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, installed / "bin" / "evalscope-summary", str(MIXED), "--batches", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "LC_ALL": "C"},
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".snakemake/locks/*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1].startswith("evalscope-summary: stopped; what was read is kept")
    assert not list(tmp_path.glob(".snakemake/locks/*"))


def test_a_folder_that_a_killed_start_locked_is_explained_and_unlocked(installed: Path, tmp_path: Path) -> None:
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    for kind in ("input", "output"):
        (locks / f"0.{kind}.lock").write_text("summary_raw.csv\n")
    done = run(installed, tmp_path, str(MIXED))
    assert done.returncode == command.FAILED
    *_, last = done.stderr.splitlines()
    assert last.strip() == f"evalscope-summary {MIXED} --unlock"
    unlocked = run(installed, tmp_path, *shlex.split(last)[1:])
    assert (unlocked.returncode, unlocked.stderr) == (0, "")
    assert unlocked.stdout == "The locks of this folder are taken away; now start again without --unlock\n"
    assert not list(locks.parent.glob("locks/*"))


def prepared(*arguments: str) -> command.Call:
    given, own, _ = options.parse(arguments)
    return command.prepare(given, own)


def snakemake_of(*arguments: str) -> list[str]:
    """What stands behind the number of cores in the Snakemake command."""
    made = prepared(*arguments).command
    return made[made.index("--cores") + 2 :]


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an empty tree."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path


def test_every_key_of_the_configuration_is_an_option_with_its_description(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as ended:
        options.parse(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    for key, rule in schema()["properties"].items():
        if "default" in rule:
            assert options.option(key) in words
            assert " ".join(rule["description"].split())[:40] in words
    assert max(map(len, shown.splitlines())) <= 120


@pytest.mark.usefixtures("somewhere")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["results"], ["--config", "results_dir=results"]),
        ([], []),
        (
            ["results", "raw", "stats.parquet"],
            ["summary_raw.csv", "summary_stats.parquet", "--config", "results_dir=results"],
        ),
        (["results", "xlsx", "--output", "t/x"], ["t/x.xlsx", "--config", "output=t/x", "results_dir=results"]),
        (["results", "summary_raw.json"], ["summary_raw.json", "--config", "results_dir=results"]),
        (["--formats", "csv,json"], ["--config", 'formats=["csv", "json"]']),
        (["--exclude", "a*", "--exclude", "b"], ["--config", 'exclude=["a*", "b"]']),
        (["--exclude", "['a,b']"], ["--config", 'exclude=["a,b"]']),
        (["--batches", "3", "--no-fill-percentiles"], ["--config", "batches=3", "fill_percentiles=False"]),
        (["--allow-empty", "results"], ["--config", "allow_empty=True", "results_dir=results"]),
        (["--output", "12"], ["--config", 'output= "12" ']),
        (["--strict=new"], ["--config", "strict=False"]),
        (["--strict", "new"], ["--config", "strict=False"]),
        (["--strict", "results"], ["--config", "results_dir=results", "strict=False"]),
        (["results", "requests"], ["summary_requests.parquet", "--config", "results_dir=results"]),
        (["-n"], ["--dry-run"]),
        (["--unlock"], ["--unlock"]),
        (["results", "--snakemake", "--executor", "slurm"], ["--executor", "slurm", "--config", "results_dir=results"]),
        (["results", "--snakemake", "--", "--touch"], ["--touch", "--config", "results_dir=results"]),
    ],
)
def test_it_stands_for_a_snakemake_command_with_targets_first_and_one_config(
    arguments: list[str], expected: list[str]
) -> None:
    assert snakemake_of(*arguments) == expected


@pytest.mark.parametrize(
    "value", ["a", "12", "1e5", "True", "nan", "a: b", "[x", "", 'a"b', "中文", "x #y", "~", "null", "'q'", '"']
)
def test_snakemake_reads_a_text_of_the_configuration_as_it_was_meant(value: str) -> None:
    from snakemake.cli import parse_config

    assert parse_config([f"key={command.config_text(value)}"]) == {"key": value}


def test_a_configuration_file_counts_and_an_option_counts_more(somewhere: Path) -> None:
    (somewhere / "mine.yaml").write_text("output: from-file\nstrict: new\nbatches: 2\n")
    call = prepared("results", "raw.json", "--config-file", "mine.yaml", "--batches", "5")
    assert (call.settings["output"], call.settings["batches"], call.settings["strict"]) == ("from-file", 5, "new")
    assert "from-file_raw.json" in call.command
    assert call.command[call.command.index("--configfile") + 1] == "mine.yaml"


@pytest.mark.usefixtures("somewhere")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["the results tree 'nowhere' does not exist"]),
        (["results", "nix"], ["there is no table 'nix'", "overview, raw, stats"]),
        (["results", "stat"], ["there is no table 'stat'; did you mean 'stats'? evalscope-summary --help"]),
        (["results", "summary_sats.csv"], ["did you mean 'summary_stats.csv'?"]),
        (["nowhere", "--unlock"], ["the results tree 'nowhere' does not exist"]),
        (["results", "results"], ["'results_dir'", "one folder"]),
        (["--batchs", "3"], ["unrecognized arguments: --batchs"]),
        (["--batches", "many"], ["'batches'", "integer"]),
        (["--config-file", "nix.yaml"], ["nix.yaml does not exist"]),
        (["results", "--snakemake", "--config", "strict=true"], ["--config is not taken"]),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line_that_says_what_is_wrong(
    arguments: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(sys, "argv", ["evalscope-summary", *arguments])
    monkeypatch.setattr(command, "put_up_with_closed_pipes", lambda: None)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == command.WRONG_USAGE
    *_, line = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line


def test_the_command_is_shown_as_one_types_it(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evalscope-summary", "results", "--show-command", "--output", "a b"])
    monkeypatch.setattr(command, "put_up_with_closed_pipes", lambda: None)
    assert command.main() == 0
    shown = shlex.split(capsys.readouterr().out)
    assert shown[0].endswith("snakemake") or shown[1:3] == ["-m", "snakemake"]
    assert shown[-3:] == ["--config", "output=a b", "results_dir=results"]
    assert list(somewhere.iterdir()) == [somewhere / "results"]


# What Snakemake itself says: `Project` starts it as its users do.


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["--config", "result_dir=x"], "evalscope-summary: configuration: there is no key 'result_dir'"),
        (["--config", "strict=true", "--config", "batches=2"], "evalscope-summary: `--config` is given 2 times"),
        (
            ["summary_stat.csv"],
            "evalscope-summary: no rule makes 'summary_stat.csv'; did you mean 'summary_stats.csv'?",
        ),
        (["summary_nix.csv"], "evalscope-summary: no rule makes 'summary_nix.csv'; tables are called "),
    ],
)
def test_what_a_user_did_wrong_is_the_last_line_of_snakemake_too(
    new_project: Callable[..., Project], arguments: list[str], last: str
) -> None:
    project = new_project(MIXED / "1.9.1", batches=0)
    outcome = project.snakemake(*arguments, succeeds=False)
    assert outcome.text.splitlines()[-1].startswith(last)


def test_a_job_that_fails_has_the_last_line_and_a_locked_folder_the_whole_command(
    new_project: Callable[..., Project],
) -> None:
    project = new_project(MIXED / "1.12.0")
    outcome = project.snakemake("summary_raw.csv", "--config", "repeat_pattern=nowhere", succeeds=False)
    assert "'repeat_pattern'" in outcome.text.splitlines()[-1]
    locks = project.folder / ".snakemake" / "locks"
    locks.mkdir(exist_ok=True)
    for kind in ("input", "output"):
        (locks / f"0.{kind}.lock").write_text("summary_raw.csv\n")
    outcome = project.snakemake("summary_raw.csv", succeeds=False)
    command_line = shlex.split(outcome.text.splitlines()[-1])
    assert command_line[0] == "snakemake"
    assert command_line[-1] == "--unlock"
    assert "summary_raw.csv" in command_line


def problem(run: str, code: str = "incomplete", severity: Any = "skipped") -> Problem:
    return Problem(severity, code, run, "", "message")


@pytest.mark.parametrize(
    ("settings", "disturbing"),
    [
        ({"strict": True}, ["a", "b", "old/c"]),
        ({"strict": "new"}, ["b", "old/c"]),
        ({"strict": True, "accepted_problems": ["incomplete:old/*"]}, ["a", "b"]),
        ({"strict": "new", "accepted_problems": ["*:b", "unreadable-*:old/*"]}, ["old/c"]),
    ],
)
def test_strict_looks_at_what_is_skipped_new_and_not_accepted(settings: dict[str, Any], disturbing: list[str]) -> None:
    now = [problem("a"), problem("b"), problem("old/c"), problem("d", "duplicate-run", "warning")]
    last = status.State(["b"], [problem("a")])
    found = status.disturbing(now, {"accepted_problems": [], **settings}, last)
    assert [each.run for each in found] == disturbing


def test_new_skipped_runs_fail_once(built: Project) -> None:
    """The killed run of the tree was there at the last start; another one gets killed."""
    built.configure(strict="new")
    assert built.snakemake().status == 0
    (broken,) = (path for path in built.tree.rglob("benchmark_summary.json") if "1.9.1" in str(path))
    broken.write_text("{")
    run = str(broken.parent.relative_to(built.tree))
    outcome = built.snakemake(succeeds=False)
    assert "strict: 1 run skipped that had not been skipped before" in outcome.text
    content = json.loads((built.folder / "summary_status.json").read_bytes())
    assert (content["succeeded"], content["new_skipped"], content["gone_runs"]) == (False, [run], [run])
    assert [each["code"] for each in content["new_problems"]] == ["unreadable-json"]
    assert built.snakemake().status == 0


def test_a_wrong_pattern_of_accepted_problems_is_named() -> None:
    with pytest.raises(WrongConfiguration, match="accepted_problems"):
        prepared("--accepted-problems", "old", str(MIXED))
