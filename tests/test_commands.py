"""What Snakemake's own commands say of this workflow: graphs, parts of it, reports, linting."""

import re
from collections.abc import Callable

import pytest
from conftest import MIXED, Project

ONE_RUN = MIXED / "1.9.1"
"""A tree of one run."""

PICTURE = {
    ("extract", "merge"),
    ("merge", "stats"),
    ("merge", "overview"),
    ("merge", "export"),
    ("stats", "export"),
}
"""The arrows of the picture in docs/reruns.md behind the start, which finds the runs."""

BESIDE_IT = {
    *((table, rule) for table in ("merge", "stats", "overview") for rule in ("workbook", "data_package")),
    *((rule, "evalscope_summary") for rule in ("merge", "stats", "overview", "export", "workbook", "data_package")),
}
"""What is made of all tables, and the default target."""


def edges(graph: str) -> set[tuple[str, str]]:
    """The edges of a graph in the language of dot, by rule."""
    rules = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', graph, re.MULTILINE))
    return {(rules[source], rules[target]) for source, target in re.findall(r"(\d+) -> (\d+)", graph)}


def test_the_graph_of_rules_is_the_picture_of_the_documentation(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    project.configure(formats=["csv", "json", "xlsx"])
    assert edges(project.snakemake("--rulegraph").text) == PICTURE | BESIDE_IT


def test_the_graph_of_jobs_has_one_extraction_for_each_batch(new_project: Callable[..., Project]) -> None:
    graph = new_project(ONE_RUN, batches=5).snakemake("summary_stats.csv", "--dag").text
    assert edges(graph) == {("extract", "merge"), ("merge", "stats")}
    assert len(re.findall(r'label = "extract', graph)) == 5


@pytest.mark.parametrize("command", ["--rulegraph", "--dag"])
def test_graphs_are_drawn_where_there_is_no_tree(new_project: Callable[..., Project], command: str) -> None:
    project = new_project(tree=None)
    outcome = project.snakemake("summary_stats.json", command)
    assert edges(outcome.text) == {("extract", "merge"), ("merge", "stats"), ("stats", "export")}
    assert "'results' does not exist" in outcome.text
    assert {path.name for path in project.folder.iterdir()} == {".snakemake"}


def test_until_a_rule_makes_what_is_before_it(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    outcome = project.snakemake("--until", "merge")
    assert outcome.jobs == {"extract": 2, "merge": 1}
    assert outcome.read == project.runs()
    assert sorted(project.tables()) == ["summary_problems.csv", "summary_raw.csv"]


def test_forcing_rules_runs_what_is_behind_them_and_reads_no_run(built: Project) -> None:
    tables = built.tables()
    outcome = built.snakemake("-n", "--forcerun", "stats")
    assert outcome.jobs == {"stats": 1, "data_package": 1, "evalscope_summary": 1}
    outcome = built.snakemake("--forcerun", "extract")
    assert outcome.jobs["extract"] == 8
    assert outcome.jobs["merge"] == outcome.jobs["stats"] == 1
    assert outcome.read == set()
    assert built.tables() == tables


def test_a_report_holds_the_overview_and_the_problems(built: Project) -> None:
    outcome = built.snakemake("--report", "report.html")
    assert outcome.jobs == {}
    report = (built.folder / "report.html").read_text("utf-8")
    for table in ("summary_overview.csv", "summary_overview.md", "summary_problems.csv"):
        assert f"Adding {table}" in outcome.text
        assert f"{table};base64," in report


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_rules_are_linted_where_there_is_no_tree(new_project: Callable[..., Project], snakefile: str) -> None:
    project = new_project(tree=None)
    project.checkout = (project.checkout / snakefile).parent
    outcome = project.snakemake("--lint")
    assert "your workflow is in a good condition" in outcome.text
    assert not (project.folder / ".evalscope-summary").exists()
