"""The workflow as its users start it: targets, configuration, names, bad trees."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MIXED, NOTHING_TO_DO, Project, copy_checkout, rows_of, tree_state
from evalscope_summary import ending

RUN = MIXED / "1.4.2" / "p1_n5_dp_short" / "20261124_021947" / "mock-7b"

NAMES = [
    "with space",
    "it's",
    'say "hi"',
    "{x} and {wildcards.y}",
    "a;b,c&d|e",
    "$(touch hacked) `touch hacked`",
    "line\nfeed",
    "中文目录",
    "🚀",
    "n" * 200,
    "100%",
    "<output>",
    " blanks around ",
    "{scatteritem}",
    "a,b",
    "tab\tbed",
    "back\\slash",
    "-n",
    "=1+1",
    "*",
    "[a]",
    "e\u0301 as two characters",
]

ONE_RUN = MIXED / "1.9.1"
"""A tree of one run."""


@pytest.mark.parametrize(
    "target", ["summary_stats.csv", "summary_raw.csv", "summary_raw.json", "summary_stats.json", None]
)
def test_a_folder_with_results_is_all_that_is_needed(new_project: Callable[..., Project], target: str | None) -> None:
    project = new_project(batches=2 if target else 0)
    arguments = [target] if target else []
    project.snakemake(*arguments)
    assert (project.folder / (target or "summary_stats.csv")).exists()
    assert (project.folder / "summary_problems.csv").exists()
    assert NOTHING_TO_DO in project.snakemake(*arguments, "-n").text


def test_json_tables_hold_the_same_values_as_csv(built: Project) -> None:
    outcome = built.snakemake("summary_raw.json", "summary_stats.json")
    assert outcome.read == set()
    assert outcome.jobs["merge"] == 0
    for table in ("raw", "stats"):
        rows = rows_of(built.folder / f"summary_{table}.csv")
        objects = json.loads((built.folder / f"summary_{table}.json").read_text("utf-8"))
        assert [list(item) for item in objects] == [list(row) for row in rows]
        for item, row in zip(objects, rows, strict=True):
            for name, cell in row.items():
                value = item[name]
                if isinstance(value, int | float) and not isinstance(value, bool):
                    assert type(value)(cell) == value, name
                else:
                    assert {None: "", True: "true", False: "false"}.get(value, value) == cell, name


def test_the_command_line_sets_tree_and_output(new_project: Callable[..., Project]) -> None:
    project = new_project(results="data {1}/perf runs")
    project.snakemake("--config", "results_dir=data {1}/perf runs", "output=tables 2/july")
    made = project.folder / "tables 2"
    assert {path.name for path in made.iterdir()} == {
        *("july_raw.csv", "july_stats.csv", "july_problems.csv", "july_overview.csv", "july_overview.md"),
        *("july.datapackage.json", "july_status.json"),
    }
    assert (made / "july_raw.csv").read_bytes() == project.clean_tables()["summary_raw.csv"]


def test_a_configuration_file_is_used(new_project: Callable[..., Project]) -> None:
    project = new_project()
    project.configure(formats=["csv", "json"], columns="all", group_by=["model"], exclude=["0.8.0/*"])
    project.snakemake()
    assert project.tables() == project.clean_tables()
    assert (project.folder / "summary_stats.json").exists()
    assert not any(row["run"].startswith("0.8.0") for row in rows_of(project.folder / "summary_raw.csv"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("resultsdir=x", ["resultsdir", "results_dir"]),
        ("batches=many", ["batches", "integer"]),
        ("columns=some", ["columns", "standard"]),
    ],
)
def test_a_wrong_setting_is_one_clear_message(
    new_project: Callable[..., Project], setting: str, words: list[str]
) -> None:
    project = new_project()
    project.snakemake("--config", setting, succeeds=False).fails_with(*words)
    assert not (project.folder / ".evalscope-summary").exists()


def test_folders_may_be_called_anything(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None, results="the 'results' {tree}")
    for number, name in enumerate(NAMES):
        run = project.tree / name / f"20260101_0000{number:02}" / "model"
        shutil.copytree(RUN, run)
    arguments = ("--config", "results_dir=the 'results' {tree}")
    assert project.snakemake(*arguments).read == project.runs()
    assert project.tables() == project.clean_tables()
    assert {row["config"] for row in rows_of(project.folder / "summary_raw.csv")} == set(NAMES)
    assert NOTHING_TO_DO in project.snakemake("-n", *arguments).text
    changed = next(run for run in project.runs() if run.startswith("$(touch hacked)"))
    project.change(changed)
    assert project.snakemake(*arguments).read == {changed}
    assert not list(project.folder.rglob("hacked"))


def test_the_checkout_may_lie_anywhere(new_project: Callable[..., Project], tmp_path: Path) -> None:
    project = new_project()
    project.checkout = copy_checkout(tmp_path / "my {tools} & 'things'")
    project.snakemake()
    assert project.tables() == project.clean_tables()


def test_a_model_with_a_slash_is_kept(new_project: Callable[..., Project]) -> None:
    project = new_project()
    args = project.tree / RUN.relative_to(MIXED) / "benchmark_args.json"
    args.chmod(0o644)
    args.write_text(json.dumps(json.loads(args.read_text()) | {"model": "org/model"}))
    project.snakemake()
    assert "org/model" in {row["model"] for row in rows_of(project.folder / "summary_raw.csv")}


def test_an_empty_tree_gives_tables_with_a_header_and_a_message(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    project.tree.mkdir()
    outcome = project.snakemake()
    assert "no run was found" in outcome.text
    assert project.tables() == project.clean_tables()
    assert all(content.count(b"\n") == 1 for content in project.tables().values())


def test_a_missing_tree_is_an_error_that_says_what_to_set(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    project.snakemake(succeeds=False).fails_with("'results'", "does not exist", "results_dir")
    assert not (project.folder / ".evalscope-summary").exists()


def test_a_tree_without_a_complete_run_lists_what_is_there(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    (project.tree / "x" / "parallel_1_number_5").mkdir(parents=True)
    shutil.copytree(RUN, project.tree / "y")
    (project.tree / "y" / "benchmark_summary.json").unlink()
    project.snakemake()
    assert project.tables() == project.clean_tables()
    problems = rows_of(project.folder / "summary_problems.csv")
    assert [(row["code"], row["run"]) for row in problems] == [
        ("incomplete", "x/parallel_1_number_5"),
        ("incomplete", "y"),
    ]
    assert rows_of(project.folder / "summary_raw.csv") == []


@pytest.mark.parametrize("target", [None, "summary_stats.csv", "summary_raw.json"])
def test_strict_fails_for_a_skipped_run_and_leaves_the_problems(
    new_project: Callable[..., Project], target: str | None
) -> None:
    project = new_project()
    arguments = [target] if target else []
    outcome = project.snakemake(*arguments, "--config", "strict=true", succeeds=False)
    outcome.fails_with("strict: 1 run skipped", "summary_problems.csv")
    assert {path.name for path in project.folder.glob("summary_*")} == {
        *("summary_raw.csv", "summary_problems.csv", "summary_status.json")
    }
    skipped = next(row["run"] for row in rows_of(project.folder / "summary_problems.csv"))
    config = ["--config", "strict=true", f"exclude=[{skipped.split('/')[0]}/{skipped.split('/')[1]}]"]
    project.snakemake(*arguments, *config)


def test_the_results_tree_is_never_written_to(new_project: Callable[..., Project]) -> None:
    project = new_project()
    before = tree_state(project.tree)
    project.snakemake("summary_raw.json", "summary_stats.json")
    project.snakemake("--forceall", "--config", "columns=all")
    assert tree_state(project.tree) == before


def test_the_default_target_makes_the_configured_tables_alone(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    project.configure(tables=["stats"], formats=["json"])
    project.snakemake()
    made = {path.name for path in project.folder.iterdir() if path.is_file()}
    assert made == {
        *("summary_raw.csv", "summary_problems.csv", "summary_stats.csv", "summary_stats.json"),
        *("summary.datapackage.json", "summary_status.json"),
    }


TREE = {
    # the example of the documentation: results/<model>/<gpu>x<n>_<engine>/…/repeat-03/…
    "qwen3/h100x8_vllm/p64/repeat-01": 1,
    "qwen3/h100x8_vllm/p64/repeat-02": 1,
    "qwen3/h100x8_vllm/p64/repeat-03": 1,
    "qwen3/a100x4_sglang/p64/repeat-01": 1,
    "qwen3/a100x4_sglang/p64/repeat-02": 1,
    "llama/elsewhere": 1,
}


def test_labels_and_repeats_come_from_the_path(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    for number, folder in enumerate(TREE):
        shutil.copytree(RUN, project.tree / folder / f"20260101_00000{number}" / "model")
    project.configure(label_pattern="(?P<gpu>[^/]+)x(?P<gpus>[0-9]+)_(?P<engine>[^/]+)", repeat_pattern="repeat-[0-9]+")
    project.snakemake()
    assert project.tables() == project.clean_tables()
    raw = rows_of(project.folder / "summary_raw.csv")
    assert list(raw[0])[-6:] == ["run", "tool", "tool_version", "gpu", "gpus", "engine"]
    labels = [(row["config"], row["count"], row["gpu"], row["gpus"], row["engine"]) for row in stats(project)]
    assert labels == [
        ("llama/elsewhere", "1", "", "", ""),
        ("qwen3/a100x4_sglang/p64", "2", "a100", "4", "sglang"),
        ("qwen3/h100x8_vllm/p64", "3", "h100", "8", "vllm"),
    ]
    project.configure(**project.settings, group_by=["engine"])
    assert project.snakemake().read == set()
    assert [(row["engine"], row["count"]) for row in stats(project)] == [("", "1"), ("sglang", "2"), ("vllm", "3")]


def stats(project: Project) -> list[dict[str, str]]:
    return list(rows_of(project.folder / "summary_stats.csv"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label_pattern": "(?P<gpu>h100)"}, ["'label_pattern'", "matches no run"]),
        ({"repeat_pattern": "repeat-[0-9]+"}, ["'repeat_pattern'", "is found in no run"]),
        ({"label_pattern": "(?P<model>.*)"}, ["'label_pattern'", "'model'", "a column of that name"]),
    ],
)
def test_a_pattern_that_can_not_be_meant_is_one_clear_message(
    new_project: Callable[..., Project], settings: dict[str, object], words: list[str]
) -> None:
    project = new_project(ONE_RUN)
    project.configure(**settings)
    project.snakemake(succeeds=False).fails_with(*words)
    assert [path.name for path in project.folder.glob("summary*")] in ([], ["summary_status.json"])


def test_an_absolute_tree_gives_the_same_tables(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    project.snakemake("--config", f"results_dir={project.tree}")
    assert project.tables() == project.clean_tables()


def test_the_project_its_output_and_its_work_folder_may_be_called_oddly(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN, name="a {project} 'here'")
    output, work = "out put/$(x) 'y'; \"z\"", "work $(w) 'v'"
    project.configure(output=output, work_dir=work)
    project.snakemake()
    project.settings = {}
    for name, content in project.clean_tables().items():
        assert (project.folder / f"{output}{name.removeprefix('summary')}").read_bytes() == content
    assert (project.folder / work).is_dir()
    assert not (project.folder / ".evalscope-summary").exists()
    assert NOTHING_TO_DO in project.snakemake("-n").text


@pytest.mark.parametrize("key", ["output", "work_dir"])
def test_braces_are_refused_where_snakemake_would_fill_them(new_project: Callable[..., Project], key: str) -> None:
    project = new_project(ONE_RUN)
    project.configure(**{key: "july {x}"})
    project.snakemake(succeeds=False).fails_with(f"'{key}'", "july {x}", "No braces")


def test_tables_inside_the_tree_are_not_taken_for_results(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    arguments = ("--config", "results_dir=.", "output=results/summary", "work_dir=results/work")
    assert project.meanwhile(*arguments).status == 0
    assert len(rows_of(project.folder / "results" / "summary_raw.csv")) == 1
    assert NOTHING_TO_DO in project.meanwhile(*arguments, "-n").text


def test_a_folder_whose_name_is_no_text_is_read_too(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    (project.tree / "p1_n1").rename(project.tree / "caf\udce9")
    project.snakemake()
    assert [row["config"] for row in rows_of(project.folder / "summary_raw.csv")] == ["caf\\udce9"]
    assert NOTHING_TO_DO in project.snakemake("-n").text


def test_paths_that_begin_with_a_dash_are_paths(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN, batches=2)
    project.tree.rename(project.folder / "-r")
    config = ("output=-x", "work_dir=-wd", "results_dir=-r", "strict=true", "formats=[csv,json,parquet,xlsx]")
    outcome = project.meanwhile("--config", *config)
    assert outcome.status == 0, outcome.text
    assert len(rows_of(project.folder / "-x_raw.csv")) == 1
    assert {path.name for path in project.folder.iterdir()} >= {"-wd", "-x_stats.parquet", "-x.xlsx"}


def test_a_wrong_setting_in_a_file_is_one_clear_message(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    project.configure(group_by=["config", "modle"])
    outcome = project.snakemake(succeeds=False)
    outcome.fails_with("'group_by'", "modle", "did you mean 'model'")
    assert "'group_by'" in outcome.text.splitlines()[-1]
    assert outcome.text.count("'group_by'") == 2  # once where Snakemake says it


def test_a_file_in_the_place_of_the_tree_is_an_error(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    project.tree.write_text("results were here")
    project.snakemake(succeeds=False).fails_with("'results'", "is no folder")


def test_a_tree_without_runs_gives_empty_json(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    (project.tree / "empty" / "20261124_020809").mkdir(parents=True)
    project.snakemake("summary_raw.json", "summary_stats.json")
    for table in ("raw", "stats"):
        assert json.loads((project.folder / f"summary_{table}.json").read_bytes()) == []


def test_strict_goes_on_when_the_skipped_run_is_gone(built: Project) -> None:
    (built.folder / "summary_stats.csv").unlink()
    built.configure(strict=True)
    (skipped,) = (row["run"] for row in rows_of(built.folder / "summary_problems.csv") if row["severity"] == "skipped")
    built.snakemake(succeeds=False).fails_with(skipped, "incomplete")
    clean = built.clean_tables()
    assert built.tables() == {name: clean[name] for name in ("summary_raw.csv", "summary_problems.csv")}
    shutil.rmtree(built.tree / skipped)
    assert built.snakemake().read == set()
    assert built.tables() == built.clean_tables()
    assert NOTHING_TO_DO in built.snakemake("-n").text


def test_excluded_runs_are_not_read(new_project: Callable[..., Project]) -> None:
    project = new_project()
    project.configure(exclude=["1.*", "*/20261124_021335", "0.8.0/*/*/dead*"])
    shutil.copytree(ONE_RUN, project.tree / "kept")
    outcome = project.snakemake()
    assert outcome.read == {run for run in project.runs() if run.startswith("kept/")}
    assert "matches nothing" not in outcome.text
    assert project.tables() == project.clean_tables()


def test_a_configuration_file_of_comments_alone_sets_nothing(new_project: Callable[..., Project]) -> None:
    project = new_project()
    (project.folder / "config").mkdir()
    (project.folder / "config" / "config.yaml").write_text("# results_dir: elsewhere\n\n", "utf-8")
    project.snakemake()
    assert project.tables() == project.clean_tables()


def test_a_start_that_is_terminated_before_its_first_job_leaves_no_lock(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    command = [sys.executable, "-m", "snakemake", "-s", project.checkout / "Snakefile", "--cores", "1"]
    process = subprocess.Popen(command, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    locks = project.folder / ".snakemake" / "locks"
    deadline = time.monotonic() + 60
    while not list(locks.glob("*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.terminate()
    assert process.wait(60) != 0
    assert not list(locks.glob("*"))


def test_a_start_that_is_terminated_while_its_scheduler_is_busy_does_not_wait_for_ever() -> None:
    before = signal.getsignal(signal.SIGTERM)
    lock, heard = threading.Lock(), threading.Event()

    def as_snakemake_does(number: int, frame: object) -> None:
        if lock.acquire(timeout=5):  # without an end there
            lock.release()
            heard.set()

    try:
        signal.signal(signal.SIGTERM, as_snakemake_does)
        ending.end_in_a_thread()
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not heard.is_set()
        assert heard.wait(4)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_was_wrong_stands_below_what_is_said_of_older_tables(new_project: Callable[..., Project]) -> None:
    project = new_project(ONE_RUN)
    project.snakemake("summary_raw.json")
    project.configure(metrics="recomputed")
    project.snakemake("summary_raw.csv")
    text = project.snakemake("nix.csv", succeeds=False).text
    assert "older than the tables beside them" in text
    *_, last = text.splitlines()
    assert last.startswith("evalscope-summary: no rule makes 'nix.csv'")
