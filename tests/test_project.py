"""The project keeps its own promises: documentation up to date, digests that cover what they must."""

import ast
import subprocess
import sys
from pathlib import Path

from evalscope_summary import inventory, workflow

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "scripts" / "evalscope_summary"


def imported_by(module: str) -> set[str]:
    """The modules of the package that a module needs, directly or through others."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = Path(name).parents[node.level - 1]
                modules = [node.module] if node.module else [alias.name for alias in node.names]
                waiting.extend(str(folder / module.replace(".", "/")) for module in modules)
    return found


def test_generated_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "scripts" / "document.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


ELSEWHERE = {"discovery", "progress"}
"""Modules that don't decide what outputs hold: where the runs are found, and what is shown meanwhile."""


def imported_by_program(program: str) -> set[str]:
    """The modules of the package that a program in `scripts/` needs."""
    tree = ast.parse((CHECKOUT / "scripts" / program).read_text("utf-8"))
    names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    own = [
        name.removeprefix("evalscope_summary.").replace(".", "/")
        for name in names
        if name.startswith("evalscope_summary.")
    ]
    return set().union(*(imported_by(name) for name in own))


def test_the_extractors_digest_covers_every_module_that_makes_a_record() -> None:
    assert imported_by_program(inventory.RECORD_PROGRAM) - ELSEWHERE <= set(inventory.RECORD_MODULES)


def test_the_digest_of_a_rule_covers_what_its_program_computes_with() -> None:
    for rule, (modules, _) in workflow._RULES.items():
        needed = imported_by_program(f"{rule}.py") - {*ELSEWHERE, *inventory.RECORD_MODULES}
        assert needed == set(modules), rule


def test_every_module_and_program_says_what_it_is_for() -> None:
    for file in (*PACKAGE.rglob("*.py"), *(CHECKOUT / "scripts").glob("*.py")):
        assert ast.get_docstring(ast.parse(file.read_text("utf-8"))), file


def test_every_program_has_help() -> None:
    for file in (CHECKOUT / "scripts").glob("*.py"):
        done = subprocess.run([sys.executable, file, "--help"], capture_output=True, text=True, check=True)
        assert "usage:" in done.stdout
        assert len(done.stdout.splitlines()) > 5, file
