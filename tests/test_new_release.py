"""Supporting a new evalscope release takes rows in its formats, one fixture and `make docs`: tried on a copy of the
project with a pretended release."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT
from evalscope_summary.readers.evalscope import formats
from evalscope_summary.readers.releases import release

NEWEST = formats.ARGS_MARKS[0][1]
NEXT = ".".join(map(str, (release(NEWEST)[0], release(NEWEST)[1] + 1, 0)))
KEY, OLD_KEY = "Mean Latency (s)", formats.SUMMARY_KEYS["latency"][0]
CONCERNED = ("test_formats.py", "test_golden.py", "test_run.py", "test_groups.py", "test_project.py")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a release that renamed a key and added an argument."""
    folder = tmp_path_factory.mktemp("project") / "evalscope-summary"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    path = folder / "scripts/evalscope_summary/readers/evalscope/formats.py"
    lines = path.read_text("utf-8").splitlines()
    marks = next(i for i, line in enumerate(lines) if line.startswith("ARGS_MARKS"))
    first = next(i for i in range(marks, len(lines)) if lines[i].startswith('    ("'))
    lines.insert(first, f'    ("novelty", "{NEXT}"),')
    at = next(i for i, line in enumerate(lines) if f'"{OLD_KEY}"' in line)
    lines[at] = lines[at].replace(f'"{OLD_KEY}"', f'"{KEY}", "{OLD_KEY}"')
    path.write_text("\n".join(lines) + "\n", "utf-8")

    runs = folder / "tests/fixtures/runs"
    shutil.copytree(runs / NEWEST / "single", runs / NEXT / "single")
    for args in (runs / NEXT).rglob(formats.ARGS):
        args.write_text(json.dumps(json.loads(args.read_text()) | {"novelty": None}, indent=4))
        summary = args.with_name(formats.SUMMARY)
        summary.write_text(summary.read_text().replace(OLD_KEY, KEY))
    subprocess.run([sys.executable, "scripts/document.py"], cwd=folder, check=True)
    return folder


def test_the_tests_concerned_pass(copy: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *(f"tests/{name}" for name in CONCERNED)], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert re.search(r"\d+ passed", done.stdout)


def test_the_run_is_read_and_known_to_be_of_the_new_release(copy: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, 'scripts')\n"
        "from evalscope_summary.discovery import discover\n"
        "from evalscope_summary.records import read_source\n"
        "for release in sys.argv[1:]:\n"
        "    root = f'tests/fixtures/runs/{release}/single/results'\n"
        "    for path, (names, signature) in discover(root).sources.items():\n"
        "        (record,) = read_source(root, path, names, signature, set())\n"
        "        print(*(record.values.get(c) for c in ('evalscope_at_least', 'evalscope_below', 'latency')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, NEXT, NEWEST], cwd=copy, capture_output=True, text=True, check=True
    )
    new, old = (line.split() for line in done.stdout.splitlines())
    assert new == [NEXT, "None", old[2]]
    assert old[:2] == [NEWEST, NEXT]


def test_nothing_else_had_to_be_edited(copy: Path) -> None:
    generated = subprocess.run(
        [sys.executable, "scripts/document.py", "--check"], cwd=copy, capture_output=True, text=True, check=False
    )
    assert generated.returncode == 0, generated.stdout
    changed = {
        str(path.relative_to(copy))
        for path in copy.rglob("*")
        if path.is_file()
        and not {"__pycache__", ".hypothesis", ".pytest_cache"} & {*path.parts}
        and not (
            (CHECKOUT / path.relative_to(copy)).exists()
            and (CHECKOUT / path.relative_to(copy)).read_bytes() == path.read_bytes()
        )
    }
    edited = {name for name in changed if not name.startswith(f"tests/fixtures/runs/{NEXT}/")}
    assert edited == {"scripts/evalscope_summary/readers/evalscope/formats.py", "docs/columns.md"}
