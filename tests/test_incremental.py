"""What is read again after a change, with a real Snakemake: each test counts the runs, and compares the tables with
those of a clean run. `Project.refresh` also makes a dry run before and after."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import snakemake
from conftest import MIXED, NOTHING_TO_DO, TABLES, Outcome, Project, copy_checkout, rows_of, stop, tree_state

CONFIG = "1.4.2/p1_n5_dp_short"
RUN = f"{CONFIG}/20261124_021947/mock-7b"
ITS_REPEAT = f"{CONFIG}/20261124_021949/mock-7b"
NEW_RUN = f"{CONFIG}/20261201_120000/mock-7b"
DAY = 86_400_000_000_000


@pytest.fixture(params=["default", pytest.param("mtime", marks=pytest.mark.long)])
def project(request: pytest.FixtureRequest, built: Project) -> Project:
    """A built project, under Snakemake's default rerun triggers and under `mtime` alone."""
    if request.param == "mtime":
        built.arguments = ("--rerun-triggers", "mtime")
    return built


def add_run(project: Project) -> None:
    """Put a new repeat of `RUN` into the tree."""
    shutil.copytree(project.tree / RUN, project.tree / NEW_RUN)
    project.change(NEW_RUN)


def work_files(project: Project, kind: str) -> list[Path]:
    """The inventories, stamps, … of a project."""
    return sorted(project.folder.glob(f".evalscope-summary/*/{kind}/*"))


def batch_of(project: Project, run: str) -> str:
    """The name of the batch whose inventory has a run."""
    return next(path.stem for path in work_files(project, "inventory") if f'"{run}"' in path.read_text())


def test_nothing_changed_runs_no_job(project: Project) -> None:
    before = tree_state(project.folder / ".evalscope-summary")
    outcome = project.refresh()
    assert outcome.read == set()
    assert NOTHING_TO_DO in outcome.text
    assert not outcome.jobs
    assert tree_state(project.folder / ".evalscope-summary") == before


def test_an_added_run_is_the_only_one_read(project: Project) -> None:
    add_run(project)
    assert project.refresh().read == {NEW_RUN}
    assert NEW_RUN in (project.folder / "summary_raw.csv").read_text()


def test_a_changed_run_is_the_only_one_read(project: Project) -> None:
    project.change(RUN)
    outcome = project.refresh()
    assert outcome.read == {RUN}
    assert outcome.jobs["extract"] == 1


def test_a_run_changed_with_an_older_mtime_is_read(project: Project) -> None:
    project.change(RUN, mtime_ns=1_000_000_000_000_000_000)
    assert project.refresh().read == {RUN}


def test_a_run_changed_with_a_newer_mtime_than_the_tables_will_have_is_read(built: Project) -> None:
    built.change(RUN, mtime_ns=time.time_ns() + DAY)
    assert built.refresh().read == {RUN}


def test_a_touched_but_unchanged_run_is_read_at_most_itself(project: Project) -> None:
    (project.tree / RUN / "benchmark_summary.json").touch()
    assert project.refresh().read <= {RUN}


def test_a_database_that_changed_alone_is_noticed(built: Project) -> None:
    (built.tree / RUN / "benchmark_data.db").unlink()
    assert built.refresh().read == {RUN}


def test_a_percentile_file_that_appears_later_is_read(project: Project) -> None:
    file = project.tree / RUN / "benchmark_percentile.json"
    content = file.read_bytes()
    file.unlink()
    assert project.snakemake().read == {RUN}
    file.write_bytes(content)
    assert project.refresh().read == {RUN}


def test_an_incomplete_run_that_becomes_complete_moves_from_the_problems_to_the_table(built: Project) -> None:
    killed = "1.12.0/p2_n40_killed/20261124_020809/slow/parallel_2_number_40"
    assert killed in (built.folder / "summary_problems.csv").read_text()
    for name in ("benchmark_args.json", "benchmark_summary.json"):
        shutil.copy(built.tree / RUN / name, built.tree / killed)
    assert built.refresh().read == {killed}
    assert killed in (built.folder / "summary_raw.csv").read_text()


