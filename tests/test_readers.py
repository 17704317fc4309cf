"""The boundary around evalscope: a reader for another tool, which lies in the tests' folder alone, gets its runs
through discovery, cache, tables, statistics, problems and incrementality without a change to the package."""

import ast
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MIXED, NOTHING_TO_DO, Project, copy_checkout, rows_of
from evalscope_summary import digests, layouts, readers

PACKAGE = Path(digests.__file__).parent
TOY = Path(__file__).parent / "fixtures" / "readers" / "toy.py"
SETUP = [
    {"setup": "one", "requests": 4, "latency_ms": 250.0},
    {"setup": "one", "requests": 4, "latency_ms": 750.0},
]


@pytest.fixture(scope="module")
def with_toys(tmp_path_factory: pytest.TempPathFactory, checkout: Path, watch: Path) -> Project:
    """A project with evalscope's runs, and a file with two of the toy's, whose tables are up to date."""
    made = Project(tmp_path_factory.mktemp("toys") / "project", checkout, watch, ("--set-scatter", "evalscope_runs=2"))
    shutil.copytree(MIXED, made.tree)
    write(made, SETUP)
    shutil.copy(TOY, made.folder / "toy.py")
    made.configure(readers=["toy.py"])
    made.snakemake()
    return made


@pytest.fixture
def project(with_toys: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    shutil.copytree(with_toys.folder, tmp_path / "project")
    return replace(with_toys, folder=tmp_path / "project")


def write(project: Project, runs: list[dict[str, object]]) -> None:
    (project.tree / "other").mkdir(exist_ok=True)
    (project.tree / "other" / "toy.json").write_text(json.dumps(runs))


def toys(project: Project, table: str = "summary_raw.csv") -> list[dict[str, str]]:
    return [row for row in rows_of(project.folder / table) if row.get("run", "").startswith("other/toy.json#")]


def test_runs_of_another_tool_stand_in_the_same_tables(project: Project) -> None:
    evalscopes = [row for row in rows_of(project.folder / "summary_raw.csv") if row not in toys(project)]
    assert [(row["run"], row["config"], row["requests"], row["latency"]) for row in toys(project)] == [
        ("other/toy.json#0", "one", "4", "0.25"),
        ("other/toy.json#1", "one", "4", "0.75"),
    ]
    assert len(evalscopes) == len(project.runs()) - 1, "all but the one that was killed"
    (group,) = (row for row in rows_of(project.folder / "summary_stats.csv") if row["config"] == "one")
    assert (group["count"], group["latency_avg"], group["latency_min"]) == ("2", "0.5", "0.25")
    assert project.tables() == project.clean_tables()
    assert NOTHING_TO_DO in project.snakemake().text


def test_what_is_wrong_with_a_run_of_another_tool_is_a_problem_row(project: Project) -> None:
    write(project, [*SETUP, {"setup": "two"}, {"setup": "two", "requests": 1, "latency_ms": -3}])
    project.refresh()
    assert [(row["severity"], row["code"], row["run"]) for row in toys(project, "summary_problems.csv")] == [
        ("skipped", "incomplete", "other/toy.json#2"),
        ("warning", "value-out-of-range", "other/toy.json#3"),
    ]


def test_a_changed_file_of_another_tool_is_the_only_one_read(project: Project) -> None:
    write(project, SETUP[:1])
    assert project.refresh().read == {"other/toy.json"}
    assert len(toys(project)) == 1


def test_a_changed_reader_reads_its_own_runs_alone(project: Project) -> None:
    path = project.folder / "toy.py"
    path.write_text(f"{path.read_text()}\n# changed\n")
    assert project.refresh().read == {"other/toy.json"}


def test_a_changed_evalscope_reader_reads_no_run_of_another_tool(project: Project, tmp_path: Path) -> None:
    project.checkout = copy_checkout(tmp_path / "changed")
    formats = project.checkout / "scripts" / "evalscope_summary" / "readers" / "evalscope" / "formats.py"
    formats.write_text(formats.read_text() + "\n# changed\n")
    assert project.refresh().read == project.runs()


def test_a_changed_description_of_a_column_reads_nothing_again(project: Project, tmp_path: Path) -> None:
    project.checkout = copy_checkout(tmp_path / "changed")
    columns = project.checkout / "scripts" / "evalscope_summary" / "columns.py"
    text = columns.read_text()
    columns.write_text(text.replace("mean latency of a request", "mean time that a request takes"))
    assert columns.read_text() != text
    assert project.refresh("summary.datapackage.json").read == set()
    assert "mean time that a request takes" in (project.folder / "summary.datapackage.json").read_text()


def test_a_file_that_two_readers_take_for_theirs_is_a_problem(project: Project) -> None:
    text = TOY.read_text()
    (project.folder / "toy_too.py").write_text(text.replace('name = "toy"', 'name = "toy-too"'))
    project.configure(readers=["toy.py", "toy_too.py"])
    project.refresh()
    assert toys(project) == []
    (problem,) = (row for row in rows_of(project.folder / "summary_problems.csv") if row["run"] == "other/toy.json")
    assert (problem["severity"], problem["code"]) == ("skipped", "unknown-format")
    assert "toy and of toy-too" in problem["message"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "which is no Python file"),
        ("x = 1", "no object READER"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ('READER = type("R", (), {"name": "evalscope"})()', "already"),
    ],
    ids=["missing", "without a reader", "broken", "with a name that is taken"],
)
def test_a_reader_that_is_none_is_named(project: Project, content: str | None, says: str) -> None:
    if content is not None:
        (project.folder / "mine.py").write_text(content)
    project.configure(readers=["mine.py"])
    project.snakemake(succeeds=False).fails_with("'readers' names 'mine.py'", says)


