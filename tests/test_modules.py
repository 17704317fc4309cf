"""The workflow inside another one, which imports it from a folder, a submodule or a git repository."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import (
    CHECKOUT,
    MIXED,
    NOTHING_TO_DO,
    Outcome,
    Project,
    clean_tables,
    copy_checkout,
    git,
    rows_of,
    tree_state,
)
from evalscope_summary.settings import complete
from evalscope_summary.workflow import Flow, Start
from pyarrow import parquet

ONE_RUN = MIXED / "1.9.1"
"""A tree of one run."""

TWICE = """
rule all:
    input: "latency.svg", "counts.txt"

module bench:
    snakefile: {snakefile!r}
    config: {{"output": "<results>/bench", "columns": "all", "batches": 2}}
    pathvars:
        results="tables"

use rule * from bench as bench_*

use rule extract from bench as bench_extract with:
    resources:
        **bench.flow.batch_resources | {{"mem_mb": 1234}}

module other:
    snakefile: {snakefile!r}
    config: {{"results_dir": "other {{tree}}", "batches": 1}}
    prefix: "second"

use rule * from other as other_*

rule plot:
    input: rules.bench_stats.output
    output: "latency.svg"
    script: "plot.py"

rule count:
    input: rules.other_stats.output, rules.other_merge.output.problems
    output: "counts.txt"
    shell: "wc -l {{input:q}} > {{output:q}}"
"""

PLOT = """
import csv

with open(snakemake.input[0], encoding="utf-8", newline="") as file:
    cells = [(row["parallel"], row["latency_avg"]) for row in csv.DictReader(file)]
points = [(float(parallel), float(latency)) for parallel, latency in cells if parallel and latency]
circles = "".join(f'<circle cx="{x}" cy="{y}" r="1"/>' for x, y in points)
with open(snakemake.output[0], "w", encoding="utf-8") as file:
    file.write(f'<svg xmlns="http://www.w3.org/2000/svg">{circles}</svg>')
"""


def write_downstream(project: Project, text: str) -> None:
    """Make a project that of somebody whose own Snakefile uses this workflow."""
    (project.folder / "Snakefile").write_text(text)
    (project.folder / "plot.py").write_text(PLOT)
    project.checkout = project.folder


def test_a_workflow_that_uses_it_twice_keeps_its_own_default_and_reads_only_what_changed(
    new_project: Callable[..., Project],
) -> None:
    project = new_project(batches=0)
    other = project.folder / "other {tree}"
    shutil.copytree(ONE_RUN, other)
    state = tree_state(other)
    write_downstream(project, TWICE.format(snakefile=str(project.checkout / "Snakefile")))
    first = project.snakemake()
    assert first.jobs["all"] == 1, "the default is a rule of the module"
    assert (first.jobs["bench_extract"], first.jobs["other_extract"]) == (2, 1)
    assert first.text.count("mem_mb=1234") == 2
    project.settings = {"columns": "all"}
    clean = project.clean_tables()
    tables = project.folder / "tables"
    for name in ("raw", "stats", "problems"):
        assert (tables / f"bench_{name}.csv").read_bytes() == clean[f"summary_{name}.csv"]
    assert len(rows_of(project.folder / "second" / "summary_stats.csv")) == 1
    plotted = [row for row in rows_of(tables / "bench_stats.csv") if row["parallel"] and row["latency_avg"]]
    assert (project.folder / "latency.svg").read_text().count("<circle") == len(plotted) > 0
    assert NOTHING_TO_DO in project.snakemake("-n").text
    run = "1.4.2/p4_n3_flaky/20261124_020527/flaky"
    project.change(run)
    again = project.snakemake()
    assert again.read == {run}
    assert again.jobs == {"bench_extract": 1, "bench_merge": 1, "bench_stats": 1, "plot": 1, "all": 1}
    assert (tables / "bench_raw.csv").read_bytes() == project.clean_tables()["summary_raw.csv"]
    assert tree_state(other) == state


def needs(outcome: Outcome) -> list[dict[str, str]]:
    """What extraction asks for in a dry run: MB and minutes."""
    jobs = re.findall(r"^rule (?:bench_)?extract:$.*?^    resources: (.*?)$", outcome.text, re.MULTILINE | re.DOTALL)
    return [dict(re.findall(r"\b(mem_mb|runtime)=(\d+)", job)) for job in jobs]


def test_memory_of_ones_own_keeps_the_time_and_grows_with_each_attempt(new_project: Callable[..., Project]) -> None:
    page = (CHECKOUT / "docs" / "workflows.md").read_text("utf-8")
    (text,) = re.findall(r"```python\n(module bench:.*?)```", page, re.DOTALL)
    project = new_project(ONE_RUN, batches=0)
    snakefile = str(project.checkout / "Snakefile")
    write_downstream(project, text.replace("/path/to/evalscope-summary/Snakefile", snakefile))
    options = ("-n", "ttft.png", "--set-scatter", "evalscope_runs=1")
    assert needs(project.snakemake(*options)) == [{"mem_mb": "4000", "runtime": "10"}]
    assert needs(project.snakemake(*options, "--attempt", "2")) == [{"mem_mb": "8000", "runtime": "20"}]


def test_memory_given_on_the_command_line_keeps_the_time_and_grows_with_each_attempt(
    new_project: Callable[..., Project],
) -> None:
    (option,) = re.findall(r"--set-resources '(extract:\S+)'", (CHECKOUT / "docs" / "cluster.md").read_text("utf-8"))
    project = new_project(ONE_RUN, batches=1)
    grown = needs(project.snakemake("-n", "--set-resources", option, "--attempt", "2"))
    assert grown == [{"mem_mb": "8000", "runtime": "20"}]


def test_several_trees_are_scenarios_of_one_configuration(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None, batches=1)
    text = (CHECKOUT / "docs" / "scenarios.md").read_text("utf-8")
    (settings,), (snakefile,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "python"))
    trees = {"h100": MIXED / "1.4.2", "a100": ONE_RUN}
    for scenario, tree in trees.items():
        shutil.copytree(tree, project.tree / scenario)
    write_downstream(
        project, snakefile.replace("/path/to/evalscope-summary/Snakefile", str(project.checkout / "Snakefile"))
    )
    (project.folder / "config").mkdir()
    (project.folder / "config" / "config.yaml").write_text(settings)
    outcome = project.meanwhile()
    assert outcome.status == 0, outcome.text
    tables = project.folder / "tables"
    for scenario in trees:
        clean = clean_tables(project.tree / scenario, {"metrics": "recomputed"}, project.watch)
        for name in ("raw", "problems"):
            assert (tables / f"{scenario}_{name}.csv").read_bytes() == clean[f"summary_{name}.csv"]
    runs = parquet.read_table(tables / "all.parquet").select(["scenario", "run"]).to_pylist()
    assert [run["scenario"] for run in runs] == ["h100"] * (len(runs) - 1) + ["a100"]
    changed = f"a100/{runs[-1]['run']}"
    project.change(changed)
    project.log.unlink()
    again = project.meanwhile()
    assert project.opened() == {changed: 1}
    made = {f"a100_{rule}": 1 for rule in ("extract", "merge", "export", "overview")}
    assert again.jobs == {**made, "all_runs": 1, "all": 1}


ONCE = """
module bench:
    snakefile: {snakefile}
    config: {{"batches": 1}}