def test_a_deleted_run_leaves_the_table_and_nothing_is_read(project: Project) -> None:
    record = project.record(RUN)
    shutil.rmtree(project.tree / RUN)
    assert project.refresh().read == set()
    assert RUN not in (project.folder / "summary_raw.csv").read_text()
    assert not record.exists()


def test_a_deleted_config_leaves_the_table_and_nothing_is_read(project: Project) -> None:
    shutil.rmtree(project.tree / CONFIG)
    assert project.refresh().read == set()
    assert CONFIG not in (project.folder / "summary_raw.csv").read_text()


def test_a_renamed_config_is_read_under_its_new_name(built: Project) -> None:
    (built.tree / CONFIG).rename(built.tree / "renamed")
    assert built.refresh().read == {"renamed/20261124_021947/mock-7b", "renamed/20261124_021949/mock-7b"}


def test_a_deleted_record_costs_nothing_until_the_table_needs_it(project: Project) -> None:
    project.record(RUN).unlink()
    outcome = project.snakemake()
    assert outcome.read == set()
    assert NOTHING_TO_DO in outcome.text
    project.configure(columns="all")
    assert project.refresh().read == {RUN}


def test_a_damaged_record_is_made_again_when_the_table_needs_it(built: Project) -> None:
    record = built.record(RUN)
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"records":', b'"recorded":'))
    assert record.read_bytes() != whole
    built.configure(columns="all")
    assert built.refresh().read == {RUN}


def test_a_deleted_stamp_reads_nothing(project: Project) -> None:
    (project.folder / work_files(project, "extracted")[0].parent / batch_of(project, RUN)).unlink()
    outcome = project.refresh()
    assert outcome.read == set()


def test_deleted_records_and_a_changed_run_are_read_once_each(project: Project) -> None:
    for folder in work_files(project, "records"):
        shutil.rmtree(folder)
    project.change(RUN)
    assert project.refresh().read == project.runs()


def test_a_deleted_work_folder_is_made_again_when_a_table_needs_it(built: Project) -> None:
    shutil.rmtree(built.folder / ".evalscope-summary")
    assert NOTHING_TO_DO in built.snakemake("-n").text  # the tables are still those of the tree
    built.change(RUN)
    assert built.refresh().read == built.runs()


def test_a_deleted_table_is_made_again_and_nothing_is_read(built: Project) -> None:
    (built.folder / "summary_stats.csv").unlink()
    outcome = built.refresh()
    assert outcome.read == set()
    assert outcome.jobs["merge"] == 0
    (built.folder / "summary_problems.csv").unlink()
    assert built.refresh().read == set()


