"""The report: its workflow, and its page as people use it, in a browser without a network."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest
from evalscope_summary.columns import FURTHER, STANDARD
from evalscope_summary.layouts import PROBLEM_COLUMNS
from evalscope_summary.problems import Problem
from evalscope_summary.readers.evalscope import definitions

pytest.importorskip("vl_convert", reason="the dependencies of the report are not installed: pip install '.[report]'")

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT / "report"))

from evalscope_report.content import TEXT, content  # noqa: E402
from figure import FIGURES, specification  # noqa: E402
from page import script, write_page  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CANARY = "</script><img src=x onerror=window.canary=1><b onclick='canary=1'>{{7*7}}"
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


def benchmark() -> ModuleType:
    """The program that makes tables of any size for the page."""
    spec = importlib.util.spec_from_file_location("report_benchmark", CHECKOUT / "benchmarks" / "report.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Tables of 16 groups of five runs that cross releases, with hostile names everywhere in two of them."""
    made = list(benchmark().rows(80))
    for row in made[:10]:
        row |= {"config": f"a {CANARY}", "model": CANARY, "dataset": CANARY, "name": f"n {CANARY}", "api": CANARY}
        row["run"] += f"/{CANARY}"
    problems = [Problem("warning", "duplicate-run", made[0]["run"], CANARY, f"found {CANARY}")]
    problems.append(Problem("skipped", CANARY, f"{CANARY}/20260101_000000", CANARY, CANARY))
    written: list[Path] = benchmark().write_tables(tmp_path_factory.mktemp("tables"), made, problems)
    return written


@pytest.fixture(scope="module")
def html(tables: list[Path]) -> Path:
    """The page of these tables."""
    output = tables[0].with_name("summary_report.html")
    write_page(*tables, output=output)
    return output


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium that reaches no network."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Any, html: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page; afterwards checks that it wrote no error, ran no canary and asked for nothing."""
    opened, wrong, requests = [], [], []

    def open_page(fragment: str = "", path: Path = html, **options: Any) -> Any:
        context = browser.new_context(offline=True, viewport={"width": 1366, "height": 768}, **options)
        page = context.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{path.as_uri()}{fragment}")
        page.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
        page.evaluate("report.drawAll()")
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        assert page.evaluate("window.canary") is None
        assert page.locator("main img, #filters img, main b").count() == 0
        page.context.close()
    assert wrong == []
    assert {url.split(":")[0] for url in requests} <= {"file", "data", "blob"}
    assert sum(url.startswith("file:") for url in requests) == len(opened), "a page asked for another file"


def marks(page: Any, chart: str) -> int:
    """How many things a chart shows."""
    count = """(chart) => {
        const isData = (mark) => /^(layer_|child_)/.test(mark.name ?? "");
        const inner = (group) => group.items.flatMap((item) => item.items);
        const data = (mark) => mark.marktype === "group" ? inner(mark).reduce((sum, one) => sum + data(one), 0)
            : isData(mark) ? mark.items.length : 0;
        return data(report.views.get(chart).view.scenegraph().root);
    }"""
    number: int = page.evaluate(count, chart)
    return number


def rows(page: Any, table: str) -> list[dict[str, Any]]:
    """The rows that a table shows, in its order."""
    shown: list[dict[str, Any]] = page.evaluate("(table) => report.grids.get(table).getData('active')", table)
    return shown


def settle(page: Any) -> None:
    """Wait until all that changed is drawn."""
    page.evaluate("report.drawAll()")


# --- the workflow ------------------------------------------------------------------------------------------------


