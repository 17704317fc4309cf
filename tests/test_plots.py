"""The scripts of docs/plots.md draw what the page says, from tables that its command makes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import pytest
from conftest import CHECKOUT

LINES = 15


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw", CHECKOUT / "docs" / "plots" / "draw.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


draw = drawing()
SCRIPTS = dict(zip(draw.pictures(), draw.blocks("python"), strict=True))
MARKS = {
    # picture → how many lines, bars or collections of lines are in it: one for each test, request kind or bar
    "load-curve.png": 4,
    "latency-throughput.png": 5,
    "cdf-ttft.png": 4,
    "over-time.png": 3,
    "comparison.png": 12,
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots")
    draw.make_tables(folder)
    return folder


def test_the_page_has_five_plots_with_their_pictures() -> None:
    assert set(SCRIPTS) == set(MARKS)
    assert all((draw.HERE / picture).stat().st_size > 5000 for picture in SCRIPTS)


@pytest.mark.parametrize("picture", SCRIPTS)
def test_a_script_draws_its_picture(picture: str, tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = SCRIPTS[picture]
    assert len([line for line in script.splitlines() if line]) <= LINES
    monkeypatch.chdir(tables)
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.close("all")
    exec(compile(script, picture, "exec"), {})
    assert (tables / picture).stat().st_size > 5000
    (axes,) = plt.gcf().axes
    with_label = [line for line in axes.lines if not line.get_label().startswith("_")]
    bars = [patch for bars in axes.containers for patch in getattr(bars, "patches", ())]
    lines = [bar for bar in axes.containers if not getattr(bar, "patches", ())]
    lines_of_requests = [one for one in axes.collections if not one.get_label().startswith("_")]
    drawn = bars or [*with_label, *lines, *lines_of_requests]
    assert len(drawn) == MARKS[picture]
    assert axes.get_ylabel()
    assert axes.get_legend()
