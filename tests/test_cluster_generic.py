"""The profile for any scheduler, on one that runs jobs at once and notes what it was asked for."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import (
    CHECKOUT,
    MIXED,
    NOTHING_TO_DO,
    TABLES,
    Outcome,
    Project,
    check_what_jobs_read,
    spied,
    without_shared_files,
)
from evalscope_summary.jobs import Jobs
from evalscope_summary.readers.evalscope.formats import REQUIRED_FILES

PROFILE = CHECKOUT / "profiles" / "cluster-generic" / "config.yaml"

SCHEDULER = f"""#!{sys.executable} -IS
# The commands of PBS, SGE and LSF as far as the profile uses them; each answers as the real one does.
import json, os, subprocess, sys, tempfile, time
folder = os.path.dirname(os.path.abspath(__file__))
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(folder + "/calls", "a") as file:
    file.write(json.dumps([name, *arguments]) + "\\n")
sge = "-terse" in arguments or os.path.exists(folder + "/sge")
mode = {{name: os.path.exists(f"{{folder}}/{{name}}") for name in ("forgets", "loses", "holds", "down")}}

def ended(job):
    try:
        return open(f"{{folder}}/{{job}}.status").read()
    except FileNotFoundError:
        return None

if name in ("qsub", "bsub"):
    if sge:
        open(folder + "/sge", "w").close()
    job = str(sum(json.loads(line)[0] == name for line in open(folder + "/calls")))
    print(f"Job <{{job}}> is submitted to default queue <normal>." if name == "bsub" else job)
    if mode["holds"]:
        sys.exit()
    if mode["loses"]:
        os.remove(folder + "/loses")
        open(f"{{folder}}/{{job}}.lost", "w").close()
        sys.exit()
    log = open(f"{{folder}}/{{job}}.log", "wb")
    tells = {{"LSB_JOBID": job, "LS_SUBCWD": os.getcwd()}}
    if name == "qsub":
        tells = {{"PBS_JOBID": job, "PBS_O_WORKDIR": os.getcwd()}}
    if sge:
        tells = {{"JOB_ID": job, "SGE_O_WORKDIR": os.getcwd()}}
    shell = 'echo $$ > "$0.pid"; "$1"; echo $? > "$0.new"; mv "$0.new" "$0.status"'
    subprocess.Popen(
        ["sh", "-c", shell, f"{{folder}}/{{job}}", arguments[-1]],
        env={{**os.environ, "FAKE_JOB_ID": job, **tells}},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd=tempfile.mkdtemp(dir=os.environ["NODES"]) if "NODES" in os.environ else None,
    )
elif name in ("qdel", "bkill"):
    for job in arguments:
        open(f"{{folder}}/{{job}}.lost", "w").close()
        if os.path.exists(f"{{folder}}/{{job}}.pid"):
            os.killpg(int(open(f"{{folder}}/{{job}}.pid").read()), 9)
elif mode["down"]:
    sys.exit("cannot connect to server")
elif os.path.exists(f"{{folder}}/{{arguments[-1]}}.lost") or mode["forgets"] and ended(arguments[-1]) is not None:
    sys.exit({{
        "qstat": "Following jobs do not exist:" if sge else f"qstat: Unknown Job Id {{arguments[-1]}}.server",
        "qacct": f"error: job id {{arguments[-1]}} not found",
        "bjobs": f"Job <{{arguments[-1]}}> is not found",
    }}[name])
elif name == "qstat" and sge:
    sys.exit(ended(arguments[1]) is not None)
elif name == "qstat" and arguments[0] == "-f" and ended(arguments[1]) is not None:
    sys.exit(f"qstat: {{arguments[1]}}.server Job has finished, use -x or -H to obtain historical job information")
elif name == "qstat":
    status = ended(arguments[1])
    print(f"Job Id: {{arguments[1]}}.server\\n    job_state = {{'R' if status is None else 'F'}}")
    print("" if status is None else f"    Exit_status = {{status}}", end="")
elif name == "qacct":
    print(f"jobname      extract\\nfailed       0\\nexit_status  {{ended(arguments[1])}}", end="")
