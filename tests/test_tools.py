"""What holds for the reader of every tool whose runs are in files of any name: it takes nothing that is not its own,
survives every damage, and lets no secret out. Its fixtures lie in `fixtures/tools/<tool>/`."""

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MIXED, Project, clean_tables, records, rows_of, tree_state
from evalscope_summary.columns import BY_NAME
from evalscope_summary.discovery import discover
from evalscope_summary.readers import READERS
from evalscope_summary.readers.cells import is_type
from evalscope_summary.readers.result_files import LARGEST, ResultFiles
from evalscope_summary.record import Record
from evalscope_summary.records import Due, read_settled

FIXTURES = Path(__file__).parent / "fixtures" / "tools"
TOOLS = sorted(reader.name for reader in READERS if isinstance(reader, ResultFiles))
FILES = {
    tool: sorted({run.partition("#")[0] for run, record in records(FIXTURES / tool).items() if not record.skipped})
    for tool in TOOLS
}
EACH = [(tool, file) for tool in TOOLS for file in FILES[tool]]
ANYWHERE = [reader.name for reader in READERS if reader.name in TOOLS and reader.endings]
"""Tools whose files may be called anything."""
each_tool = pytest.mark.parametrize("tool", TOOLS)
each_file = pytest.mark.parametrize(("tool", "file"), EACH, ids=[f"{tool}/{file}" for tool, file in EACH])
KEY = "sk-FAKEKEY-0123456789abcdef"

STRANGERS: dict[str, Any] = {
    "wandb-summary.json": {"_runtime": 12, "_step": 3, "loss": 0.5, "date": "2026", "duration": 3.0, "_wandb": {}},
    "run.json": {"info": {"run_id": "1"}, "data": {"metrics": {"request_throughput": 3}, "params": {"date": "x"}}},
    "config.json": {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tokenizer_id": "x", "vocab_size": 9},
    "tokenizer.json": {"version": "1.0", "model": {"type": "BPE", "vocab": {"date": 1, "burstiness": 2}}},
    "coverage.json": {"meta": {"version": "7.0", "timestamp": "2026"}, "files": {}, "totals": {"covered_lines": 3}},
    "results.json": [],
    "benchmarks.json": {"benchmarks": [{"name": "test_x", "stats": {"mean": 1.0}}], "machine_info": {}},
    "out.jsonl": {"messages": [{"role": "user", "content": "date, duration and model_id"}]},
    "package.json": {"name": "x", "version": "1"},
    "notebook.json": {"cells": [{"source": ["request_count, model_id"]}], "metadata": {}, "nbformat": 4},
    "report.json": {"name": "gsm8k", "dataset_name": "gsm8k", "model_name": "m", "score": 0.5, "metrics": [{"num": 8}]},
    "trainer_state.json": {"log_history": [{"loss": 0.1, "step": 1}], "duration": 1.0, "completed": 3},
    "profile_export.jsonl": {"metadata": {}, "metrics": {}},
}


def tree_of_strangers(root: Path) -> Path:
    for folder in (root, root / "wandb-less" / "20261124_020000"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in STRANGERS.items():
            (folder / name).write_text(json.dumps(content))
        (folder / "empty.json").touch()
        (folder / "binary.json").write_bytes(bytes(range(256)))
        (folder / "cut.json").write_text('{"date": "2026", "')
    return root


def said(record: Record) -> list[str]:
    parts = (record.common, record.reported, *record.derived.values())
    return sorted({problem.code for part in parts for problem in part.problems} - {"no-request-rows"})


def due(root: Path, path: str) -> Due:
    return Due(path, discover(str(root)).sources[path], {"filled", "recomputed"})


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str, str], Path]:
    """Copies one file of a fixture into a tree."""

    def copy(tool: str, file: str) -> Path:
        target = tmp_path / "results" / file
        target.parent.mkdir(parents=True)
        shutil.copy(FIXTURES / tool / file, target)
        return tmp_path / "results"

    return copy


# --- whose a file is -----------------------------------------------------------------------------------------------


def test_json_of_strangers_gives_no_row_and_no_problem(tmp_path: Path) -> None:
    root = tree_of_strangers(tmp_path / "results")
    tables = clean_tables(root, {"tables": ["raw"]}, tmp_path)
    assert {name: len(table.splitlines()) for name, table in tables.items()} == dict.fromkeys(tables, 1), "the headers"


def test_a_stranger_is_looked_at_once(new_project: Callable[..., Project]) -> None:
    project = new_project()
    tree_of_strangers(project.tree / "strangers")
    first = project.snakemake()
    claimed = {path for path in discover(str(project.tree)).sources if path.startswith("strangers/")}
    assert "strangers/config.json" in claimed
    assert claimed <= first.read
    assert project.snakemake().read == set(), "not at the next start"
    stranger = project.tree / "strangers" / "config.json"
    stranger.write_text(stranger.read_text() + "\n")
    assert project.refresh().read == {"strangers/config.json"}
    assert project.tables() == project.clean_tables()
    assert not any("strangers" in row["run"] for row in rows_of(project.folder / "summary_problems.csv"))


