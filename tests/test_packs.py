"""What carries a batch to a job that shares no files with Snakemake, and back."""

import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import extract_elsewhere
import pytest
from conftest import MIXED, Project, inventory_of
from evalscope_summary import packs
from evalscope_summary.discovery import MissingTree, discover
from evalscope_summary.inventory import Inventory
from evalscope_summary.packs import WrongPlace
from evalscope_summary.records import Records

RUNS = ("1.4.2/p4_n3_flaky/20261124_020527/flaky", os.fsdecode(b"1.9.1 \xff/{it}"))


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Of a tree of two runs, one of which has a name that is no UTF-8."""
    tree = tmp_path / "results"
    for run in RUNS:
        shutil.copytree(MIXED / RUNS[0], tree / run)
    return inventory_of(tree)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "records")


def packed(inventory: Inventory, records: Records, ship_files: bool) -> tuple[Path, int]:
    pack = records.folder.with_name("1-of-1.tar.gz")
    return pack, packs.pack(inventory, records, pack, ship_files)


def read_elsewhere(inventory: Inventory, records: Records, ship_files: bool) -> tuple[int, int]:
    """Pack, read, unpack; returns how many runs were for a job, and how many came back."""
    pack, count = packed(inventory, records, ship_files)
    back = pack.with_name("1-of-1.read.tar.gz")
    list(packs.extract(pack, back))
    return count, packs.unpack(back, inventory, records)


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this is one: all tests here show it")
def test_a_python_that_knows_no_filters_of_archives_will_do(
    inventory: Inventory, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tarfile.TarFile.extractall

    def older(archive: tarfile.TarFile, path: Path) -> None:  # as of Python 3.11.0 to 3.11.3
        newer(archive, path, filter="data")

    monkeypatch.delattr(tarfile, "data_filter")
    monkeypatch.setattr(tarfile.TarFile, "extractall", older)
    assert read_elsewhere(inventory, records, ship_files=True) == (2, 2)


@pytest.mark.parametrize("ship_files", [True, False])
def test_records_of_a_job_elsewhere_are_those_that_are_made_here(
    inventory: Inventory, records: Records, tmp_path: Path, ship_files: bool
) -> None:
    assert read_elsewhere(inventory, records, ship_files) == (2, 2)
    here = Records(tmp_path / "here")
    for run in inventory.sources:
        here.get(inventory, run)
        assert Path(records.path(run)).read_bytes() == Path(here.path(run)).read_bytes()
    assert read_elsewhere(inventory, records, ship_files) == (0, 0), "they are kept"


def test_a_part_that_a_record_has_is_kept_when_another_one_is_read_elsewhere(
    inventory: Inventory, records: Records
) -> None:
    read_elsewhere(inventory, records, True)
    recomputing = replace(inventory, wanted=["recomputed"])
    assert read_elsewhere(recomputing, records, True) == (2, 2)
    assert read_elsewhere(inventory, records, True) == (0, 0)


def becomes_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".aside"))
    path.symlink_to(path.with_suffix(".aside"))


def is_cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def becomes_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("happens", [Path.unlink, becomes_a_link, is_cut_off, becomes_a_pipe])
def test_a_run_whose_files_can_not_be_sent_as_they_were_found_is_left_to_snakemake(
    inventory: Inventory, records: Records, happens: Callable[[Path], None]
) -> None:
    happens(Path(inventory.root, RUNS[0], "benchmark_data.db"))
    assert read_elsewhere(inventory, records, True) == (1, 1)
    assert [Path(records.path(run)).exists() for run in RUNS] == [False, True]


@pytest.mark.parametrize("happens", [Path.unlink, is_cut_off, becomes_a_pipe])
def test_a_job_makes_no_record_of_a_run_that_is_not_as_it_was_found(
    inventory: Inventory, records: Records, happens: Callable[[Path], None]
) -> None:
    happens(Path(inventory.root, RUNS[0], "benchmark_data.db"))
    assert read_elsewhere(inventory, records, False) == (2, 1)
    assert not Path(records.path(RUNS[0])).exists()


def test_a_job_that_can_not_see_the_tree_fails_and_says_what_to_do(
    inventory: Inventory, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, _ = packed(inventory, records, False)
    shutil.rmtree(inventory.root)
    os.mkdir(inventory.root)  # where nothing is mounted
    monkeypatch.setattr(sys, "argv", ["extract_elsewhere.py", str(pack), str(pack.with_name("back"))])
    with pytest.raises(WrongPlace, match=r"none of the 2 runs.*results.*Mount.*`ship_files: true`"):
        extract_elsewhere.main()


def test_a_job_with_another_version_of_the_workflow_fails(inventory: Inventory, records: Records) -> None:
    pack, _ = packed(replace(inventory, readers={"evalscope": "of another version"}), records, True)
    with pytest.raises(WrongPlace, match="another version"):
        list(packs.extract(pack, pack.with_name("back")))


@pytest.mark.parametrize(
    "name", ["records/00/" + 32 * "0" + ".json", "records/../../away", "/tmp/away", "inventory.json"]
)
def test_nothing_is_unpacked_but_records_of_the_batch(inventory: Inventory, records: Records, name: str) -> None:
    pack = records.folder.with_name("back.tar.gz")
    with tarfile.open(pack, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), BytesIO())
    before = set(records.folder.parent.rglob("*"))
    assert packs.unpack(pack, inventory, records) == 0
    assert set(records.folder.parent.rglob("*")) == before


def test_an_address_as_the_tree_is_refused() -> None:
    with pytest.raises(MissingTree, match=r"'s3://bucket/results' is an address.*mounted"):
        discover("s3://bucket/results")


def test_a_tree_in_a_storage_of_snakemake_is_refused(new_project: Callable[..., Project]) -> None:
    project = new_project()
    (project.folder / "Snakefile").write_text(
        f"""
storage: provider="fs"

module bench:
    snakefile: {str(project.checkout / "Snakefile")!r}
    config: {{"results_dir": storage.fs("results")}}

use rule * from bench as bench_*
"""
    )
    project.checkout = project.folder
    project.snakemake(succeeds=False).fails_with("'results_dir' is in a storage", "mounted")
