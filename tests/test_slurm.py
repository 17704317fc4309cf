"""The profile for Slurm, on a real one: `make test-slurm`."""

import importlib.util
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import CHECKOUT, NOTHING_TO_DO, TABLES, Project, check_what_jobs_read, spied, without_shared_files
from slurm_cluster import Slurm, why_not

pytestmark = pytest.mark.slurm

PROFILE = CHECKOUT / "profiles" / "slurm"
RUNS = 300
FINISHED = ("COMPLETED", "FAILED", "CANCELLED")


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("no snakemake-executor-plugin-slurm: `make test-slurm` installs it into an environment of its own")
    if reason := why_not():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, Slurm(Path(folder)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree") / "results"
    program = CHECKOUT / "benchmarks" / "trees.py"
    subprocess.run([sys.executable, program, folder, "--runs", str(RUNS)], check=True, capture_output=True)
    return folder


@pytest.fixture
def project(
    slurm: Slurm,
    tree: Path,
    new_project: Callable[..., Project],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    """A project of 300 runs whose Snakemake uses the profile as it is, except that it looks every second."""
    made = new_project(tree, batches=0)
    made.options = ("--profile", str(PROFILE), "--slurm-init-seconds-before-status-checks", "1")
    made.patience = 580
    monkeypatch.setenv("PATH", slurm.environment["PATH"])
    monkeypatch.setenv("SPY_LOG", str(tmp_path / "spied"))
    monkeypatch.setenv("SPY_FOLDER", str(made.folder))
    return made


@pytest.fixture
def submitted(slurm: Slurm) -> Callable[[], list[dict[str, str]]]:
    """The jobs that were submitted since the test began, or since this was last called."""
    seen = set(slurm.jobs())

    def since() -> list[dict[str, str]]:
        new = [job for name, job in slurm.jobs().items() if name not in seen]
        seen.update(job["JobId"] for job in new)
        return new

    return since


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("batches", [8, 64])
def test_from_nothing_then_one_run_added(
    project: Project, submitted: Callable[[], list[dict[str, str]]], batches: int
) -> None:
    project.arguments = ("--set-scatter", f"evalscope_runs={batches}") if batches != 8 else ()
    outcome = project.snakemake("summary_stats.csv")
    assert outcome.read == project.runs()
    assert len(outcome.read) == RUNS
    assert project.tables() == project.clean_tables()
    jobs = submitted()
    assert len(jobs) == batches
    assert all(job["Comment"].startswith("rule_extract_") for job in jobs)  # no table
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert {job["TimeLimit"] for job in jobs} == {"00:10:00"}
    assert {job["MinMemoryNode"] for job in jobs} == {"750M"}
    check_what_jobs_read(project, [f"{number}-of-{batches}" for number in range(1, batches + 1)])
    assert not list((project.folder / ".snakemake" / "slurm_logs").rglob("*.log"))
    assert NOTHING_TO_DO in project.snakemake("summary_stats.csv").text
    if batches == 8:
        run = min(project.runs())
        added = Path(run).parts[0] + "_added" + run.removeprefix(Path(run).parts[0])
        shutil.copytree(project.tree / run, project.tree / added)
        assert project.snakemake("summary_stats.csv").read == {added}
        assert project.tables() == project.clean_tables()
        assert len(submitted()) == 1


def test_a_batch_that_is_killed_is_submitted_again_with_more_memory_and_time(
    project: Project, submitted: Callable[[], list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPY_FAILS", "2-of-8")
    outcome = project.snakemake("summary_stats.csv")
    assert outcome.read == project.runs()
    assert project.tables() == project.clean_tables()
    jobs = submitted()
    assert len(jobs) == 9
    first, second = (job for job in jobs if job["Comment"].endswith("2-of-8"))
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("750M", "1500M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:10:00", "00:20:00")
    (log,) = (project.folder / ".snakemake" / "slurm_logs").rglob("*.log")
    assert log.name == f"{first['JobId']}.log"
    assert "killed, as if for its memory" in log.read_text()


def test_ctrl_c_cancels_the_jobs_and_the_next_start_reads_only_the_rest(
    project: Project, slurm: Slurm, submitted: Callable[[], list[dict[str, str]]]
) -> None:
    process = project.start("summary_stats.csv", stop_at=60)
    wait_until(lambda: len(slurm.ask("squeue", "--noheader", "--states=all")) >= 8)
    time.sleep(3)  # Snakemake knows of all by now
    process.send_signal(signal.SIGINT)
    assert process.wait(120) != 0
    wait_until(lambda: not slurm.ask("squeue", "--noheader"))
    jobs = submitted()
    assert len(jobs) == 8
    assert "CANCELLED" in {job["JobState"] for job in jobs}
    kept = {run for run, _ in project.record_files().values()}
    assert 0 < len(kept) < RUNS
    assert project.snakemake("summary_stats.csv").read == project.runs() - kept
    assert project.tables() == project.clean_tables()


def test_jobs_outlive_a_killed_snakemake_and_their_work_is_kept(
    project: Project, slurm: Slurm, submitted: Callable[[], list[dict[str, str]]]
) -> None:
    process = project.start("summary_stats.csv", stop_at=60)
    wait_until(lambda: len(slurm.ask("squeue", "--noheader", "--states=all")) >= 8)
    process.kill()
    process.wait()
    project.go.touch()
    wait_until(lambda: not slurm.ask("squeue", "--noheader"))
    assert {job["JobState"] for job in submitted()} == {"COMPLETED"}
    assert {run for run, _ in project.record_files().values()} == project.runs()
    project.snakemake("summary_stats.csv", succeeds=False).fails_with("--unlock")
    project.snakemake("--unlock")
    assert project.snakemake("summary_stats.csv", "--rerun-incomplete").read == set()
    assert project.tables() == project.clean_tables()


def test_batches_are_the_tasks_of_one_array(project: Project, submitted: Callable[[], list[dict[str, str]]]) -> None:
    outcome = project.snakemake("summary_stats.csv", "--slurm-array-jobs", "extract")
    assert outcome.read == project.runs()
    assert project.tables() == project.clean_tables()
    jobs = submitted()
    assert len({job["ArrayJobId"] for job in jobs}) == 1
    assert sorted(int(job["ArrayTaskId"]) for job in jobs) == list(range(1, 9))
    assert list((project.folder / ".snakemake" / "slurm_logs").rglob("*.log")) == []


def test_jobs_that_share_no_files_read_new_and_changed_runs(
    project: Project, submitted: Callable[[], list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    project.configure(ship_files=True)
    project.options += ("--precommand", f"cd $(mktemp -d -p {nodes})")  # Slurm starts jobs in the project's folder
    storage = without_shared_files(project, monkeypatch)
    project.settings = {}

    def refreshed() -> None:
        outcome = project.meanwhile("summary_stats.csv")
        assert outcome.status == 0, outcome.text
        assert {name: (storage / name).read_bytes() for name in TABLES} == project.clean_tables()

    refreshed()
    jobs = submitted()
    assert len(jobs) == 8
    assert all(job["Comment"].startswith("rule_extract_elsewhere_") for job in jobs)
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert not any(act.path.startswith(("results/", ".evalscope-summary/", "config/")) for act in spied())
    assert len(list(nodes.glob("*/evalscope-summary/Snakefile"))) == 8
    run = min(project.runs())
    project.change(run)
    before = project.record_files()
    refreshed()
    assert len(submitted()) == 1
    assert {name for path, (name, state) in project.record_files().items() if before[path] != (name, state)} == {run}