def test_readers_of_files_are_asked_about_no_file_of_evalscope() -> None:
    for path, claimed in discover(str(MIXED)).sources.items():
        assert claimed.readers == ("evalscope",), path


@pytest.mark.parametrize(("tool", "file"), [one for one in EACH if one[0] in ANYWHERE])
def test_a_file_is_one_tools_whatever_it_is_called(copied: Callable[[str, str], Path], tool: str, file: str) -> None:
    root = copied(tool, file)
    (root / file).rename(root / f"results{Path(file).suffix}")
    found = records(root).values()
    assert {record.values["tool"] for record in found} == {"genai-perf" if "genai_perf" in file else tool}


# --- damage --------------------------------------------------------------------------------------------------------


def cut(data: bytes) -> Iterator[tuple[str, bytes]]:
    for share in (0.3, 0.6, 0.95):
        yield f"cut off at {share:.0%}", data[: int(len(data) * share)]


@each_file
def test_a_file_that_is_cut_off_is_a_problem_and_no_row(
    copied: Callable[[str, str], Path], tool: str, file: str
) -> None:
    root = copied(tool, file)
    whole = records(root)
    data = (root / file).read_bytes()
    for what, damaged in cut(data):
        (root / file).write_bytes(damaged)
        found = records(root)
        assert any(said(record) == ["unreadable-json"] for record in found.values() if record.skipped), what
        for run, record in found.items():  # of a file with several, those before the cut
            assert record.skipped or record.values == whole[run].values, what


@each_file
def test_bytes_that_are_wrong_give_no_exception_and_no_wrong_type(
    copied: Callable[[str, str], Path], tool: str, file: str
) -> None:
    root = copied(tool, file)
    data = (root / file).read_bytes()
    chance = random.Random(file)
    for _ in range(10):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (root / file).write_bytes(damaged)
        check(records(root).values())


SILLY: tuple[Any, ...] = (None, True, -1, 1e400, float("nan"), 2**70, "", KEY, [], [None], {}, {"": -1.5}, -0.0)


@each_file
def test_values_that_are_wrong_give_no_exception_and_no_wrong_type(
    copied: Callable[[str, str], Path], tool: str, file: str
) -> None:
    root = copied(tool, file)
    lines = [json.loads(line) for line in jsons((root / file).read_text())]
    chance = random.Random(file)
    for _ in range(15):
        made = json.loads(json.dumps(lines))
        for one in made:
            for _ in range(chance.randrange(1, 8)):
                replace_one(one, chance)
        (root / file).write_text("\n".join(json.dumps(one) for one in made))
        for record in check(records(root).values()):
            shown = json.dumps([problem for part in parts(record) for problem in part.problems])
            assert KEY not in shown, "a message quotes nothing but numbers"


def jsons(text: str) -> list[str]:
    """The JSON texts of a file: it is one, or a line is."""
    try:
        json.loads(text)
    except ValueError:
        return text.splitlines()
    return [text]


def replace_one(value: Any, chance: random.Random) -> None:
    """Put something silly somewhere into JSON."""
    while isinstance(value, dict | list) and value:
        place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if not isinstance(value[place], dict | list) or not value[place] or chance.random() < 0.3:
            value[place] = copy.deepcopy(chance.choice(SILLY))
            return
        value = value[place]


def parts(record: Record) -> Iterator[Any]:
    return iter((record.common, record.reported, *record.derived.values()))


def check(found: Any) -> list[Record]:
    """That all cells are what their columns may hold."""
    for record in found:
        for part in parts(record):
            for name, value in part.values.items():
                assert is_type(value, BY_NAME[name].type), name
                assert not isinstance(value, float) or 0 <= value < float("inf"), name
    return list(found)