use rule * from bench as bench_*

rule plot:
    default_target: True
    input: rules.bench_stats.output
    output: "rows.txt"
    shell: "wc -l < {{input:q}} > {{output:q}}"
"""


def in_submodule(project: Project, repository: Path) -> str:
    git(project.folder, "init")
    git(project.folder, "-c", "protocol.file.allow=always", "submodule", "add", str(repository), "bench {it}")
    return '"bench {it}/Snakefile"'


def in_local_repository(project: Project, repository: Path) -> str:
    return f'gitfile({str(repository)!r}, path="Snakefile", tag="v1")'


def on_a_hosting_site(project: Project, repository: Path) -> str:
    return 'github("owner/evalscope-summary", path="Snakefile", tag="v1")'


def as_snakedeploy_writes_it(project: Project, repository: Path) -> str:
    return 'github("owner/evalscope-summary", path="workflow/Snakefile", tag="v1")'


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with this workflow at its root, as tag `v1`."""
    folder = copy_checkout(tmp_path_factory.mktemp("sites") / "owner" / "evalscope-summary")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "the workflow")
    git(folder, "tag", "v1")
    return folder


@pytest.mark.parametrize("place", [in_submodule, in_local_repository, on_a_hosting_site, as_snakedeploy_writes_it])
def test_it_is_imported_from_git(
    new_project: Callable[..., Project],
    repository: Path,
    place: Callable[[Project, Path], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # git looks for what is on the site in a local folder; Snakemake keeps its clone below the cache
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{repository.parents[1]}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    project = new_project(ONE_RUN, batches=0)
    write_downstream(project, ONCE.format(snakefile=place(project, repository)))
    assert project.snakemake().read == project.runs()
    clean = project.clean_tables()
    for name in ("summary_raw.csv", "summary_stats.csv"):
        assert (project.folder / name).read_bytes() == clean[name]
    assert NOTHING_TO_DO in project.snakemake("-n").text


def test_two_uses_that_want_different_things_of_one_file_are_refused(new_project: Callable[..., Project]) -> None:
    text = TWICE.replace('"results_dir": "other {{tree}}", "batches": 1', '"exclude": ["1.*"], "batches": 2')
    project = new_project(batches=0)
    write_downstream(project, text.format(snakefile=str(project.checkout / "Snakefile")))
    project.snakemake(succeeds=False).fails_with("two uses of this workflow", "work_dir")


HANDLERS = """
onstart:
    bench.onstart()

onerror:
    bench.onerror()
"""


def test_an_importing_workflow_can_have_its_handlers(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN, batches=0)
    text = ONCE.format(snakefile=repr(str(project.checkout / "Snakefile"))) + HANDLERS
    write_downstream(project, text)
    project.snakemake()
    tables = project.tables()
    wrong = text.replace('"batches": 1', '"batches": 1, "label_pattern": "(?P<gpu>h100)"')
    write_downstream(project, wrong)
    project.snakemake(succeeds=False).fails_with("'label_pattern'", "is the one from before")
    assert project.tables() == tables


def test_a_tree_that_grows_while_rules_are_imported_one_by_one_is_taken_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each `use rule` parses the Snakefile again."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ONE_RUN, "results")
    for name in ("", "grown"):
        if name:
            shutil.copytree(ONE_RUN, Path("results", name))
        flow = Flow(complete({}), ["1-of-1"], str(CHECKOUT), Start("summary", quiet=True))
        flow.discover()
    assert "grown" not in Path(flow.inventory("1-of-1")).read_text()