def test_a_deleted_snakemake_folder_reads_nothing(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake")
    assert project.refresh().read == set()


def test_forceall_reads_nothing(project: Project) -> None:
    outcome = project.refresh("--forceall")
    assert outcome.read == set()
    assert outcome.jobs["extract"] == 8


def test_another_grouping_reads_nothing(project: Project) -> None:
    project.configure(group_by=["model", "parallel"])
    outcome = project.refresh()
    assert outcome.read == set()
    assert outcome.jobs["extract"] == 0


def test_other_statistics_repeat_no_merge(project: Project) -> None:
    project.configure(statistics=["median", "ci95"])
    outcome = project.refresh()
    assert outcome.read == set()
    assert (outcome.jobs["merge"], outcome.jobs["stats"]) == (0, 1)


def test_recomputing_reads_each_complete_run_once_and_going_back_none(project: Project) -> None:
    reported = project.tables()
    project.configure(metrics="recomputed")
    skipped = {row["run"] for row in rows_of(project.folder / "summary_problems.csv") if row["severity"] == "skipped"}
    assert skipped
    assert project.refresh().read == project.runs() - skipped
    assert project.tables()["summary_raw.csv"] != reported["summary_raw.csv"]
    project.configure()
    assert project.snakemake().read == set()
    assert project.tables() == reported
    project.configure(metrics="recomputed", fill_percentiles=False)
    assert project.snakemake().read == set()
    assert project.tables() == project.clean_tables()


def test_what_was_recomputed_is_kept_when_filling_is_switched_on(built: Project) -> None:
    shutil.rmtree(built.folder / ".evalscope-summary")
    for path in built.folder.glob("summary*"):
        path.unlink()
    built.configure(metrics="recomputed", fill_percentiles=False)
    built.refresh()
    built.configure(metrics="recomputed")
    assert 0 < len(built.refresh().read) < len(built.runs())  # those that lack percentiles
    built.configure(metrics="recomputed", fill_percentiles=False)
    assert built.refresh().read == set()


def test_another_number_of_batches_reads_nothing(project: Project) -> None:
    assert project.refresh("--set-scatter", "evalscope_runs=3").read == set()
    assert len(work_files(project, "inventory")) == 8 + 3
    project.configure(batches=5)
    assert project.snakemake().read == set()
    assert project.tables() == project.clean_tables()


def test_going_back_to_an_earlier_number_of_batches_takes_the_runs_of_now(built: Project) -> None:
    """The inventories of then are as the tree is again, but the tables in between were made of another tree."""
    built.arguments = ("--rerun-triggers", "mtime")
    add_run(built)
    built.snakemake("--set-scatter", "evalscope_runs=3")
    assert NEW_RUN in (built.folder / "summary_raw.csv").read_text()
    shutil.rmtree(built.tree / NEW_RUN)
    assert built.refresh().read == set()


def test_going_back_to_an_earlier_tree_takes_its_runs(built: Project) -> None:
    """The inventories of either tree never change, but the same tables are made of both."""
    built.arguments = ("--rerun-triggers", "mtime")
    shutil.copytree(MIXED / "1.9.1", built.folder / "other" / "1.9.1")
    built.snakemake("--config", "results_dir=other")
    assert len(rows_of(built.folder / "summary_raw.csv")) == 1
    assert built.refresh().read == set()


def test_switching_percentile_filling_off_and_on_reads_nothing(project: Project) -> None:
    filled = project.tables()["summary_raw.csv"]
    project.configure(fill_percentiles=False)
    assert project.refresh().read == set()
    assert project.tables()["summary_raw.csv"] != filled
    project.configure()
    assert project.snakemake().read == set()
    assert project.tables()["summary_raw.csv"] == filled


def test_an_excluded_run_leaves_the_table_and_comes_back_without_being_read(built: Project) -> None:
    gone = next(run for run in built.runs() if run.startswith("0.8.0/"))
    built.configure(exclude=["0.8.0", "*/20261124_021947"], since="2026-11-24", until="20261124_021900")
    assert built.refresh().read == set()
    raw = (built.folder / "summary_raw.csv").read_text()
    assert RUN not in raw
    assert 1 < raw.count("\n") < len(built.runs())
    shutil.rmtree(built.tree / gone)
    built.configure()
    assert built.refresh().read == set()
    assert RUN in (built.folder / "summary_raw.csv").read_text()
    assert gone not in {source for source, _ in built.record_files().values()}


def test_what_leaves_no_run_is_an_error_that_says_so_and_changes_nothing(built: Project) -> None:
    tables = built.tables()
    outcome = built.snakemake("--config", 'exclude=["*", "old/*"]', succeeds=False)
    outcome.fails_with("by 'exclude', no run is left below 'results' (left out: '0.13.0'", "allow_empty")
    assert "'old/*' matches nothing" in outcome.text
    assert built.tables() == tables


def edit(project: Project, folder: Path, program: str) -> None:
    """Edit a source file, in a checkout of the project's own."""
    project.checkout = copy_checkout(folder, project.checkout)
    source = folder / "scripts" / program
    source.write_text(f"{source.read_text()}\n# edited\n")


def test_edited_extractor_sources_read_every_run(project: Project, tmp_path: Path) -> None:
    edit(project, tmp_path / "edited", "evalscope_summary/readers/evalscope/formats.py")
    assert project.refresh().read == project.runs()


@pytest.mark.parametrize(("program", "rule"), [("merge.py", "merge"), ("stats.py", "stats")])
def test_an_edited_program_makes_its_table_again_and_reads_nothing(
    built: Project, tmp_path: Path, program: str, rule: str
) -> None:
    built.arguments = ("--rerun-triggers", "mtime")
    edit(built, tmp_path / "edited", program)
    outcome = built.refresh()
    assert outcome.read == set()
    assert outcome.jobs["extract"] == 0
    assert outcome.jobs[rule] == 1


def test_neither_the_place_of_the_checkout_nor_that_of_python_counts(built: Project, tmp_path: Path) -> None:
    built.checkout = copy_checkout(tmp_path / "moved {to} 'here'", built.checkout)
    assert NOTHING_TO_DO in built.snakemake("-n").text
    environment = tmp_path / "another environment"
    subprocess.run([sys.executable, "-m", "venv", "--symlinks", "--without-pip", environment], check=True)
    libraries = next(environment.glob("lib/python*/site-packages"))
    (libraries / "those.pth").write_text(f"{Path(snakemake.__file__).parents[1]}\n")
    built.python = str(environment / "bin" / "python")
    outcome = built.snakemake()
    assert NOTHING_TO_DO in outcome.text
    built.change(RUN)
    assert built.refresh().read == {RUN}


def test_of_another_checkout_only_the_program_that_differs_runs(built: Project, tmp_path: Path) -> None:
    edit(built, tmp_path / "edited", "overview.py")
    assert built.refresh().jobs == {"overview": 1, "data_package": 1, "evalscope_summary": 1}


def test_an_unmounted_tree_is_an_error_that_changes_nothing(project: Project) -> None:
    tables, work = project.tables(), tree_state(project.folder / ".evalscope-summary")
    project.tree.rename(project.folder / "elsewhere")
    project.tree.mkdir()
    for arguments in (("-n",), ("--forceall",)):
        project.snakemake(*arguments, succeeds=False).fails_with("results", "mounted", "allow_empty")
    project.tree.rmdir()
    project.snakemake(succeeds=False).fails_with("results", "does not exist")
    assert project.tables() == tables
    assert tree_state(project.folder / ".evalscope-summary") == work
    (project.folder / "elsewhere").rename(project.tree)
    assert NOTHING_TO_DO in project.refresh().text


def test_an_unmounted_tree_costs_no_table_even_if_the_work_folder_was_deleted(built: Project) -> None:
    tables = built.tables()
    shutil.rmtree(built.folder / ".evalscope-summary")
    built.tree.rename(built.folder / "elsewhere")
    built.tree.mkdir()
    built.snakemake(succeeds=False).fails_with("results", "mounted", "allow_empty")
    assert built.tables() == tables
    assert not (built.folder / ".evalscope-summary").exists()
    built.snakemake("--config", "allow_empty=true")
    assert all(content.count(b"\n") == 1 for content in built.tables().values())


def test_the_data_package_describes_the_tables_that_are_wanted(project: Project) -> None:
    project.snakemake("--config", "tables=[raw]")
    package = json.loads((project.folder / "summary.datapackage.json").read_bytes())
    assert [resource["name"] for resource in package["resources"]] == ["raw", "problems"]


def edit_a_table(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"mock-7b", b"mine"))


