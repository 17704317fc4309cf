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

import pandas as pd
import pytest
from evalscope_summary.columns import FURTHER, STANDARD
from evalscope_summary.layouts import PROBLEM_COLUMNS, STATISTICS
from evalscope_summary.problems import Problem
from evalscope_summary.readers.evalscope import definitions

pytest.importorskip("vl_convert", reason="the dependencies of the report are not installed: pip install '.[report]'")

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT / "report"))

from evalscope_report.charts import FIGURES, charts  # noqa: E402
from evalscope_report.content import TEXT, content  # noqa: E402
from evalscope_report.looks import DARK, LIGHT, SHAPES  # noqa: E402
from figure import View, specification  # noqa: E402
from page import script, vega, write_page  # noqa: E402

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
        context = browser.new_context(**{"offline": True, "viewport": {"width": 1366, "height": 768}} | options)
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
        const isData = (mark) => /^(layer_|child_)/.test(mark.name ?? "") && !/_grid|_axis|_legend/.test(mark.name);
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


def eventually(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds: Tabulator waits for the end of typing."""
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(100)
    pytest.fail("it did not become so")


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
    assert page.locator("#over_time li").count() >= 1, "changes of definition are not listed"
    page.select_option("#lang", "zh")
    settle(page)
    assert page.locator("#load_curves h2").inner_text() == "负载曲线"
    assert all(marks(page, chart) > 10 for chart in FIGURES)
    phone = show("#theme=light&facet=prompt_length&load_curves.log=x&load_curves.log=y", color_scheme="dark")
    phone.set_viewport_size({"width": 390, "height": 800})
    phone.wait_for_timeout(300)  # charts are drawn anew when a window has its new width
    settle(phone)
    assert phone.evaluate("document.documentElement.dataset.theme") == "light"
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert marks(phone, "load_curves") > 10


@needs_chromium
def test_a_filter_changes_charts_and_tables_alike_and_a_link_restores_the_view(show: Callable[..., Any]) -> None:
    page = show("#over_time.y=ttft&at=")
    before = {chart: marks(page, chart) for chart in FIGURES}
    assert (len(rows(page, "raw")), len(rows(page, "stats"))) == (80, 16)
    page.click("#more > summary")
    page.click("[data-filter=prompt_length] summary")
    page.check("[data-filter=prompt_length] input[value=short]")
    page.keyboard.press("Escape")
    settle(page)
    shown = rows(page, "raw")
    assert page.evaluate("report.view().drawn.length + report.view().others.length") == len(shown)
    assert 0 < len(shown) < 80
    assert f"{len(shown)} of 80" in page.locator("#shown").inner_text()
    for chart in FIGURES:
        assert 0 < marks(page, chart) < before[chart], chart
    page.fill("input[name=to]", "2026-04-01T00:00:00")
    page.locator("#stats .tabulator-col[tabulator-field=parallel]").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.fill("[name='stats.search']", "short")
    page.check("[name='stats.statistics'][value=std]")
    page.check("[name='stats.header']")
    page.select_option("[name='load_curves.y']", "99p_ttft_")
    settle(page)
    page.locator("#stats .tabulator-col[tabulator-field=parallel] input").press_sequentially("8-64")
    eventually(page, lambda: [row["parallel"] for row in rows(page, "stats")] == [64, 32, 16, 8])
    first = rows(page, "stats")
    assert "ttft_std" in first[0]
    assert all(row["timestamp"] < "20260401" for row in rows(page, "raw"))
    again = show(page.evaluate("location.hash"))
    assert rows(again, "stats") == first
    assert rows(again, "raw") == rows(page, "raw")
    for chart in FIGURES:
        assert marks(again, chart) == marks(page, chart), chart
    assert again.input_value("[name='load_curves.y']") == "99p_ttft_"
    again.locator("#skip").focus()
    again.keyboard.press("Enter")
    assert len(rows(again, "raw")) < 80, "the way to the tables forgets the filters"
    again.click("#reset")
    settle(again)
    assert len(rows(again, "raw")) == 80


@needs_chromium
def test_tables_sort_search_filter_and_give_what_they_show(show: Callable[..., Any]) -> None:
    page = show("#stats.header=on&stats.sort=config+asc")
    assert rows(page, "stats")[0]["config"].startswith("a <"), "other than natural order"
    page.click("#raw .tabulator-col[tabulator-field=ttft] .tabulator-col-title")
    values = [row["ttft"] for row in rows(page, "raw")]
    assert values == sorted(values)
    concurrency = page.locator("#stats .tabulator-col[tabulator-field=parallel] input")
    for typed, wanted in (("300-400", set()), ("4-16", {4, 8, 16}), ("what", set()), (">8", {16, 32, 64, 128})):
        concurrency.fill("")
        concurrency.press_sequentially(typed)
        eventually(page, lambda wanted=wanted: {row["parallel"] for row in rows(page, "stats")} == wanted)
        if typed == "what":
            assert "not understood" in page.locator("#said").inner_text()
    with page.expect_download() as download:
        page.click("#stats button:has-text('CSV')")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[0].lstrip("\ufeff").replace('"', "").startswith("config,count,parallel,")
    assert len(lines) == 1 + len(rows(page, "stats"))
    page.evaluate("addEventListener('copy', (event) => (window.copied = event.clipboardData.getData('text/plain')))")
    page.click("#stats button:has-text('Copy')")
    assert page.locator("#said").inner_text() == f"{len(lines) - 1} rows are in the clipboard."
    assert page.evaluate("window.copied").split("\n")[0].startswith("config\tcount\tparallel")
    assert page.locator("#raw .tabulator-header .tabulator-frozen[tabulator-field=config]").count() == 1
    page.set_viewport_size({"width": 1440, "height": 900})
    seen = page.evaluate("""() => [...document.querySelectorAll("#raw .tabulator-col")].filter((one) =>
        one.getBoundingClientRect().right < innerWidth).map((one) => one.getAttribute("tabulator-field"))""")
    assert len([name for name in seen if "throughput" in name or "latency" in name]) >= 2, seen


@needs_chromium
def test_hostile_names_are_text_everywhere(show: Callable[..., Any]) -> None:
    page = show("#is.model=<img src=x onerror=window.canary=1>&load_curves.y=<b>&lang=<b>&stats.search=<img src=x>")
    page.click("#reset")
    page.fill("[name='stats.search']", "")
    settle(page)
    for table in ("stats", "raw", "problems"):
        assert CANARY in page.locator(f"#{table} .tabulator-tableholder").inner_text(), table
    assert CANARY in page.locator("#numbers .codes").inner_text()
    page.click("#more > summary")
    page.click("[data-filter=model] summary")
    assert CANARY in page.locator("[data-filter=model] .values").inner_text()
    page.check("[data-filter=model] .values input >> nth=0")
    page.keyboard.press("Escape")
    assert CANARY in unquote(page.evaluate("location.hash").replace("+", " "))
    page.select_option("[name=by]", "model")
    settle(page)
    assert CANARY in page.locator("#numbers tbody").inner_text()
    for chart in ("load_curves", "over_time", "gpu_memory"):
        page.locator(f"#{chart} .chart .mark-symbol.role-mark path").last.hover(force=True)
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert CANARY in tip.inner_text(), chart
        assert tip.locator("img, b").count() == 0
    assert "onerror" in page.locator("#load_curves svg.marks").text_content()
    page.locator("#problems .tabulator-cell[tabulator-field=message]").first.hover()
    page.locator(".tabulator-tooltip").wait_for()
    assert page.locator(".tabulator-tooltip img").count() == 0
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert CANARY in page.locator("#problems table.tabulator-print-table").text_content()


@needs_chromium
def test_a_chart_can_be_saved_and_its_runs_path_copied(show: Callable[..., Any]) -> None:
    page = show()
    for chart in FIGURES:
        spot = page.locator(f"#{chart} .chart")
        assert spot.evaluate("(one) => one.scrollHeight <= one.clientHeight && one.scrollWidth <= one.clientWidth"), (
            chart
        )
    page.click("#load_curves .chart summary")
    with page.expect_download() as download:
        page.click("#load_curves .vega-actions a:has-text('SVG')")
    assert Path(download.value.path()).read_text("utf-8").startswith("<svg")
    page.locator("#load_curves .chart .mark-symbol.role-mark path").first.dispatch_event("click")
    path = page.locator("#load_curves .picked code").inner_text()
    page.evaluate("addEventListener('copy', (event) => (window.copied = event.clipboardData.getData('text/plain')))")
    page.click("#load_curves .picked button:has-text('Copy')")
    assert page.evaluate("window.copied") == path


@needs_chromium
def test_a_click_on_a_name_keeps_it_in_all_charts_and_pointing_brings_it_out(show: Callable[..., Any]) -> None:
    page = show()
    muted = """(chart) => {
        const { view } = report.views.get(chart), colour = view.scale("color");
        return report.view().names.filter((name) => colour(name).length > 7);
    }"""
    names = page.evaluate("report.view().names")
    key = page.locator("#numbers .key").first
    key.hover()
    page.wait_for_timeout(200)
    assert page.evaluate(muted, "latency_throughput") == names[1:]
    key.click()
    page.locator("#facts").hover()
    settle(page)
    assert all(page.evaluate(muted, chart) == names[1:] for chart in FIGURES)
    assert "kept=" in page.evaluate("location.hash")
    assert page.locator("#numbers .key[aria-pressed=true]").count() == 1


@needs_chromium
def test_the_first_view_of_the_page_has_the_rows_of_the_figures(
    show: Callable[..., Any], tables: list[Path], tree: Callable[..., list[Path]]
) -> None:
    for made in (tables, tree("sweep"), tree("mixed")):
        html = made[0].with_name("first_report.html")
        write_page(*made, output=html)
        page = show(path=html)
        data = content(made[0], None, *made[2:])
        view = View(data)
        assert page.evaluate("report.view().names") == view.names
        for name, chart in charts(data).items():
            if chart["rows"] == "runs":
                own = page.evaluate(
                    "(name) => { const { rows, others } = report.rowsOf(name); return [rows, others]; }", name
                )
                assert own == json.loads(json.dumps(list(view.rows(chart)))), name


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Path]]:
    """Writes the tables of a tree of the benchmark, once."""
    made: dict[str, list[Path]] = {}

    def write(name: str) -> list[Path]:
        if name not in made:
            program = benchmark()
            runs = list(getattr(program, name)())
            pattern = program.SWEEP_PATTERN if name == "sweep" else ""
            problems = [
                Problem("skipped", "incomplete", "qwen3-32b/mlc/20260703_080400", "", "the test left no summary"),
                Problem("warning", "mixed-definitions", runs[0]["run"], "", "of another release"),
            ]
            made[name] = program.write_tables(tmp_path_factory.mktemp(name), runs, problems, pattern)
            write_page(*made[name], output=made[name][0].with_name("summary_report.html"))
        return made[name]

    return write


def overlapping(texts: Any) -> list[tuple[str, str]]:
    """Pairs of texts of a chart that lie on each other."""
    pairs: list[tuple[str, str]] = texts.evaluate_all("""(all) => {
        const boxes = all.filter((one) => one.textContent).map((one) => [one.textContent, one.getBoundingClientRect()]);
        return boxes.flatMap(([text, a], i) => boxes.slice(i + 1).filter(([_, b]) => a.left < b.right - 1
            && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3).map(([other]) => [text, other]));
    }""")
    return pairs


@needs_chromium
def test_the_first_screen_says_which_engine_is_fastest_at_64_and_what_is_missing(
    show: Callable[..., Any], tree: Callable[..., list[Path]]
) -> None:
    html = tree("sweep")[0].with_name("summary_report.html")
    runs = content(*tree("sweep"))["tables"]["raw"]
    place = {column["name"]: i for i, column in enumerate(runs["columns"])}
    at_64: dict[str, list[float]] = {}
    for engine, parallel, value in zip(
        *(
            [cells["values"][i] for i in cells["rows"]] if isinstance(cells, dict) else cells
            for cells in (runs["data"][place[name]] for name in ("engine", "parallel", "99p_ttft_"))
        ),
        strict=True,
    ):
        if parallel == 64:
            at_64.setdefault(engine, []).append(value)
    fastest = min(at_64, key=lambda engine: sum(at_64[engine]) / len(at_64[engine]))
    page = show(path=html)  # no click from here on
    page.evaluate("scrollTo(0, 0)")
    seen = """(cell) => { const at = cell.getBoundingClientRect();
        return document.elementsFromPoint((at.left + at.right) / 2, (at.top + at.bottom) / 2).includes(cell); }"""
    head = page.locator("#numbers thead tr").last.locator("th").all_inner_texts()
    column = head.index("64") + 1
    marked = page.locator(f"#numbers tbody tr:has(:nth-child({column}).extreme)")
    assert marked.count() == 1
    assert marked.locator("th").inner_text() == fastest
    assert "P99" in page.locator("[name=numbers] option:checked").inner_text()
    for number in range(2, len(head) + 1):
        for row in page.locator(f"#numbers tbody tr :nth-child({number}):is(td)").all():
            assert row.evaluate(seen), f"column {head[number - 1]} is not on the first screen"
    said = page.locator("#numbers .help").inner_text()
    assert "mlc at 64 (2 of 3 runs); tgi at 128 (0 of 3 runs)" in said
    assert "1 skipped: qwen3-32b/mlc/20260703_080400" in said
    assert page.locator("#numbers tbody tr:has-text('tgi') td").last.inner_text() == "missing"
    assert page.locator("#latency_throughput .chart").evaluate("(one) => one.getBoundingClientRect().top") < 400
    problems = page.locator("#numbers tbody tr td:nth-child(3)").all_inner_texts()
    assert [count for count in problems if count] == ["1"]
    loads = page.locator("#latency_throughput .mark-text.role-mark text")
    assert {"1", "64", "128"} <= set(loads.all_text_contents())
    assert overlapping(loads) == []
    assert page.locator("#load_curves .role-axis-label text").all_text_contents()[:8] == [str(2**i) for i in range(8)]
    assert page.locator("#pareto svg .layer_0_marks path").get_attribute("d").count("L") >= 4, "there is no frontier"
    offered = page.locator("#filters [data-filter]").evaluate_all("(all) => all.map((one) => one.dataset.filter)")
    assert {"engine", "gpus", "parallel"} <= set(offered)
    assert page.locator("[name='load_curves.x'] option").count() == 1, "a load that no run has can be chosen"
    assert "rate" not in rows(page, "raw")[0]
    page.fill("#search", "VLLM p64_")
    assert page.locator("#shown").inner_text().startswith("3 of 236")


@needs_chromium
def test_a_phone_shows_chart_numbers_and_choices_first_and_no_menu_or_legend_is_cut(
    show: Callable[..., Any], tree: Callable[..., list[Path]]
) -> None:
    for name in ("sweep", "mixed"):
        html = tree(name)[0].with_name("summary_report.html")
        page = show("", html, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        page.evaluate("scrollTo(0, 0)")
        for first in ("[name=by]", "[data-filter=keys] summary", "#facts", "#numbers tbody td:nth-child(3)"):
            box = page.locator(first).first.bounding_box()
            assert box["x"] >= 0, first
            assert box["x"] + box["width"] <= 390, first
            assert box["y"] + box["height"] <= 844, first
        plot = page.locator("#latency_throughput .chart > *").first.bounding_box()
        assert plot["y"] + plot["height"] <= 844
        assert page.locator("#numbers thead tr").last.locator("th").nth(2).inner_text() == "1"
        keys = page.locator("#load_curves .role-legend-label text").all_text_contents()
        assert len(set(keys)) == len(keys) >= 10
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click("[data-filter=keys] summary")
        menu = page.locator("[data-filter=keys] .popup").bounding_box()
        assert menu["x"] >= 0
        assert menu["x"] + menu["width"] <= 390


@needs_chromium
def test_charts_of_requests_and_comparisons_have_marks_of_all_that_is_in_colour(
    show: Callable[..., Any], tmp_path: Path
) -> None:
    made = list(benchmark().rows(400))
    written = benchmark().write_tables(tmp_path, made, [])
    requests = pd.DataFrame(
        {"run": row["run"], "start": place / 10, "latency": 1.0 + place, "ttft": ttft, "token_latency": 0.1}
        for number, row in enumerate(made)
        for place, ttft in enumerate((0.1, 0.2, 0.4) if number % 2 else (None, None, None))
    )
    requests.to_parquet(tmp_path / "requests.parquet")
    (tmp_path / "compare.csv").write_text(
        "parallel,number,baseline,other,metric,unit,baseline_runs,other_runs,baseline_value,other_value,ratio,"
        "ratio_low,ratio_high\n"
        "8,80,model-0,model-1,ttft,s,5,5,1,1.5,1.5,1.2,1.8\n"
        "16,80,model-0,model-1,ttft,s,5,5,1,0.5,0.5,0.2,0.8\n"
        "32,80,model-0,model-1,ttft,s,0,5,,0.5,,,\n"
    )
    output = tmp_path / "summary_report.html"
    write_page(*written, requests=tmp_path / "requests.parquet", compared=tmp_path / "compare.csv", output=output)
    page = show("#at=", output)
    keys = page.evaluate("report.view().keys.length")
    for chart in ("distribution", "requests_over_time"):
        assert page.evaluate("(chart) => new Set(report.rowsOf(chart).rows.map(({ key }) => key)).size", chart) == keys
        assert marks(page, chart) > 100
    assert "have no such values and are not drawn" in page.locator("#distribution .notes").inner_text()
    assert "The requests of 240 of 400 runs" in page.locator("#distribution .notes").inner_text()
    tests = page.locator("#comparison .role-axis-label text").all_text_contents()
    assert {"parallel 8", "parallel 16"} <= set(tests)
    assert not {"parallel 32", "number 80"} & set(tests), "a test without a ratio, or what all have in common"


@needs_chromium
def test_a_chart_without_values_says_why(show: Callable[..., Any], tmp_path: Path) -> None:
    made = [row | {"ttft": None} for row in benchmark().rows(16, 1)]
    write_page(*benchmark().write_tables(tmp_path, made, []), output=tmp_path / "summary_report.html")
    page = show("#over_time.y=99p_ttft_&latency_throughput.y=latency", tmp_path / "summary_report.html")
    assert page.locator("#repeatability .empty").inner_text() == "No group has two runs that pass the filters."
    assert page.locator("main .empty").count() == 1
    page.evaluate("report.set('at', '3')")
    settle(page)
    assert page.locator("#percentile_profile .empty").count() == 1
    assert "None of these runs has the load 3" in page.locator("#percentile_profile .notes").inner_text()


@needs_chromium
def test_no_two_values_look_alike_and_a_value_looks_the_same_in_all_charts(
    show: Callable[..., Any], tree: Callable[..., list[Path]]
) -> None:
    html = tree("mixed")[0].with_name("summary_report.html")
    for fragment in ("", "#by=series", "#by=config", "#by=model&facet=folder_3"):
        page = show(fragment, html)
        found = page.evaluate("""() => [...report.views.values()].map(({view}) => {
            const colour = view.scale("color");
            const shape = (() => { try { return view.scale("shape"); } catch { return null; } })();
            return report.view().names.map((name) => colour(name) + (shape ? shape(name) : ""));
        })""")
        for looks in found:
            assert len({look[:7] for look in looks}) == len(looks) <= 12
        assert len({tuple(look[:7] for look in looks) for looks in found}) == 1
        if fragment in ("#by=series", "#by=config"):
            assert "with the most runs" in page.locator("#facts .help").inner_text()
        if "facet" in fragment:
            panels = page.locator("#load_curves .chart text")
            assert {"deepseek-r1_tp2", "qwen3-32b_tp8"} <= set(panels.all_text_contents())
            assert overlapping(panels) == []
        if fragment == "#by=config":
            page.click("[data-filter=keys] summary")
            page.fill("[data-filter=keys] input[type=search]", "deepseek")
            page.click("[data-filter=keys] button:has-text('Choose all listed')")
            assert "colours come again" in page.locator("#numbers .help").inner_text()
        if not fragment:
            click = """() => { const { view } = report.views.get("latency_throughput");
                const all = (mark) => (mark.items ?? []).flatMap((item) => [item, ...(item.items ?? []).flatMap(all)]);
                const one = all(view.scenegraph().root).find((item) => item.datum?.runs === 1 && item._svg);
                one._svg.dispatchEvent(new MouseEvent("click", { bubbles: true }));
                return one.datum.key; }"""
            key = page.evaluate(click)
            assert f"/{key}/" in page.locator("#latency_throughput .picked code").inner_text(), (
                "a run's path is not given"
            )


@needs_chromium
def test_names_of_javascripts_objects_and_a_tree_without_runs_break_no_chart(
    show: Callable[..., Any], tmp_path: Path
) -> None:
    hostile = ("constructor", "toString", "valueOf", "hasOwnProperty", "__proto__")
    made = list(benchmark().rows(80))
    for place, row in enumerate(made):
        row |= {
            "config": hostile[place // 16],
            "max_tokens": 1,
            "prompt_length": "short",
            "model": hostile[place // 16],
            "name": "constructor",
        }
    for number, runs in enumerate((made, [])):
        folder = tmp_path / str(number)
        folder.mkdir()
        problems = [Problem("skipped", "incomplete", "a/20260101_000000", "", "nothing is left")]
        write_page(*benchmark().write_tables(folder, runs, problems), output=folder / "summary_report.html")
        page = show(path=folder / "summary_report.html")
        assert len(rows(page, "problems")) == 1
        if runs:
            assert all(marks(page, chart) > 10 for chart in FIGURES if chart != "percentile_profile")
            assert page.evaluate("report.view().names.length") == 5
        else:
            assert "no usable run" in page.locator("#load_curves .empty").inner_text()
            assert page.locator("#problems .tabulator-row").count() == 1


@needs_chromium
def test_models_of_one_config_are_lines_with_names_of_their_own(show: Callable[..., Any], tmp_path: Path) -> None:
    made = [row | {"config": "one", "max_tokens": 256, "prompt_length": "short"} for row in benchmark().rows(120)]
    write_page(*benchmark().write_tables(tmp_path, made, []), output=tmp_path / "summary_report.html")
    page = show("#by=series", path=tmp_path / "summary_report.html")
    assert page.evaluate("report.view().names") == ["model-0", "model-1", "model-2"]
    assert page.locator("#facts .help").inner_text().startswith("All: config one, prompt_length short")
    assert "is.config" not in page.locator("#filters").inner_html(), "a label with one value is a filter"


@needs_chromium
def test_axes_are_readable_and_rates_are_loads(show: Callable[..., Any], tmp_path: Path) -> None:
    made = []
    for number, row in enumerate(benchmark().rows(40)):
        row |= {"parallel": 16, "rate": float(2 ** (number // 5 % 8)), "config": "open", "latency": 1e-3 * (1 + number)}
        made.append(
            row | {"output_throughput": 70_000.0 + number, "timestamp": f"2026113{number % 2}_0000{number:02}"[:15]}
        )
    write_page(*benchmark().write_tables(tmp_path, made, []), output=tmp_path / "summary_report.html")
    page = show("#repeatability.log=x&latency_throughput.y=latency", path=tmp_path / "summary_report.html")
    assert page.input_value("[name='load_curves.x']") == "rate"
    assert page.locator("#numbers thead").inner_text().split()[-8:] == [f"{2**i}/s" for i in range(8)]
    for chart in ("load_curves", "latency_throughput"):
        labels = page.locator(f"#{chart} .role-axis-label text").all_text_contents()
        assert labels
        assert not any("e+" in label or "−" in label or "-" in label for label in labels), labels
    assert page.evaluate("report.views.get('load_curves').view.scale('x').domain()[0]") >= 0.9
    assert marks(page, "repeatability") >= 6
    assert all("11-" in label for label in page.locator("#over_time .role-axis-label text").all_text_contents()[:2])


@needs_chromium
def test_on_paper_nothing_is_cut_or_dark_and_pages_are_few(show: Callable[..., Any], tmp_path: Path) -> None:
    page = show(color_scheme="dark")
    printed = page.pdf(prefer_css_page_size=True, path=tmp_path / "page.pdf")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 14
    page.emulate_media(media="print")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 1000, "height": 700})
    for chart in FIGURES:
        right = page.locator(f"#{chart} svg.marks, #{chart} canvas").evaluate(
            "(one) => one.getBoundingClientRect().right"
        )
        assert right <= 1000, chart


def lightness(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """A colour as a reader with a colour-vision deficiency sees it, in CIE L*a*b*."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    seen = [min(1, max(0, sum(m * v for m, v in zip(row, linear, strict=True)))) for row in matrix]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    sums = [sum(m * v for m, v in zip(row, seen, strict=True)) for row in to_xyz]
    xyz = [value / white for value, white in zip(sums, (0.9505, 1, 1.089), strict=True)]
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


NORMAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
# Machado, Oliveira and Fernandes (2009), severity 1
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_colours_that_share_a_shape_differ_for_colour_blind_readers(palette: tuple[str, ...]) -> None:
    for i in range(len(palette)):
        for j in range(i):
            for matrix in (NORMAL, PROTANOPIA, DEUTERANOPIA):
                if matrix != NORMAL and i % len(SHAPES) != j % len(SHAPES):
                    continue
                pair = (lightness(palette[place], matrix) for place in (i, j))
                apart = sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5
                assert apart > 15, (palette[i], palette[j], apart)


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


def test_all_words_are_used() -> None:
    sources = [
        *(CHECKOUT / "report").glob("*.js"),
        *(CHECKOUT / "report").glob("**/*.py"),
        CHECKOUT / "report" / "page.html",
    ]
    code = "".join(path.read_text("utf-8") for path in sources)
    computed = ("label_", "Help")  # of labels and charts
    unused = [key for key in TEXT["en"] if f'"{key}"' not in code and not any(part in key for part in computed)]
    assert [key for key in unused if key not in STATISTICS] == []


def test_the_charts_library_is_bundled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = []
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda source: bundled.append(source) or f"made {len(bundled)}")
    assert vega(tmp_path / "kept") == vega(tmp_path / "kept") == "made 1"
    assert vega() == "made 2"


def test_a_figure_has_no_values_of_runs_without_them(tables: list[Path]) -> None:
    data = content(tables[0], None, *tables[2:])
    assert len(specification(data, "gpu_memory")["datasets"]["runs"]) == 80
    data["tables"]["raw"]["data"] = [
        None if "gpu" in column["name"] else cells
        for column, cells in zip(data["tables"]["raw"]["columns"], data["tables"]["raw"]["data"], strict=True)
    ]
    assert "datasets" not in specification(data, "gpu_memory")


@pytest.mark.long
def test_ten_thousand_runs_make_a_page_of_less_than_10_megabytes(tmp_path: Path) -> None:
    tables = benchmark().write_tables(tmp_path, list(benchmark().rows(10_000, 1)), [])
    write_page(*tables, output=tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size <= 10e6