elif name == "bjobs":
    print({{None: "RUN", "0\\n": "DONE"}}.get(ended(arguments[-1]), "EXIT"))
"""


COMMANDS = {
    "PBS": ("qsub", "qstat", "qdel"),
    "SGE": ("qsub", "qstat", "qdel", "qacct"),
    "LSF": ("bsub", "bjobs", "bkill"),
}


def install(folder: Path, *commands: str) -> None:
    """Make them the only ones of the scheduler."""
    for name in {command for commands in COMMANDS.values() for command in commands}:
        (folder / name).unlink(missing_ok=True)
    for name in commands:
        (folder / name).write_text(SCHEDULER)
        (folder / name).chmod(0o755)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[list[str]]]:
    """A scheduler; returns what one of its commands was given, each time that it was called."""
    folder = tmp_path / "scheduler"
    folder.mkdir()
    install(folder, "qsub", "qstat", "qdel")
    (folder / "calls").touch()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("SPY_LOG", str(tmp_path / "spied"))
    monkeypatch.setenv("SPY_FOLDER", str(tmp_path / "project"))

    def given_to(command: str) -> list[list[str]]:
        lines = (json.loads(line) for line in (folder / "calls").read_text().splitlines())
        return [arguments for name, *arguments in lines if name == command]

    return given_to


def profile_for(scheduler: str, folder: Path) -> Path:
    """The profile as its comments say to change it for a scheduler."""
    shutil.copytree(PROFILE.parent, folder)
    text = PROFILE.read_text("utf-8")
    if scheduler != "PBS":
        text = re.sub(r"^cluster-generic-(?:submit|cancel)-cmd:.*\n(?:  .*\n)*", "", text, flags=re.MULTILINE)
        heading = re.search(rf"^# {scheduler}\b.*\n", text, re.MULTILINE)
        assert heading
        commands, blank, rest = text[heading.end() :].partition("\n\n")
        text = text[: heading.end()] + re.sub("^# ", "", commands, flags=re.MULTILINE) + blank + rest
    (folder / "config.yaml").write_text(text, "utf-8")
    return folder


def on_cluster(project: Project, scheduler: str = "PBS") -> Project:
    profile = profile_for(scheduler, project.folder.with_name("profile"))
    install(project.folder.with_name("scheduler"), *COMMANDS[scheduler])
    project.options = ("--profile", str(profile), "--seconds-between-status-checks", "1")
    return project


def test_extraction_is_submitted_with_its_needs_and_retried_with_more(
    new_project: Callable[..., Project],
    calls: Callable[[str], list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    project = on_cluster(new_project())
    monkeypatch.setenv("SPY_FAILS", "2-of-2")
    outcome = project.snakemake("summary_stats.csv")
    assert project.tables() == project.clean_tables()
    assert outcome.read == project.runs()
    assert outcome.jobs == {"extract": 3, "merge": 1, "stats": 1}
    submitted = calls("qsub")
    assert len(submitted) == 3  # no table
    select = [next(word for word in arguments if word.startswith("select=")) for arguments in submitted]
    assert sorted(select) == ["select=1:ncpus=1:mem=1500mb"] + ["select=1:ncpus=1:mem=750mb"] * 2
    walltimes = [next(word for word in arguments if word.startswith("walltime=")) for arguments in submitted]
    assert sorted(walltimes) == ["walltime=1200"] + ["walltime=600"] * 2
    assert {arguments[0] for arguments in calls("qstat")} == {"-f", "-xf"}
    assert {arguments[1] for arguments in calls("qstat")} == {"1", "2", "3"}
    assert "killed, as if for its memory" in "".join(path.read_text() for path in tmp_path.glob("scheduler/?.log"))


def test_a_table_that_is_made_at_once_is_not_tried_again_and_its_log_is_shown(
    new_project: Callable[..., Project], calls: Callable[[str], list[list[str]]]
) -> None:
    """Trying again is for more memory and time of a scheduler; what else fails here fails again."""
    project = on_cluster(new_project(MIXED / "1.9.1"))
    outcome = project.snakemake("--config", "label_pattern=(?P<gpu>h100)", succeeds=False)
    assert outcome.jobs == {"extract": 2, "merge": 1}
    assert re.search(r"^Logfile .*merge\.log:\n=+\n.*'label_pattern'.* matches no run", outcome.text, re.MULTILINE)


@pytest.mark.parametrize("scheduler", ["SGE", "LSF"])
def test_two_other_commands_are_another_scheduler(
    new_project: Callable[..., Project], calls: Callable[[str], list[list[str]]], scheduler: str
) -> None:
    project = on_cluster(new_project(batches=1), scheduler)
    project.snakemake("summary_stats.csv")
    assert project.tables() == project.clean_tables()
    (given,) = calls("qsub" if scheduler == "SGE" else "bsub")
    for needs in {"SGE": ("h_vmem=750M", "h_rt=600"), "LSF": ("750MB", "10")}[scheduler]:
        assert needs in given
    check_what_jobs_read(project, ["1-of-1"])
    assert not [act for act in spied() if act.what == "import"]  # not even Snakemake, in a job


def test_ctrl_c_cancels_and_the_next_start_finishes(
    new_project: Callable[..., Project], calls: Callable[[str], list[list[str]]]
) -> None:
    project = on_cluster(new_project())
    project.options = (*project.options[:2], "--seconds-between-status-checks", "4")
    process = project.start("summary_stats.csv", stop_at=1)
    while len(calls("qstat")) < 2:  # both are known to Snakemake
        time.sleep(0.05)
    time.sleep(1.5)  # while it asks about jobs, Snakemake 9.27 takes none for active, and would cancel none
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert sorted(job for arguments in calls("qdel") for job in arguments) == ["1", "2"]
    project.snakemake("summary_stats.csv")
    assert project.tables() == project.clean_tables()


def test_jobs_that_were_cancelled_in_the_queue_begin_with_their_first_attempt(
    new_project: Callable[..., Project], calls: Callable[[str], list[list[str]]]
) -> None:
    project = on_cluster(new_project(batches=1))
    holds = project.folder.with_name("scheduler") / "holds"
    holds.touch()
    project.options = (*project.options[:2], "--seconds-between-status-checks", "4")
    process = project.launch("summary_stats.csv")
    while not calls("qstat"):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1.5)  # see above
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert calls("qdel") == [["1"]]
    holds.unlink()
    outcome = project.snakemake("summary_stats.csv")
    assert outcome.jobs["extract"] == 1, outcome.text
    assert "Trying to restart" not in outcome.text
    assert "select=1:ncpus=1:mem=750mb" in calls("qsub")[-1]


@pytest.mark.parametrize("scheduler", COMMANDS)
def test_jobs_that_the_scheduler_forgot_left_how_they_ended(
    new_project: Callable[..., Project],
    calls: Callable[[str], list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    scheduler: str,
) -> None:
    project = on_cluster(new_project(batches=1), scheduler)
    project.folder.with_name("scheduler").joinpath("forgets").touch()
    monkeypatch.setenv("SPY_FAILS", "1-of-1")
    outcome = project.snakemake("summary_stats.csv")
    assert outcome.jobs["extract"] == 2  # the first was killed
    assert "is unknown" not in outcome.text
    assert project.tables() == project.clean_tables()
    assert not [*(project.folder / ".snakemake" / "cluster_logs").glob("*.exit")]


def test_a_job_that_left_no_trace_has_failed_and_is_repeated(
    new_project: Callable[..., Project], calls: Callable[[str], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = on_cluster(new_project(batches=1))
    project.folder.with_name("scheduler").joinpath("loses").touch()
    monkeypatch.setenv("EVALSCOPE_UNKNOWN_SECONDS", "1")
    outcome = project.snakemake("summary_stats.csv")
    assert outcome.jobs["extract"] == len(calls("qsub")) == 2
    assert "job 1 is unknown to the scheduler" in outcome.text
    assert project.tables() == project.clean_tables()


@pytest.mark.parametrize("scheduler", COMMANDS)
def test_a_job_is_running_until_it_was_unknown_for_the_grace_time(
    calls: Callable[[str], list[list[str]]], tmp_path: Path, scheduler: str
) -> None:
    folder = tmp_path / "scheduler"
    install(folder, *COMMANDS[scheduler])
    if scheduler == "SGE":
        (folder / "sge").touch()
    since = tmp_path / ".snakemake" / "cluster_logs" / "7.unknown"

    def status() -> str:
        asked = subprocess.run([PROFILE.with_name("status.sh"), "7"], cwd=tmp_path, capture_output=True, text=True)
        return asked.stdout.strip()

    (folder / "7.lost").touch()
    assert status() == "running"  # accounting may be late
    since.write_text(str(int(time.time()) - 60))
    assert status() == "running"
    (folder / "down").touch()
    since.write_text(str(int(time.time()) - 1800))
    assert status() == "running", "a scheduler that is down says nothing about jobs"
    (folder / "down").unlink()
    assert status() == "failed"
    since.write_text(str(int(time.time()) - 60))
    (folder / "7.lost").unlink()
    (folder / "7.status").write_text("0\n")
    assert status() == "success"
    assert not since.exists()


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job has a working directory of its own in which there is nothing, as without a shared file system."""
    folder = tmp_path / "nodes"
    folder.mkdir()
    monkeypatch.setenv("NODES", str(folder))