def put_an_older_one_back(path: Path) -> None:
    edit_a_table(path)
    os.utime(path, ns=(1_000_000_000_000_000_000,) * 2)


@pytest.mark.parametrize("change", [edit_a_table, put_an_older_one_back])
@pytest.mark.parametrize("table", ["raw", "stats"])
def test_a_table_that_was_changed_by_hand_is_named_and_made_again(
    project: Project, table: str, change: Callable[[Path], None]
) -> None:
    name = f"summary_{table}.csv"
    for _ in range(2):  # the same change once more
        change(project.folder / name)
        outcome = project.refresh()
        assert f"{name} is not the one that was made" in outcome.text
        assert outcome.read == set()
        assert outcome.jobs["merge"] == (table == "raw")


def test_the_dates_that_snakemake_gives_to_tables_are_known_to_the_next_start(built: Project) -> None:
    noted = {}
    for path in built.folder.glob(".evalscope-summary/output-*/*.made"):
        noted |= json.loads(path.read_bytes())["tables"]
    assert {"summary_raw.csv", "summary_problems.csv", "summary_stats.csv"} <= noted.keys()
    for name, (size, date, _) in noted.items():
        status = (built.folder / name).stat()
        assert (size, date) == (status.st_size, status.st_mtime_ns), name


def test_a_table_that_was_copied_or_touched_is_not_made_again(project: Project) -> None:
    raw = project.folder / "summary_raw.csv"
    raw.touch()
    assert project.refresh().jobs["merge"] == 0
    shutil.copy(raw, project.folder / "copy")
    os.replace(project.folder / "copy", raw)
    outcome = project.refresh()
    assert "is not the one" not in outcome.text
    assert outcome.jobs["merge"] == 0


