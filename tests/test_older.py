"""Tables that stay beside newer ones, and how a start knows which they are."""

import json
import os
from pathlib import Path

import pytest
from conftest import NOTHING_TO_DO, Project
from evalscope_summary import made
from evalscope_summary.older import note_sources, older

TABLES = ("raw.csv", "stats.csv", "raw.json", "stats.json")


def put(tables: Path, rule: str, **settings: object) -> Path:
    path = tables / "work" / f"{rule}.json"
    path.write_text(json.dumps(settings))
    return path


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    """A chain of tables: raw → stats, and each → JSON."""
    found = [tmp_path / name for name in TABLES]
    raw, stats, *exported = found
    (tmp_path / "work").mkdir()
    for path in found:
        path.write_text("first")
    made.note(put(tmp_path, "merge", metrics="reported"), [raw])
    note_sources(put(tmp_path, "stats", group_by=["config"], program="1", again="1"), [stats], [raw])
    settings = put(tmp_path, "export", columns="standard")
    for target, source in zip(exported, (raw, stats), strict=True):
        note_sources(settings, [target], [source])
    return found


def named(tables: list[Path]) -> set[str]:
    return {path.name for path in older(tables, tables[0].parent / "work")}


def test_what_was_made_of_the_tables_of_now_is_not_older(tables: list[Path]) -> None:
    assert named(tables) == set()


def test_what_was_made_of_another_table_is_older_with_all_that_was_made_of_it(tables: list[Path]) -> None:
    tables[0].write_text("other")
    assert named(tables) == {"stats.csv", "raw.json", "stats.json"}


def test_contents_decide_and_not_dates(tables: list[Path]) -> None:
    date = tables[0].stat().st_mtime_ns
    tables[0].write_text("first")
    os.utime(tables[0], ns=(date + 10**12, date + 10**12))
    assert named(tables) == set()
    tables[0].write_text("FIRST")
    os.utime(tables[0], ns=(date - 10**12, date - 10**12))
    assert "raw.json" in named(tables)


def test_other_settings_make_a_table_older_and_another_program_does_not(tables: list[Path]) -> None:
    put(tables[0].parent, "stats", group_by=["config"], program="2", again="2")
    assert named(tables) == set()
    put(tables[0].parent, "stats", group_by=["model"], program="2", again="2")
    assert named(tables) == {"stats.csv", "stats.json"}


def test_what_nobody_noted_or_somebody_replaced_is_not_judged(tables: list[Path]) -> None:
    tables[0].write_text("other")
    tables[2].write_text("mine!")
    tables[1].unlink()
    notes = tables[0].parent / "work" / "made-of"
    (notes / "stats.json.json").write_text('{"rule": 1}')
    assert named(tables) == set()
    (notes / "stats.json.json").unlink()
    assert named(tables) == set()


def test_each_start_says_which_tables_are_older(built: Project) -> None:
    built.snakemake("summary_raw.json", "summary.xlsx")
    arguments = ("summary_stats.csv", "--config", "metrics=recomputed")
    for outcome in (built.snakemake(*arguments), built.snakemake(*arguments)):
        (line,) = [line for line in outcome.text.splitlines() if "older than the tables beside them" in line]
        for name in ("summary_raw.json", "summary.xlsx", "summary_overview.md", "summary.datapackage.json"):
            assert name in line
        assert "summary_stats.csv" not in line
    assert NOTHING_TO_DO in outcome.text
    outcome = built.snakemake("evalscope_summary", "summary_raw.json", "summary.xlsx", "--config", "metrics=recomputed")
    assert "older than" not in outcome.text
