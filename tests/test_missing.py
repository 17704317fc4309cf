"""A wrong Python or a missing library is a message that says which, and what to do; a closed pipe is nothing to say."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT

PROGRAMS = sorted(path.name for path in (CHECKOUT / "scripts").glob("*.py") if path.name != "document.py")
NEED_NONE = {"say.py", "strict.py", "request_table.py"}  # the standard library will do

# A Python that lacks all that is installed: `-S` leaves out where libraries are. It stands in for another version, too.
RUN = """
import runpy, sys
if sys.argv[2]:
    sys.version_info = tuple(map(int, sys.argv[2].split(".")))
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
program, sys.argv = sys.argv[1], ["program", "--help"]
runpy.run_path(program, run_name="__main__")
"""


def said(program: str, version: str = "", language: str = "C") -> str:
    command = [sys.executable, "-S", "-c", RUN, str(CHECKOUT / "scripts" / program), version]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env={"LC_ALL": language, "PATH": ""})
    assert done.returncode == 1, done.stdout
    return done.stderr


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name not in NEED_NONE])
def test_a_missing_library_is_named_with_what_to_do(program: str) -> None:
    (line,) = said(program).splitlines()
    assert line.startswith("evalscope-summary: the library ")
    assert f"is missing in this Python ({sys.executable})" in line
    assert f"{sys.executable} -m pip install " in line


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_old_python_is_named_with_what_to_do(program: str) -> None:
    (line,) = said(program, "3.10.1").splitlines()
    assert "Python 3.11 or later is needed" in line
    assert sys.executable in line


def test_an_old_python_is_named_in_chinese_too_also_by_make() -> None:
    for program, advice in (("stats.py", "的环境中的 Python"), ("evalscope_summary/old_pythons.py", "make PYTHON=")):
        (line,) = said(program, "3.10.1", "zh_CN.UTF-8").splitlines()
        assert line.startswith("evalscope-summary: 需要 Python 3.11 或更高版本，而当前是 ")
        assert advice in line


@pytest.mark.parametrize("program", [*PROGRAMS, "evalscope_summary/__init__.py", "evalscope_summary/old_pythons.py"])
def test_an_old_python_understands_as_much_as_is_needed_to_say_so(program: str) -> None:
    ast.parse(Path(CHECKOUT, "scripts", program).read_text("utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_pipe_that_closes_early_is_no_traceback(program: str, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, CHECKOUT / "scripts" / program, "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert done.stderr == ""
