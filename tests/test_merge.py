"""The program of rule `merge`, called as a function."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import merge
import pytest
from conftest import MIXED, Project, clean_tables
from evalscope_summary import discovery
from evalscope_summary.digests import of_program
from evalscope_summary.inventory import Inventory, WorkFolder, inventories, place
from evalscope_summary.layouts import GROUP_SETTINGS, MERGE_SETTINGS
from evalscope_summary.records import Records
from evalscope_summary.settings import complete

BATCHES = 3
NAMES = ("summary_raw.csv", "summary_problems.csv")


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_number_of_processes_does_not_matter(
    built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    (settings,) = built.folder.glob(".evalscope-summary/output-*/merge.json")
    shutil.rmtree(settings.parent / "rows")
    inventories = sorted(built.folder.glob(".evalscope-summary/*/inventory/*.json"))
    made = {name: tmp_path / f"summary_{name}.csv" for name in ("raw", "problems")}
    files = [f"--{name}={path}" for name, path in made.items()]
    monkeypatch.chdir(built.folder)
    monkeypatch.setattr(merge, "_FEW", 0)
    monkeypatch.setattr(
        sys, "argv", ["merge.py", *map(str, [settings, *reversed(inventories)]), *files, "--threads", threads]
    )
    merge.main()
    for path in made.values():
        assert path.read_bytes() == (built.folder / path.name).read_bytes()


class Merging:
    """A project with the tree `mixed`, without Snakemake.

    Attributes:
        folder: of the project; the working directory.
        asked: the batches of which records were asked for since `tables`.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.asked: set[str] = set()
        self._monkeypatch = monkeypatch
        shutil.copytree(MIXED, folder / "results")
        monkeypatch.chdir(folder)
        self.work = WorkFolder.of("work", "results", "summary")
        self.work.outputs.mkdir(parents=True)
        self.discover()
        make = merge.Batches.make

        def noted(batches: merge.Batches, path: Path, inventory: Inventory) -> tuple[bytes, bytes]:
            self.asked.add(path.stem)
            return make(batches, path, inventory)

        monkeypatch.setattr(merge.Batches, "make", noted)

    def discover(self, batches: int = BATCHES, **settings: object) -> None:
        """What a start does; settings are those of the configuration."""
        config = complete(settings)
        found = inventories(place("results", "work"), discovery.discover("results"), config, batches)
        self.inventories = [self.work.trees[0].inventory(f"{number + 1}-of-{batches}") for number in range(batches)]
        self.inventories[0].parent.mkdir(parents=True, exist_ok=True)
        for path, inventory in zip(self.inventories, found, strict=True):
            path.write_bytes(inventory.dump())
        own = {key: config[key] for key in (*MERGE_SETTINGS, *GROUP_SETTINGS, "columns", "csv_bom")}
        self.work.settings("merge").write_text(
            json.dumps(own | {"trees": self.work.names, "program": of_program("merge.py")})
        )

    @property
    def kept(self) -> list[Path]:
        """The files with the rows of batches."""
        return sorted((self.work.outputs / "rows").iterdir())

    def tables(self) -> dict[str, bytes]:
        """What the program makes."""
        self.asked.clear()
        files = [f"--{table}=summary_{table}.csv" for table in ("raw", "problems")]
        arguments = [self.work.settings("merge"), *self.inventories]
        self._monkeypatch.setattr(sys, "argv", ["merge.py", *map(str, arguments), *files])
        merge.main()
        return {name: (self.folder / name).read_bytes() for name in NAMES}

    def clean(self, **settings: object) -> dict[str, bytes]:
        """What they should be."""
        made = clean_tables(self.folder / "results", settings, self.folder)
        return {name: made[name] for name in NAMES}

    def change(self) -> str:
        """Change a run; returns its batch."""
        run = "1.4.2/p1_n5_dp_short/20261124_021947/mock-7b"
        Project(self.folder, self.folder, self.folder).change(run)
        self.discover()
        return next(path.stem for path in self.inventories if f'"{run}"' in path.read_text())


