"""The project keeps its own promises: documentation up to date, digests that cover what they must."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "scripts" / "evalscope_summary"


def test_generated_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "scripts" / "document.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_module_and_program_says_what_it_is_for() -> None:
    for file in (*PACKAGE.rglob("*.py"), *(CHECKOUT / "scripts").glob("*.py")):
        assert ast.get_docstring(ast.parse(file.read_text("utf-8"))), file


def test_every_program_has_help() -> None:
    for file in (CHECKOUT / "scripts").glob("*.py"):
        done = subprocess.run([sys.executable, file, "--help"], capture_output=True, text=True, check=True)
        assert "usage:" in done.stdout
        assert len(done.stdout.splitlines()) > 5, file


def git(*arguments: str) -> list[str]:
    """What git says of this checkout."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("this is no clone")
    done = subprocess.run(["git", "-C", CHECKOUT, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_no_tag_is_documented_that_does_not_exist() -> None:
    for name in ("README.md", "README.zh-CN.md", "config/README.md", "report/README.md", "docs/scaling.md"):
        tags = re.findall(r'\btag="([^"<]+)"', (CHECKOUT / name).read_text("utf-8"))
        assert set(tags) <= set(git("tag")), name


def test_what_is_made_in_a_clone_is_ignored_and_what_belongs_to_it_is_not() -> None:
    made = [
        *("results/p1/20260101_000000/m/benchmark_data.db", "summary_raw.csv", "example/summary_stats.csv"),
        *(".snakemake/log", ".evalscope-summary/lock"),
    ]
    example = [str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "example" / "results").rglob("*.json")]
    assert example
    assert git("check-ignore", "--no-index", *made, *example) == made


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_profiles_show_the_logs_of_jobs_that_failed(name: str) -> None:
    profile = yaml.safe_load((CHECKOUT / "profiles" / name / "config.yaml").read_text("utf-8"))
    assert profile["show-failed-logs"] is True