def snakemake(folder: Path, *arguments: str) -> str:
    """Run the report's workflow on the example."""
    command = [sys.executable, "-m", "snakemake", "-s", str(CHECKOUT / "report" / "Snakefile"), "--cores", "2"]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_workflow_makes_page_and_figures_and_goes_into_snakemakes_report(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    config = {"results_dir": str(CHECKOUT / "example" / "results"), "output": "tables/july", "batches": 1}
    (tmp_path / "config" / "config.yaml").write_text(json.dumps(config))
    targets = ["tables/july_report.html", "tables/july_figures/over_time.svg", "tables/july_figures/load_curves.png"]
    snakemake(tmp_path, *targets)
    page, vector, pixels = (tmp_path / target for target in targets)
    assert "<title>july</title>" in page.read_text()
    assert "1.12.0" in vector.read_text(), "no mark where a definition changes"
    assert pixels.read_bytes().startswith(b"\x89PNG")
    rest = snakemake(tmp_path, "-n")
    assert all(f"output: tables/july_figures/{name}.svg" in rest for name in FIGURES if name != "over_time")
    assert "rule page:" not in rest, "it would be made again"
    snakemake(tmp_path, *targets, "--report", "report.html")
    assert (tmp_path / "report.html").stat().st_size > 1e6


# --- the page ----------------------------------------------------------------------------------------------------


@needs_chromium
def test_every_chart_has_marks_in_both_languages_and_themes_and_widths(show: Callable[..., Any]) -> None:
    page = show(color_scheme="dark")
    for chart in FIGURES:
        assert marks(page, chart) > 10, chart
    assert page.locator("#over_time li").count() > 2, "changes of definition are not listed"
    page.select_option("#lang", "zh")
    settle(page)
    assert page.locator("#overview h2").inner_text() == "概览"
    assert all(marks(page, chart) > 10 for chart in FIGURES)
    phone = show(
        "#theme=light&load_curves.facet=prompt_length&load_curves.log=x&load_curves.log=y", color_scheme="dark"
    )
    phone.set_viewport_size({"width": 390, "height": 800})
    assert phone.evaluate("document.documentElement.dataset.theme") == "light"
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert marks(phone, "load_curves") > 10


@needs_chromium
def test_a_filter_changes_charts_and_tables_alike_and_a_link_restores_the_view(show: Callable[..., Any]) -> None:
    page = show()
    before = {chart: marks(page, chart) for chart in FIGURES}
    assert (len(rows(page, "raw")), len(rows(page, "stats"))) == (80, 16)
    page.click("[data-filter=prompt_length] summary")
    page.check("[data-filter=prompt_length] input[value=short]")
    page.keyboard.press("Escape")
    settle(page)
    shown = rows(page, "raw")
    assert {row["prompt_length"] for row in shown} == {"short"}
    assert {row["prompt_length"] for row in rows(page, "stats")} == {"short"}
    assert 0 < len(shown) < 80
    assert f"{len(shown)} of 80" in page.locator("#shown").inner_text()
    for chart in FIGURES:
        assert 0 < marks(page, chart) < before[chart], chart
    page.fill("input[name=to]", "2026-04-01T00:00:00")
    page.locator("#stats .tabulator-col[tabulator-field=parallel]").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.fill("[name='stats.search']", "model")
    page.check("[name='stats.statistics'][value=std]")
    page.locator("#stats .tabulator-row input").first.check()
    page.select_option("[name='load_curves.y']", "99p_ttft_")
    settle(page)
    first = rows(page, "stats")
    assert [row["parallel"] for row in first] == sorted((row["parallel"] for row in first), reverse=True)
    assert "ttft_std" in first[0]
    assert all(row["timestamp"] < "20260401" for row in rows(page, "raw"))
    again = show(page.evaluate("location.hash"))
    assert rows(again, "stats") == first
    assert rows(again, "raw") == rows(page, "raw")
    for chart in FIGURES:
        assert marks(again, chart) == marks(page, chart), chart
    assert again.input_value("[name='load_curves.y']") == "99p_ttft_"
    again.click("#reset")
    settle(again)
    assert len(rows(again, "raw")) == 80


@needs_chromium
def test_tables_sort_search_filter_and_give_what_they_show(show: Callable[..., Any]) -> None:
    page = show("#stats.header=on&stats.sort=config&stats.sort=asc")
    assert rows(page, "stats")[0]["config"].startswith("a <"), "other than natural order"
    page.click("#raw .tabulator-col[tabulator-field=ttft] .tabulator-col-title")
    values = [row["ttft"] for row in rows(page, "raw")]
    assert values == sorted(values)
    page.locator("#stats .tabulator-col[tabulator-field=parallel] input").press_sequentially(">8")
    page.wait_for_timeout(600)  # Tabulator waits for the end of typing
    assert {row["parallel"] for row in rows(page, "stats")} == {16, 32, 64, 128}
    with page.expect_download() as download:
        page.click("#stats button:has-text('CSV')")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[0].startswith("config,count,model,parallel,")
    assert len(lines) == 1 + len(rows(page, "stats"))
    page.evaluate("addEventListener('copy', (event) => (window.copied = event.clipboardData.getData('text/plain')))")
    page.click("#stats button:has-text('Copy')")
    assert page.locator("#said").inner_text() == f"{len(lines) - 1} rows are in the clipboard."
    assert page.evaluate("window.copied").split("\n")[0] == lines[0].replace(",", "\t")


@needs_chromium
def test_hostile_names_are_text_everywhere(show: Callable[..., Any]) -> None:
    page = show("#model=<img src=x onerror=window.canary=1>&load_curves.y=<b>&lang=<b>&stats.search=<img src=x>")
    page.click("#reset")
    page.fill("[name='stats.search']", "")
    settle(page)
    for table in ("stats", "raw", "problems"):
        assert CANARY in page.locator(f"#{table} .tabulator-tableholder").inner_text(), table
    assert CANARY in page.locator("#overview .codes").inner_text()
    page.click("[data-filter=model] summary")
    assert CANARY in page.locator("[data-filter=model] .values").inner_text()
    page.check("[data-filter=model] .values input >> nth=0")
    page.keyboard.press("Escape")
    assert CANARY in unquote(page.evaluate("location.hash").replace("+", " "))
    settle(page)
    for chart in ("load_curves", "over_time", "gpu_memory"):
        page.locator(f"#{chart} .chart .mark-symbol.role-mark path").last.hover(force=True)
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert CANARY in tip.inner_text(), chart
        assert tip.locator("img, b").count() == 0
    assert "onerror" in page.locator("#load_curves svg.marks").text_content()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert CANARY in page.locator("#problems .paper").text_content()


def test_a_script_that_would_end_early_is_refused() -> None:
    with pytest.raises(ValueError, match="</script"):
        script("'</SCRIPT >'")


# --- words and sizes ---------------------------------------------------------------------------------------------


def test_both_languages_say_everything() -> None:
    assert TEXT["en"].keys() == TEXT["zh"].keys()
    changes = {change.change for definition in definitions.DEFINITIONS for change in definition.breaks}
    assert changes == TEXT["zh"]["changes"].keys()
    chinese = json.loads((CHECKOUT / "config" / "columns.zh.json").read_text("utf-8")) | TEXT["zh"]["columns"]
    described = [column.description for column in STANDARD if not column.metric]
    assert {*described, *(column.description for column in PROBLEM_COLUMNS)} <= chinese.keys()
    assert all(column.metric for column in FURTHER)


def test_a_figure_has_no_values_of_runs_without_them(tables: list[Path]) -> None:
    data = content(tables[0], None, *tables[2:])
    assert len(specification(data, "gpu_memory")["datasets"]["rows"]) == 80
    data["tables"]["raw"]["data"] = [
        None if "gpu" in column["name"] else cells
        for column, cells in zip(data["tables"]["raw"]["columns"], data["tables"]["raw"]["data"], strict=True)
    ]
    assert "datasets" not in specification(data, "gpu_memory")


@pytest.mark.long
def test_ten_thousand_runs_make_a_page_of_less_than_15_megabytes(tmp_path: Path) -> None:
    tables = benchmark().write_tables(tmp_path, list(benchmark().rows(10_000)), [])
    write_page(*tables, output=tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size <= 15e6