# --- what follows the imports ----------------------------------------------------------------------------------------


def modules_by_ast(start: set[Path]) -> set[Path]:
    """What `digests.imported` should find, by Python's own parser."""
    found: set[Path] = set()
    waiting = set(start)
    while waiting:
        file = waiting.pop()
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = (node.module or "").split(".")
            if node.level:
                folder = file.parents[node.level - 1].joinpath(*(part for part in module if part))
            elif module[0] == PACKAGE.name:
                folder = PACKAGE.joinpath(*module[1:])
            else:
                continue
            for place in (folder, *(folder / alias.name for alias in node.names)):
                for path in (place.with_suffix(".py"), place / "__init__.py"):
                    if path.is_file() and path not in found:
                        waiting.add(path)
    return found


@pytest.mark.parametrize("program", sorted(PACKAGE.parent.glob("*.py")), ids=lambda path: path.name)
def test_digests_follow_every_import(program: Path) -> None:
    assert digests.imported([program]) == modules_by_ast({program})


def test_nothing_outside_the_readers_knows_evalscopes_keys_files_or_releases() -> None:
    from evalscope_summary.readers.evalscope import formats

    words = {*formats.SOURCE_FILES, formats.LOG, formats.AGENTX}
    words |= {key for keys in (*formats.SUMMARY_KEYS.values(), *formats.PERCENTILE_KEYS.values()) for key in keys}
    words -= {*layouts.OVERVIEW_AVERAGES.values()}  # headings of ours
    outside = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "readers" / "evalscope" not in path.parents]
    outside += [
        *PACKAGE.parent.glob("*.py"),
        PACKAGE.parents[1] / "Snakefile",
        *(PACKAGE.parents[1] / "report").rglob("*.py"),
    ]
    for path in outside:
        if path.name in ("evalscope_aggregator.py", "__init__.py"):  # the original's name; our own version
            continue
        text = path.read_text("utf-8")
        assert {word for word in words if word in text} == set(), path
        assert "readers.evalscope" not in text, path
        if PACKAGE / "readers" not in path.parent.parents:  # what is there is the package of a tool, and knows its own
            assert not re.findall(r"[\"'](?:0|1)\.\d+\.\d+[\"']", text), path


def test_no_module_imports_in_a_circle_and_none_is_long() -> None:
    modules = list(PACKAGE.rglob("*.py"))
    for path in modules:
        assert len(path.read_text("utf-8").splitlines()) <= 400, path
    # a package's own modules come after its `__init__` has begun
    direct = {
        path: {
            other for other in digests._imports(path) if other.name != "__init__.py" or other.parent not in path.parents
        }
        for path in modules
    }
    done: set[Path] = set()

    def follow(path: Path, above: tuple[Path, ...]) -> None:
        assert path not in above, [p.name for p in (*above, path)]
        if path not in done:
            for other in direct[path]:
                follow(other, (*above, path))
            done.add(path)

    sys.setrecursionlimit(10_000)
    for path in modules:
        follow(path, ())


def test_readers_are_asked_in_the_order_of_the_documentation() -> None:
    assert readers.load([]) == readers.READERS
    assert [reader.name for reader in readers.READERS] == [
        "evalscope",
        "vllm",
        "sglang",
        "aiperf",
        "agentx",
        "guidellm",
    ]


def test_a_reader_of_files_needs_no_more_than_contributing_says(tmp_path: Path) -> None:
    file = tmp_path / "sixth.py"
    file.write_text(
        "import re\n"
        "from ..record import Record\n"
        "from .cells import Checked\n"
        "from .keys import Key, config_of, finish, origins_of, taken\n"
        "from .result_files import ResultFiles\n"
        "KEYS = {'succeeded': (Key('done'),), 'ttft': (Key('first_ms', 1000),)}\n"
        "class Sixth(ResultFiles):\n"
        "    name = 'sixth'\n"
        "    endings = ('.json',)\n"
        "    marks = re.compile(b'sixth_version')\n"
        "    def is_run(self, content): return content.keys() >= {'sixth_version', 'done'}\n"
        "    def record(self, found, wanted):\n"
        "        checked, record = Checked(found.path), Record(found.run)\n"
        "        cells = taken(checked, found.content, KEYS)\n"
        "        record.common.values |= {'succeeded': cells['succeeded'], 'config': config_of(found.path)}\n"
        "        record.reported.values |= {'ttft': cells['ttft']}\n"
        "        finish(record, checked)\n"
        "        return record\n"
        "    def origins(self): return origins_of(KEYS)\n"
        "READER = Sixth()\n"
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.json").write_text('{"sixth_version": 1, "done": 5, "first_ms": 20}')
    own = readers.load([str(file)])[-1]
    (record,) = own.read(str(tmp_path), "a/x.json", ["x.json"], {"filled", "recomputed"})
    assert record.values | {"ttft": 0.02} == record.values
    assert [problem.code for problem in record.derived["recomputed"].problems] == ["no-request-rows"]
    assert own.arguments_file
