"""What several starts share (a tree's work folder, the tables), by whatever name they call it: no start changes what
another one works with, and none takes what was made for another one."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import MIXED, NOTHING_TO_DO, Project, rows_of, tree_state

RUN = "1.4.2/p1_n5_dp_short/20261124_021947/mock-7b"
ONE_RUN = MIXED / "1.9.1"
"""A tree of one run."""


@contextmanager
def held(project: Project) -> Iterator[None]:
    """Meanwhile the workflow makes its tables: it holds where merging reads a run whose record is gone."""
    project.record(RUN).unlink()
    project.configure(columns="all")
    process = project.start("--cores", "1", stop_at=1)
    try:
        yield
    finally:
        project.go.touch()
        assert process.wait(60) == 0


def outputs_state(project: Project) -> dict[str, tuple[object, ...]]:
    """Everything that tables are made with, and the second names of the tables."""
    folders = project.folder.glob(".evalscope-summary/output-*")
    states = {path: state for folder in folders for path, state in tree_state(folder).items() if "/logs" not in path}
    return states | {str(path): (path.stat().st_ino,) for path in project.folder.glob(".summary*")}


def test_a_dry_run_beside_a_run_changes_nothing_of_it_whatever_it_calls_the_tree(built: Project) -> None:
    shutil.copytree(ONE_RUN, built.folder / "other")
    with held(built):
        before = outputs_state(built)
        for settings in ([f"results_dir={built.tree}", "columns=standard"], ["results_dir=other"]):
            dry = built.meanwhile("--config", *settings, "-n")
            assert "another run is under way" in dry.text
            assert outputs_state(built) == before
        assert any(".before" in path for path in before)
    assert built.tables() == built.clean_tables()


def test_another_output_beside_a_run_has_its_own_settings(built: Project) -> None:
    built.snakemake("--config", "output=other")
    with held(built):
        beside = built.meanwhile("--config", "output=other", "group_by=[model]", "columns=standard")
        assert beside.status == 0, beside.text
        rows = rows_of(built.folder / "other_stats.csv")
        assert len({row["model"] for row in rows}) == len(rows)
    assert built.tables() == built.clean_tables()


def test_a_start_that_wants_other_settings_for_tables_that_are_being_made_is_refused(
    built: Project, new_project: Callable[..., Project]
) -> None:
    elsewhere = new_project(tree=None, name="elsewhere")
    shared = [f"{key}={built.folder / name}" for key, name in (("results_dir", "results"), ("output", "summary"))]
    work = f"work_dir={built.folder / '.evalscope-summary'}"
    with held(built):
        before = outputs_state(built)
        beside = elsewhere.meanwhile("--set-scatter", "evalscope_runs=8", "--config", *shared, work)
        beside.fails_with("another run is under way", "wait until it has ended")
        assert outputs_state(built) == before
    assert built.tables() == built.clean_tables()


def test_two_folders_that_share_a_work_folder_keep_to_themselves(new_project: Callable[..., Project]) -> None:
    first, second = new_project(name="first"), new_project(ONE_RUN, name="second")
    for project in (first, second, first):
        assert project.meanwhile("--config", "work_dir=../work").status == 0
        assert project.tables() == project.clean_tables()
    assert NOTHING_TO_DO in second.meanwhile("-n", "--config", "work_dir=../work").text


def test_two_spellings_of_one_output_are_one_output(built: Project) -> None:
    built.arguments = ("--rerun-triggers", "mtime")
    shutil.copytree(ONE_RUN, built.folder / "other")
    absolute = f"output={built.folder}/summary"
    for settings in (["group_by=[model]"], ["results_dir=other"], ["tables=[raw]", "columns=all"]):
        built.snakemake("--config", absolute, *settings)
        assert built.tables() != built.clean_tables()
        assert built.refresh().read == set()


def test_two_spellings_of_one_tree_are_one_tree(built: Project) -> None:
    (built.folder / "link").symlink_to("results")
    for spelling in ("link", "./results/", str(built.tree)):
        outcome = built.snakemake("--config", f"results_dir={spelling}")
        assert outcome.read == set()
        assert NOTHING_TO_DO in outcome.text


def test_a_project_that_is_moved_as_a_whole_reads_nothing(built: Project, tmp_path: Path) -> None:
    built.folder = built.folder.rename(tmp_path / "moved")
    assert NOTHING_TO_DO in built.snakemake().text
    built.change(RUN)
    assert built.refresh().read == {RUN}


@pytest.mark.parametrize("triggers", [(), ("--rerun-triggers", "mtime")])
def test_with_a_clock_that_was_set_back_each_of_two_outputs_loses_a_removed_run(
    built: Project, triggers: tuple[str, ...]
) -> None:
    built.arguments = triggers
    built.snakemake("--config", "output=other")
    later = time.time_ns() + 86_400_000_000_000
    for path in (*built.folder.glob("*.*"), *built.folder.glob(".*/**/*")):
        os.utime(path, ns=(later, later))
    shutil.rmtree(built.tree / RUN)
    for output in ("summary", "other"):
        assert built.snakemake("--config", f"output={output}").read == set()
        assert RUN not in {row["run"] for row in rows_of(built.folder / f"{output}_raw.csv")}
