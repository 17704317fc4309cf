"""The promises of SECURITY.md are those that tests show."""

import ast
import re

import pytest
from conftest import CHECKOUT

TEXT = (CHECKOUT / "SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`]*)`", TEXT)))


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_exists(named: str) -> None:
    file, _, function = named.partition("::")
    path = CHECKOUT / file
    assert path.is_file(), f"SECURITY.md names {file}"
    tests = {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}
    assert function in tests or (not function and any(name.startswith("test_") for name in tests))


def test_every_promise_names_a_test() -> None:
    promised = TEXT.partition("## What is promised")[2].partition("## What is not promised")[0]
    rows = [line for line in promised.splitlines() if line.startswith("| ") and "---" not in line]
    without = [row for row in rows if "`tests/" not in row and row != "| promise | shown by |"]
    assert len(rows) > 10
    assert without == []


@pytest.mark.parametrize("file", ["test_secrets.py", "test_hostile.py"])
def test_every_test_of_secrets_and_hostile_strings_stands_behind_a_promise(file: str) -> None:
    aids = {
        "test_the_search_for_secrets_sees_into_every_format",
        "test_the_plain_command_writes_the_same_bytes",
        "test_a_problem_names_a_folder_as_the_table_does",
        "test_what_was_made_printable_stays_as_it_is",
    }
    tests = ast.parse((CHECKOUT / "tests" / file).read_text("utf-8")).body
    names = {node.name for node in tests if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
    assert {name for name in names - aids if f"tests/{file}::{name}" not in NAMED} == set()
