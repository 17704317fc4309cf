"""The program of rule `merge`, called as a function."""

import sys
from pathlib import Path

import merge
import pytest
from conftest import Project


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_number_of_processes_does_not_matter(
    built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    (settings,) = built.folder.glob(".evalscope-summary/output-*/merge.json")
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
