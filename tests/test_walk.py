"""Who lists folders of the results tree, and how often: on a shared file system each time costs a round trip."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import MIXED, Project

SCRIPTS = Path(__file__).parents[1] / "scripts"
NOTE = """
import os, sys
def note(event, arguments):
    if event in ("os.scandir", "os.listdir") and not isinstance(arguments[0], int):  # rmtree lists open folders
        where = os.path.realpath(arguments[0] or ".")
        with open(os.environ["LISTED"], "a") as file:
            file.write(where + "\\n")
sys.addaudithook(note)
"""


def listed(tree: Path, scratch: Path, folder: Path, *command: str | Path) -> Counter[str]:
    """How often a Python program, or one that it starts, lists each folder of a tree."""
    (scratch / "sitecustomize.py").write_text(NOTE)
    notes = scratch / "listed"
    notes.touch()
    environment = {**os.environ, "PYTHONPATH": f"{scratch}:{SCRIPTS}", "LISTED": str(notes)}
    subprocess.run([sys.executable, *command], cwd=folder, env=environment, check=True, capture_output=True)
    return Counter(line for line in notes.read_text().splitlines() if Path(line).is_relative_to(tree.resolve()))


def test_each_folder_is_listed_once_and_no_other_way(tmp_path: Path) -> None:
    program = "import sys; from evalscope_summary.discovery import discover; discover(sys.argv[1])"
    found = listed(MIXED, tmp_path, tmp_path, "-c", program, str(MIXED))
    assert set(found.values()) == {1}
    assert set(found) == {str(path.resolve()) for path in (MIXED, *MIXED.rglob("*")) if path.is_dir()}


def test_with_nothing_to_do_each_folder_is_listed_once(built: Project, tmp_path: Path) -> None:
    found = listed(built.tree, tmp_path, built.folder, *built.command()[1:])
    del found[str(built.tree.resolve())]  # Snakemake looks for plugins in all folders where it is started
    assert found
    assert set(found.values()) == {1}


@pytest.mark.parametrize("program", ["extract.py", "merge.py"])
def test_jobs_list_no_folder_of_the_tree(built: Project, tmp_path: Path, program: str) -> None:
    (folder,) = built.folder.glob(".evalscope-summary/*/inventory")
    inventories = sorted(path.relative_to(built.folder) for path in folder.iterdir())
    if program == "extract.py":
        largest = max(inventories, key=lambda path: len(json.loads((built.folder / path).read_bytes())["sources"]))
        arguments: list[str | Path] = [largest, largest.stem]
        for record in folder.parent.glob("records/*/*.json"):
            record.unlink()  # so that it reads
    else:
        (settings,) = built.folder.glob(".evalscope-summary/output-*/merge.json")
        outputs = [f"--raw={tmp_path / 'raw.csv'}", f"--problems={tmp_path / 'problems.csv'}"]
        arguments = [settings.relative_to(built.folder), *inventories, *outputs]
    assert not listed(built.tree, tmp_path, built.folder, SCRIPTS / program, *arguments)