@pytest.mark.parametrize("ship_files", [True, False])
def test_jobs_that_share_no_files_read_new_and_changed_runs(
    new_project: Callable[..., Project],
    calls: Callable[[str], list[list[str]]],
    nodes: None,
    monkeypatch: pytest.MonkeyPatch,
    ship_files: bool,
) -> None:
    project = on_cluster(new_project())
    project.configure(ship_files=ship_files)
    storage = without_shared_files(project, monkeypatch)
    project.settings = {}
    Path(os.environ["SPY_LOG"]).touch()

    def refreshed() -> Outcome:
        outcome = project.meanwhile("summary_stats.csv")
        assert outcome.status == 0, outcome.text
        assert {name: (storage / name).read_bytes() for name in TABLES} == project.clean_tables()
        return outcome

    def read_in_jobs() -> set[str]:
        acts = [act for act in spied() if act.path != "pandas"]
        assert all(act.path.startswith("results/") for act in acts), "a job sees nothing of the project but the tree"
        return {str(Path(act.path).parent.relative_to("results")) for act in acts}

    assert refreshed().jobs == {"pack": 2, "extract_elsewhere": 2, "extract": 2, "merge": 1, "stats": 1}
    assert len(calls("qsub")) == 2
    readable = {run for run in project.runs() if all((project.tree / run / name).exists() for name in REQUIRED_FILES)}
    assert read_in_jobs() == (set() if ship_files else readable)
    assert {run for run, _ in project.record_files().values()} == project.runs()
    run = "1.4.2/p4_n3_flaky/20261124_020527/flaky"
    project.change(run)
    before = project.record_files()
    Path(os.environ["SPY_LOG"]).write_text("")
    assert refreshed().jobs == {"pack": 1, "extract_elsewhere": 1, "extract": 1, "merge": 1, "stats": 1}
    assert len(calls("qsub")) == 3
    assert read_in_jobs() == (set() if ship_files else {run})
    assert {name for path, (name, state) in project.record_files().items() if before[path] != (name, state)} == {run}
    assert NOTHING_TO_DO in project.meanwhile("summary_stats.csv").text
    assert not list(storage.rglob("*.tar.gz"))


@pytest.mark.parametrize(("may_write", "few", "retries"), [(True, False, None), (False, False, 0), (True, True, 0)])
def test_what_can_not_go_well_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_write: bool, few: bool, retries: int | None
) -> None:
    class Some(Jobs):
        inventories = ()
        makes_tables_at_once = few

        def inventory(self, batch: str) -> str:
            return batch

    monkeypatch.setattr(os, "access", lambda path, mode: may_write and path == str(tmp_path))
    start = SimpleNamespace(placed=str(tmp_path / "summary"))
    assert Some({}, "", start).table_retries == retries
