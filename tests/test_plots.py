"""The scripts of docs/plots.md, run on tables of the example. They need matplotlib, which the extra `dev` has."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import CHECKOUT

_MOST_LINES = 15


def _program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plots_program", CHECKOUT / "scripts" / "plots.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


plots = _program()
SCRIPTS = {re.findall(r'savefig\("(.*?)"', script)[0]: script for script in plots.blocks("python")}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    plots.make_tables(folder)
    return folder


def test_the_page_has_five_plots_with_pictures() -> None:
    page = (CHECKOUT / "docs" / "plots.md").read_text("utf-8")
    assert re.findall(r"\(plots/(.*?)\)", page) == list(SCRIPTS)
    assert len(SCRIPTS) == 5
    assert {path.name for path in (CHECKOUT / "docs" / "plots").iterdir()} == set(SCRIPTS)


@pytest.mark.parametrize("picture", SCRIPTS)
def test_each_script_draws_its_picture(picture: str, tables: Path) -> None:
    assert len(SCRIPTS[picture].splitlines()) <= _MOST_LINES
    plots.draw(SCRIPTS[picture], tables)
    assert (tables / picture).read_bytes().startswith(b"\x89PNG")
