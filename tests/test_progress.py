"""What is shown of work that goes on: lines in a log, a bar on a terminal, nothing if quiet."""

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project, read_terminal
from evalscope_summary import progress
from evalscope_summary.progress import Progress

SCRIPTS = Path(progress.__file__).parents[1]
WORK = """
import sys, time
from evalscope_summary.progress import Progress, shown
with shown(Progress("reading", 4)) as progress:
    progress.done, progress.size = 3, 12_345_678
    time.sleep(float(sys.argv[1]))
"""


def work(shape: str | None, seconds: float) -> tuple[list[str], dict[str, str]]:
    """A command that works so long, and the environment that makes it show so."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), progress.VARIABLE: shape or ""}
    return [sys.executable, "-c", WORK, str(seconds)], environment


def on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    """What a command shows whose terminal this is."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, environment)
    shown = read_terminal(terminal)
    assert os.waitpid(child, 0)[1] == 0, shown
    return shown


@pytest.mark.parametrize(
    ("total", "size", "line"),
    [
        (None, 0, "finding: 7 runs"),
        (9, 0, "finding: 7 of 9 runs"),
        (9, 1_250_000, "finding: 7 of 9 runs, 1.2 MB"),
    ],
)
def test_a_line_says_how_far_it_is(total: int | None, size: int, line: str) -> None:
    made = Progress("finding", total)
    made.done, made.size = 7, size
    assert made.line() == line


@pytest.mark.parametrize(("shape", "lines"), [("lines", 2), (None, 2), ("none", 0)])
def test_a_log_gets_a_line_every_two_seconds(shape: str | None, lines: int) -> None:
    command, environment = work(shape, 4.6)
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == "reading: 3 of 4 runs, 12.3 MB\n" * lines
    assert done.stdout == ""


def test_short_work_shows_nothing() -> None:
    command, environment = work("bar", 0)
    assert on_a_terminal(command, environment) == ""


def test_a_terminal_gets_a_bar_that_vanishes() -> None:
    command, environment = work("bar", 2)
    shown = on_a_terminal(command, environment)
    assert re.search(r"reading:  75%\|.+\| 3/4 \[.+12\.3 MB\]", shown)
    assert "\n" not in shown
    assert shown.rsplit("\r", 2)[1].strip() == ""


def test_a_job_without_a_terminal_gets_lines_instead_of_a_bar() -> None:
    command, environment = work("bar", 2.3)
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", start_new_session=True)
    assert done.stderr == "reading: 3 of 4 runs, 12.3 MB\n"


def test_a_failure_ends_it() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), progress.shown(Progress("reading")):
        raise ZeroDivisionError
    assert threading.active_count() == before


def test_the_log_of_a_batch_grows_while_one_run_takes_long(new_project: Callable[..., Project]) -> None:
    project = new_project()
    process = project.start(stop_at=4)
    deadline = time.monotonic() + 20
    try:
        while not any(
            re.search(r"batch \S+: \d+ of \d+ runs", log.read_text())
            for log in project.folder.glob(".evalscope-summary/output-*/logs/extract-*.log")
        ):
            assert time.monotonic() < deadline, "no line was written"
            time.sleep(0.1)
    finally:
        project.go.touch()
        assert process.wait(60) == 0


@pytest.mark.parametrize("quiet", ["--quiet", "--quiet=all", "--quiet=progress"])
def test_quiet_is_quiet(new_project: Callable[..., Project], quiet: str) -> None:
    project = new_project()
    text = project.snakemake(quiet).text
    assert "runs read" not in text
    assert re.search(r"^\d+ runs found: .*; \d+ problems?, see ", text, re.MULTILINE)  # what is wrong is said