@each_tool
def test_a_file_that_grows_while_it_is_read_is_read_again(
    tool: str, copied: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = FILES[tool][0]
    root = copied(tool, file)
    whole = (root / file).read_bytes()
    (root / file).write_bytes(whole[:-30])
    waiting = due(root, file)
    reader = next(one for one in READERS if one.name == tool)
    read, count = type(reader).read, 0

    def reading(*arguments: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        found = read(*arguments, **more)
        if count == 1:
            (root / file).write_bytes(whole)
        return found

    monkeypatch.setattr(type(reader), "read", reading)
    found, signature = read_settled(str(root), waiting)
    assert count == 2
    assert not any(record.skipped for record in found)
    assert signature == discover(str(root)).sources[file].signature


def with_secrets(value: Any) -> Any:
    """JSON with a key in every object, and in every text that is an error or a reply."""
    if isinstance(value, dict):
        told = {
            key: with_told(part) if key in ("errors", "error", "generated_texts") else part
            for key, part in value.items()
        }
        return {key: with_secrets(part) for key, part in told.items()} | {
            "api_key": KEY,
            "headers": {"Authorization": f"Bearer {KEY}"},
            "base_url": f"http://user:{KEY}@host/v1?key={KEY}",
        }
    return [with_secrets(part) for part in value] if isinstance(value, list) else value


def with_told(value: Any) -> Any:
    if isinstance(value, list):
        return [with_told(part) for part in value]
    return f"{value} {KEY}" if isinstance(value, str) and value else value


@each_file
def test_no_secret_gets_into_a_record(copied: Callable[[str, str], Path], tool: str, file: str) -> None:
    root = copied(tool, file)
    before = records(root)
    made = [with_secrets(json.loads(line)) for line in jsons((root / file).read_text())]
    (root / file).write_text("\n".join(json.dumps(one) for one in made))
    after = records(root)
    assert before.keys() == after.keys()
    for run, record in after.items():
        assert record.values == before[run].values
        assert KEY not in repr(record)


@each_tool
def test_a_file_of_any_size_is_a_problem_and_takes_no_memory(tool: str, copied: Callable[[str, str], Path]) -> None:
    file = FILES[tool][0]
    root = copied(tool, file)
    with (root / file).open("r+b") as data:
        data.truncate(10**12)
    (record,) = records(root).values()
    (problem,) = record.problems
    assert (problem.severity, problem.code) == ("skipped", "unreadable-json")
    assert f"larger than {LARGEST >> 20} MiB" in problem.message


@each_tool
def test_reading_changes_nothing_in_the_tree(tool: str) -> None:
    before = tree_state(FIXTURES / tool)
    records(FIXTURES / tool)
    assert tree_state(FIXTURES / tool) == before


NAMES = ("two words", "quo'te\"s", "b{r}aces,", "运行", "new\nline", "-rf", "#0", "100%", "caf\udce9")


@pytest.mark.parametrize("tool", ANYWHERE)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_found_and_told(tool: str, name: str, tmp_path: Path) -> None:
    file = FIXTURES / tool / FILES[tool][0]
    folder = tmp_path / "results" / name
    folder.mkdir(parents=True)
    shutil.copy(file, folder / f"{name}{file.suffix}")
    runs = [record.values["run"] for record in records(tmp_path / "results").values()]
    assert runs
    for run in runs:
        assert run.startswith(name.encode("utf-8", "backslashreplace").decode())
        run.encode("utf-8")


@each_tool
def test_a_file_that_is_a_folder_a_pipe_or_leads_nowhere_does_no_harm(tool: str, tmp_path: Path) -> None:
    ending = Path(FILES[tool][0]).suffix
    (tmp_path / f"folder{ending}").mkdir()
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"nowhere{ending}").symlink_to(tmp_path / "gone")
    assert records(tmp_path) == {}


# --- several tools in one table ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_all_tools(tmp_path_factory: pytest.TempPathFactory, checkout: Path, watch: Path) -> Project:
    """A project with evalscope's runs and those of every other tool, whose tables are up to date."""
    made = Project(tmp_path_factory.mktemp("tools") / "project", checkout, watch, ("--set-scatter", "evalscope_runs=2"))
    shutil.copytree(MIXED, made.tree)
    for tool in TOOLS:
        shutil.copytree(FIXTURES / tool, made.tree / tool)
    made.configure()
    made.snakemake()
    return made


def test_runs_of_all_tools_stand_in_one_table(of_all_tools: Project, tmp_path: Path) -> None:
    rows = rows_of(of_all_tools.folder / "summary_raw.csv")
    assert {row["tool"] for row in rows} == {"evalscope", "genai-perf", *ANYWHERE}
    assert all(row["tool_version"] == "" for row in rows if row["tool"] in ("evalscope", "vllm", "sglang"))
    for group in rows_of(of_all_tools.folder / "summary_stats.csv"):
        assert group["tool"], "runs of two tools are never averaged"
    assert of_all_tools.tables() == of_all_tools.clean_tables()


def test_a_group_by_that_brings_tools_together_is_warned_of(of_all_tools: Project, tmp_path: Path) -> None:
    for metrics, advice in (("reported", "docs/tools.md"), ("recomputed", "clients measured")):
        made = clean_tables(of_all_tools.tree, {"group_by": ["stream"], "metrics": metrics}, tmp_path)
        text = made["summary_problems.csv"].decode()
        mixed = [line for line in text.splitlines() if "mixed-definitions" in line and " mixes results of " in line]
        assert mixed
        assert all("evalscope" in line and advice in line and "`tool` in `group_by`" in line for line in mixed)
    plain = of_all_tools.folder / "summary_problems.csv"
    assert " mixes results of " not in plain.read_text(), "not where `tool` is in `group_by`"
