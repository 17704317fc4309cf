"""A local start ends when its work is done; a limit that is wanted stays; Snakemake's bugs are still there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import CHECKOUT, Project
from evalscope_summary import job_rate
from snakemake.cli import get_argument_parser
from snakemake.scheduling.job_scheduler import JobRateLimiter
from snakemake.settings.types import MaxJobsPerTimespan

# Notes the timers that Snakemake starts, and whether its process waits for them.
_NOTES_TIMERS = """
import os, sys, threading
if "snakemake" in sys.orig_argv:
    def start(timer, begin=threading.Timer.start):
        with open(os.environ["TIMERS"], "a") as file:
            file.write("ends with the process\\n" if timer.daemon else f"waits {timer.interval:g}\\n")
        begin(timer)
    threading.Timer.start = start
"""
_PAGE = (CHECKOUT / "docs" / "snakemake-job-rate.md").read_text("utf-8")
IDLES, MILLISECONDS, SPINS = re.findall(r"^```bash\n(.*?)^```", _PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def timers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Says what timers a Snakemake started whose PYTHONPATH is the folder `notes`."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "sitecustomize.py").write_text(_NOTES_TIMERS)
    monkeypatch.setenv("TIMERS", str(tmp_path / "timers"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "notes"))
    (tmp_path / "timers").touch()
    return lambda: (tmp_path / "timers").read_text().splitlines()


def example(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run an example of the page as it stands there, with the Snakemake of these tests."""
    programs = folder / "programs"
    programs.mkdir()
    for name, command in (("snakemake", "-m snakemake "), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {command}"$@"\n')
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile", "report/Snakefile"])
def test_a_local_start_leaves_no_timer_to_wait_for(
    new_project: Callable[..., Project], timers: Callable[[], list[str]], tmp_path: Path, snakefile: str
) -> None:
    project = new_project(batches=1)
    project.watch = tmp_path / "notes"
    project.checkout = CHECKOUT
    outcome = project.meanwhile("summary_raw.csv", "--snakefile", str(CHECKOUT / snakefile))
    assert outcome.status == 0, outcome.text
    assert sum(outcome.jobs.values()) == 2
    assert timers() == []


def limited(limit: str, local: bool = True) -> SimpleNamespace:
    """A workflow of Snakemake, as far as it is looked at."""
    limiter = JobRateLimiter(MaxJobsPerTimespan.parse_choice(limit))
    return SimpleNamespace(local_exec=local, scheduler=SimpleNamespace(job_rate_limiter=limiter))


def test_the_limit_that_snakemake_has_by_itself_is_dropped() -> None:
    workflow = limited(get_argument_parser().get_default("max_jobs_per_timespan"))
    job_rate.drop_limit(workflow)
    assert workflow.scheduler.job_rate_limiter is None


@pytest.mark.parametrize(
    "workflow", [limited("10/1s"), limited("100/1m"), limited("1/1d"), limited("100/1s", local=False)]
)
def test_a_limit_that_somebody_chose_or_a_scheduler_needs_stays(workflow: SimpleNamespace) -> None:
    before = workflow.scheduler.job_rate_limiter
    job_rate.drop_limit(workflow)
    assert workflow.scheduler.job_rate_limiter is before


@pytest.mark.parametrize(
    "workflow",
    [
        SimpleNamespace(),
        SimpleNamespace(local_exec=True, scheduler=None),
        SimpleNamespace(local_exec=True, scheduler=SimpleNamespace()),
        SimpleNamespace(local_exec=True, scheduler=SimpleNamespace(job_rate_limiter=None)),
        SimpleNamespace(local_exec=True, scheduler=SimpleNamespace(job_rate_limiter="another kind")),
        SimpleNamespace(scheduler=SimpleNamespace(job_rate_limiter=limited("100/1s").scheduler.job_rate_limiter)),
    ],
)
def test_another_snakemake_is_left_as_it_is(workflow: SimpleNamespace) -> None:
    before = repr(workflow)
    job_rate.drop_limit(workflow)
    assert repr(workflow) == before


def test_snakemake_still_idles(timers: Callable[[], list[str]], tmp_path: Path) -> None:
    done = example(IDLES, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "waits 1" in timers(), (
        "this Snakemake no longer waits for a timer at its end: once it is the oldest that the workflow works with,"
        " job_rate.py, its calls in the Snakefiles and docs/snakemake-job-rate.md can go"
    )


def test_snakemake_still_reads_milliseconds_as_minutes(tmp_path: Path) -> None:
    done = example(MILLISECONDS, tmp_path)
    assert done.returncode == 1
    assert "AssertionError: 18000.0" in done.stderr


def test_snakemake_still_spins_with_no_timespan(timers: Callable[[], list[str]], tmp_path: Path) -> None:
    done = example(SPINS, tmp_path)
    assert done.returncode == 0, done.stderr
    assert timers().count("waits 0") > 10