def test_an_emptied_tree_makes_empty_tables_on_request(project: Project) -> None:
    shutil.rmtree(project.tree)
    project.tree.mkdir()
    project.configure(allow_empty=True)
    assert project.refresh().read == set()
    assert all(content.count(b"\n") == 1 for content in project.tables().values())


def test_a_clock_that_was_set_back_hides_no_change(project: Project) -> None:
    later = time.time_ns() + DAY
    for path in (*(project.folder / name for name in TABLES), *project.folder.glob(".*/**/*")):
        os.utime(path, ns=(later, later))
    project.change(RUN)
    assert project.refresh().read == {RUN}


def test_a_clock_that_was_set_back_alone_reads_nothing(project: Project) -> None:
    later = time.time_ns() + DAY
    for path in (*(project.folder / name for name in TABLES), *project.folder.glob(".*/**/*")):
        os.utime(path, ns=(later, later))
    assert project.refresh().read == set()


def test_a_build_killed_in_the_middle_goes_on_where_it_was(project: Project) -> None:
    before = project.tables()
    changed = {run for run in project.runs() if not run.startswith(("0.8.0", "1.12.0/p2", "0.13.0"))}
    for run in changed:
        project.change(run)
    stop(project.start("--cores", "1", stop_at=4))
    assert project.tables() == before
    records = {run: path.read_bytes() for path, (run, _) in project.record_files().items()}
    project.snakemake("-n")
    outcome = run_after_kill(project)
    after = {run: path.read_bytes() for path, (run, _) in project.record_files().items()}
    assert outcome.read == {run for run in after if after[run] != records[run]}
    assert len(outcome.read) == len(changed) - 3
    assert project.tables() == project.clean_tables()
    assert NOTHING_TO_DO in project.snakemake("-n").text


def run_after_kill(project: Project) -> Outcome:
    """Run again, after unlocking if Snakemake asks for it."""
    outcome = project.snakemake(succeeds=None)
    if outcome.status:
        assert "--unlock" in outcome.text
        assert not outcome.read
        project.snakemake("--unlock")
        outcome = project.snakemake()
    return outcome


def test_a_merge_that_outlived_its_snakemake_leaves_nothing_to_mend(built: Project) -> None:
    """The memory killer takes Snakemake alone: the tables that its job still writes stay marked as incomplete."""
    built.record(RUN).unlink()
    built.configure(columns="all")
    build = built.start("--cores", "1", stop_at=1)
    try:
        build.kill()
        build.wait()
        built.go.touch()
        deadline = time.monotonic() + 60
        while not (built.folder / "summary_problems.csv").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        stop(build)
    built.snakemake("--unlock")
    assert built.snakemake().read == set()
    assert built.tables() == built.clean_tables()
    assert NOTHING_TO_DO in built.snakemake("-n").text


def test_a_dry_run_during_a_build_loses_no_run(project: Project) -> None:
    project.change(RUN)
    project.change(ITS_REPEAT)
    build = project.start("--cores", "1", stop_at=1)
    try:
        add_run(project)
        during = project.meanwhile("-n")
        assert during.status == 0
        assert "another run is under way" in during.text
    finally:
        project.go.touch()
        assert build.wait(60) == 0
    assert NEW_RUN not in (project.folder / "summary_raw.csv").read_text()
    assert project.refresh().read == {NEW_RUN}


def test_a_second_build_meanwhile_is_refused_and_harmless(project: Project) -> None:
    project.change(RUN)
    build = project.start("--cores", "1", stop_at=1)
    try:
        add_run(project)
        second = project.meanwhile()
        assert second.status != 0
        assert "Traceback" not in second.text
    finally:
        project.go.touch()
        assert build.wait(60) == 0
    assert project.refresh().read == {NEW_RUN}