@pytest.fixture
def merging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merging:
    folder = tmp_path / "project"
    folder.mkdir()
    return Merging(folder, monkeypatch)


@pytest.mark.parametrize("batches", [1, 64])
def test_tables_are_the_same_of_kept_rows_and_of_any_number_of_batches(merging: Merging, batches: int) -> None:
    merging.discover(batches)
    assert merging.tables() == merging.clean()
    assert len(merging.asked) == len(merging.kept) == batches
    assert merging.tables() == merging.clean()
    assert merging.asked == set()


def test_only_a_batch_that_changed_is_made_of_its_records(merging: Merging) -> None:
    before = merging.tables()
    changed = merging.change()
    after = merging.tables()
    assert merging.asked == {changed}
    assert after == merging.clean() != before


def test_other_settings_of_rows_make_them_again_and_those_of_groups_do_not(merging: Merging) -> None:
    merging.tables()
    merging.discover(group_by=["model"])
    assert merging.tables() == merging.clean(group_by=["model"])
    assert merging.asked == set()
    for settings in ({"columns": "all"}, {"metrics": "recomputed"}, {"label_pattern": "(?P<release>[0-9.]+)/"}):
        merging.discover(**settings)
        assert merging.tables() == merging.clean(**settings)
        assert len(merging.asked) == BATCHES, settings


def _without_end(data: bytes) -> bytes:
    return data[:-1]


def _other_line(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def _other_head(data: bytes) -> bytes:
    return data.replace(b'"sources":', b'"sourced":')


def _other_length(data: bytes) -> bytes:
    return data[:72] + b"ffffffff" + data[80:]


@pytest.mark.parametrize(
    "damage",
    [
        _without_end,
        _other_line,
        _other_head,
        _other_length,
        lambda data: b"",
        lambda data: data[:40],
        lambda data: None,
    ],
)
def test_damaged_rows_are_made_again_and_change_no_other(
    merging: Merging, damage: Callable[[bytes], bytes | None]
) -> None:
    tables = merging.tables()
    whole = {path: path.read_bytes() for path in merging.kept}
    for path, data in whole.items():
        damaged = damage(data)
        assert damaged != data
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        assert merging.tables() == tables
        assert merging.asked == {path.name}
        assert {path: path.read_bytes() for path in merging.kept} == whole


def test_rows_of_another_batch_are_not_taken_for_those_of_this_one(merging: Merging) -> None:
    tables = merging.tables()
    first, second, _ = merging.kept
    shutil.copy(second, first)
    assert merging.tables() == tables
    assert merging.asked == {first.name}


def test_what_was_kept_of_batches_that_are_gone_is_removed(merging: Merging) -> None:
    merging.discover(5)
    merging.tables()
    (merging.kept[0].parent / ".1-of-5.4711.tmp").touch()  # of a killed one
    merging.discover(2)
    assert merging.tables() == merging.clean()
    assert [path.name for path in merging.kept] == ["1-of-2", "2-of-2"]


def test_where_records_were_deleted_runs_are_read_again(merging: Merging) -> None:
    tables = merging.tables()
    shutil.rmtree(merging.work.trees[0].path / "records")
    assert merging.tables() == tables
    assert merging.asked == {path.stem for path in merging.inventories if Inventory.load(path).sources}
    assert merging.work.trees[0].has_records()


def test_a_run_that_could_not_be_read_as_it_is_keeps_no_rows_for_the_next_start(
    merging: Merging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record has no signature, whatever it says: the next one may say something else under the same inventory."""
    batch = merging.change()
    corrected = Records.corrected

    def unsettled(records: Records, inventory: Inventory) -> Inventory:
        for source, claimed in inventory.sources.items():
            records._changed[source] = (claimed.signature, {})
        return corrected(records, inventory)

    monkeypatch.setattr(Records, "corrected", unsettled)
    merging.tables()
    merging.tables()
    assert batch in merging.asked
    assert batch not in [path.name for path in merging.kept]
