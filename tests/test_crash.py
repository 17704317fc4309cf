"""Kills, full disks and two starts at once: what is there is whole, and running again gives what would have been."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Outcome, Project, inventory_of, stop
from evalscope_summary.jsonfile import CantWrite, write_atomically
from evalscope_summary.readers import sample
from evalscope_summary.records import Due, Records

sys.path.insert(0, str(CHECKOUT / "benchmarks"))

from trees import make_tree

RUN = "1.4.2/p1_n5_dp_short/20261124_021947/mock-7b"
RUNS = 200


@pytest.fixture
def large(tmp_path: Path, checkout: Path, watch: Path) -> Project:
    """A project of 200 runs without tables."""
    project = Project(tmp_path / "project", checkout, watch, ("--set-scatter", "evalscope_runs=2"))
    project.folder.mkdir()
    make_tree(project.tree, RUNS, requests=5, reply=100)
    return project


def change_all(project: Project) -> None:
    for path in project.tree.rglob("benchmark_summary.json"):
        project.change(str(path.parent.relative_to(project.tree)))


def kill(project: Project, opened: int, delay: float, states: list[dict[str, bytes]]) -> None:
    """Start the workflow, and kill it with all its jobs a while after it read so many runs.

    Until then, every table that there is must be one of `states`.
    """
    project.log.unlink(missing_ok=True)
    process = project.launch()
    try:
        limit, when = time.monotonic() + 60, None
        while process.poll() is None and (when is None or time.monotonic() < when):
            assert time.monotonic() < limit
            if when is None and project.opened().total() >= opened:
                when = time.monotonic() + delay
            check_tables(project, states)
            time.sleep(0.01)
    finally:
        stop(process)
    check_tables(project, states)


def check_tables(project: Project, states: list[dict[str, bytes]]) -> None:
    for name in ("summary_raw.csv", "summary_stats.csv", "summary_problems.csv"):
        with suppress(FileNotFoundError):
            assert (project.folder / name).read_bytes() in [state.get(name) for state in states], f"{name} is torn"


def run_as_the_readme_says(project: Project) -> Outcome:
    """Unlock and run; once more with `--rerun-incomplete` if Snakemake asks for it."""
    project.snakemake("--unlock")
    outcome = project.snakemake(succeeds=None)
    if outcome.status and "IncompleteFilesException" in outcome.text:
        outcome = project.snakemake("--rerun-incomplete", succeeds=None)
    assert outcome.status == 0, outcome.text
    assert not list(project.folder.glob(".summary*"))
    return outcome


@pytest.mark.parametrize(
    ("opened", "delay"),
    [
        (0, 0.8),  # while it starts
        (90, 0.0),  # while it reads
        (RUNS, 0.5),  # while it merges, or thereabouts
    ],
)
def test_a_first_job_killed_at_any_moment_leaves_whole_tables_and_is_made_up_for(
    large: Project, opened: int, delay: float
) -> None:
    tables = large.clean_tables()
    kill(large, opened, delay, [tables])
    run_as_the_readme_says(large)
    assert large.tables() == tables


def test_a_refresh_killed_at_any_moment_leaves_whole_tables_and_is_made_up_for(large: Project) -> None:
    large.snakemake()
    for opened, delay in ((1, 0.0), (RUNS, 0.1), (RUNS, 1.2)):  # the last one while stats or overview are made
        old = large.tables()
        change_all(large)
        new = large.clean_tables()
        kill(large, opened, delay, [old, new])
        run_as_the_readme_says(large)
        assert large.tables() == new
    assert NOTHING_TO_DO in large.snakemake("-n").text


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_ten_kills_in_a_row_leave_whole_tables_and_are_made_up_for(large: Project, seed: int) -> None:
    chance = random.Random(seed)
    states = [large.clean_tables()]
    compared = 0
    for number in range(10):
        if number % 2:  # a first build that goes on; then refreshes of a tree that is changed each time
            change_all(large)
            states.append(large.clean_tables())
        kill(large, 0, chance.uniform(0.3, 7), states)
        run_as_the_readme_says(large)
        assert large.tables() == states[-1]
        compared += sum(map(len, states[-1].values()))
        if chance.random() < 0.3:
            for path in large.folder.glob("summary*"):
                path.unlink()
    run_as_the_readme_says(large)
    assert large.tables() == states[-1]
    print(f"10 kills survived, {compared} bytes compared")  # pytest -rP shows it


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of 4 MB there; what is in the folder moves to it."""
    if os.getuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a small file system")
    aside = folder.with_name(f"{folder.name}.aside")
    if folder.exists():
        folder.rename(aside)
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        if aside.exists():
            shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill a file system but for some bytes; returns the file that does."""
    filler = folder / ".filler"
    free = os.statvfs(folder)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - leave))
    return filler


def add_runs(project: Project) -> None:
    for number in range(6):
        shutil.copytree(MIXED / "1.9.1", project.tree / f"more{number}")


@pytest.mark.parametrize(
    ("where", "leave", "named"),
    [
        (".evalscope-summary", 0, ".evalscope-summary/"),  # no inventory can be written
        (".evalscope-summary", 24576, ".json"),  # the inventories can, but not all records
        ("tables", 0, "tables/summary_raw.csv"),
        ("tables", 65536, "tables/summary_"),  # there is room for some
    ],
)
def test_a_full_disk_is_named_and_running_again_with_room_completes(
    built: Project, where: str, leave: int, named: str
) -> None:
    built.arguments = ("--config", f"output={where}/summary") if where == "tables" else ()
    with small_disk(built.folder / where) as disk:
        built.snakemake()
        made_by_rules = [path for path in built.folder.rglob("summary*.*") if not path.name.endswith("_status.json")]
        tables = {path: path.read_bytes() for path in made_by_rules if "." not in path.parts[-2][:1]}
        add_runs(built)
        filler = fill(disk, leave)
        failed = built.meanwhile()
        failed.fails_with(f"{where}/", named, "can't be written: No space left on device; make room")
        left = {path: path.read_bytes() for path in tables}
        assert not list(disk.glob(".summary*"))
        filler.unlink()
        built.snakemake()
        made = {
            name: (built.folder / ("tables" if where == "tables" else ".") / name).read_bytes()
            for name in built.clean_tables()
        }
        assert made == built.clean_tables()
        assert NOTHING_TO_DO in built.snakemake("-n").text
        for path, content in left.items():
            assert content in (tables[path], path.read_bytes()), f"{path} was neither what it was nor what it is now"
        old = [path for path, content in left.items() if content == tables[path]]
        assert len(old) > 2 if leave and where == "tables" else len(old) == len(tables)


@pytest.mark.parametrize("quiet", [(), ("-q", "all")], ids=["", "quiet"])
@pytest.mark.parametrize("pages", [6, 10])
def test_where_the_end_of_a_job_could_not_be_noted_running_again_with_room_completes(
    built: Project, pages: int, quiet: tuple[str, ...]
) -> None:
    with small_disk(built.folder / ".snakemake") as disk:
        shutil.rmtree(disk / "metadata")  # it has to grow
        shutil.rmtree(built.folder / ".evalscope-summary")
        tables = built.tables()
        filler = fill(disk, pages * 4096)
        failed = built.meanwhile(*quiet)
        assert failed.status != 0
        assert list((disk / "incomplete").rglob("*")), "else this shows nothing"
        assert "is there room in .snakemake?" in failed.text
        assert built.tables() == tables
        assert not list(built.folder.glob(".summary*"))
        filler.unlink()
        built.meanwhile()
        assert built.tables() == built.clean_tables()
        assert NOTHING_TO_DO in built.meanwhile("-n").text


def test_what_is_wrong_before_any_job_is_said_with_quiet_all_too(built: Project) -> None:
    built.tree.rename(built.folder / "elsewhere")
    failed = built.meanwhile("-q", "all")
    failed.fails_with("the results tree", "does not exist")


@pytest.mark.parametrize("cause", ["copy", "values"])
def test_a_full_folder_for_temporary_files_is_not_taken_for_a_damaged_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    run = tmp_path / "results" / "run"
    shutil.copytree(MIXED / RUN, run)
    if cause == "copy":
        (run / "benchmark_data.db-journal").touch()
    else:
        monkeypatch.setattr(sample, "_IN_MEMORY", 1)
    inventory = inventory_of(run.parent, metrics="recomputed")
    records = Records(tmp_path / "records")
    with small_disk(tmp_path / "temporary") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        filler = fill(disk, 0)
        (record,) = records.get(inventory, "run")
        (problem,) = {*record.problems, *record.derived["filled"].problems, *record.derived["recomputed"].problems}
        assert problem.code == "unreadable-database"
        assert "make some where TMPDIR points to" in problem.message
        filler.unlink()
        assert isinstance(records.find(inventory, "run"), Due)
        (record,) = records.get(inventory, "run")
        assert not {*record.problems, *record.derived["filled"].problems, *record.derived["recomputed"].problems}
    assert not isinstance(records.find(inventory, "run"), Due)


@pytest.mark.parametrize("file", ["table.csv", "sub/table.csv"])
def test_a_file_that_may_not_be_written_is_named_and_kept(tmp_path: Path, file: str) -> None:
    path = tmp_path / "folder" / file
    (tmp_path / "folder").mkdir()
    if file == "table.csv":
        if not os.getuid():
            pytest.skip("root may write everywhere")
        path.write_text("old")
        path.parent.chmod(0o500)
    try:
        with pytest.raises(CantWrite, match=rf"{file} can't be written: .*; make room or get the right"):
            write_atomically(path, b"new")
        assert not path.exists() or path.read_text() == "old"
        assert len(os.listdir(tmp_path / "folder")) == path.exists()
    finally:
        (tmp_path / "folder").chmod(0o700)


def test_two_workflows_started_at_once_make_the_tables_of_one(large: Project) -> None:
    processes = [large.launch(output=subprocess.PIPE) for _ in range(2)]
    try:
        texts = [process.communicate(timeout=100)[0].decode() for process in processes]
    finally:
        for process in processes:
            stop(process)
    refused = [text for text, process in zip(texts, processes, strict=True) if process.returncode]
    assert len(refused) <= 1, "\n".join(texts)  # none, if one was done before the other looked
    for text in refused:
        assert "LockException" in text
        assert "Traceback" not in text
    large.snakemake()
    assert large.tables() == large.clean_tables()
