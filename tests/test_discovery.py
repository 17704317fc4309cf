"""Which folders of a results tree are runs, and which should be and are not."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evalscope_summary.discovery import MissingTree, Tree, discover
from evalscope_summary.problems import Problem, storable
from evalscope_summary.progress import Progress
from evalscope_summary.readers.evalscope import formats
from evalscope_summary.records import signature_now
from hypothesis import example, given, settings
from hypothesis import strategies as st

TS = "20251129_135846"


def put(folder: Path, *names: str) -> Path:
    """Make a folder with small files; without names those of a complete run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or (formats.SUMMARY, formats.ARGS):
        (folder / name).write_text("{}")
    return folder


def found(root: Path, *exclude: str) -> list[str]:
    return sorted(discover(str(root), exclude).sources)


def only_problem(tree: Tree) -> Problem:
    (problem,) = tree.problems.values()
    return problem


@pytest.mark.parametrize(
    "run",
    [
        f"outputs/mock-7b_perf/{TS}",
        f"outputs/org/My-Model_perf/{TS}",
        f"cfg/{TS}/mock-7b",
        f"{TS}/mock-7b",
        TS,
        f"cfg/{TS}/mock-7b/parallel_4_number_20",
        f"cfg/{TS}/mock-7b/rate_2.5_number_20",
        f"cfg/{TS}/mock-7b/sla_tuning/sla_parallel_8_run_0",
        f"cfg/{TS}/tp2/dp4",
        "cfg/mock-7b",
        "cfg/mock-7b/parallel_4_number_20",
        "mock-7b",
        f"qwen3/1pod4gpu/p64_n1000_dp_short/{TS}/model/parallel_64_number_1000",
    ],
)
def test_a_run_is_found_in_every_layout(tmp_path: Path, run: str) -> None:
    put(tmp_path / run)
    tree = discover(str(tmp_path))
    assert list(tree.sources) == [run]
    assert tree.problems == {}


@pytest.mark.parametrize("name", formats.RUN_FILES)
def test_one_file_is_enough_to_be_a_run(tmp_path: Path, name: str) -> None:
    put(tmp_path / "cfg" / "m", name)
    assert found(tmp_path) == ["cfg/m"]


@pytest.mark.parametrize(
    "name", [formats.PERCENTILE, formats.JOURNAL, "speed_benchmark.json", "benchmark_summary.json~"]
)
def test_other_files_make_no_run(tmp_path: Path, name: str) -> None:
    put(tmp_path / "cfg" / "m", name)
    tree = discover(str(tmp_path))
    assert (tree.sources, tree.problems) == ({}, {})


def test_the_tree_itself_can_be_a_run(tmp_path: Path) -> None:
    put(tmp_path)
    assert found(tmp_path) == [""]


def test_a_run_inside_a_run_is_a_run(tmp_path: Path) -> None:
    put(tmp_path / "m")
    put(tmp_path / "m" / "parallel_1_number_5")
    assert found(tmp_path) == ["m", "m/parallel_1_number_5"]


def test_an_empty_tree_has_no_runs_and_no_problems(tmp_path: Path) -> None:
    assert discover(str(tmp_path)) == Tree({}, {})


def test_a_signature_holds_size_and_time_of_the_source_files_alone(tmp_path: Path) -> None:
    folder = put(tmp_path / "m", *formats.SOURCE_FILES, "trace_summary.json", formats.LOG)
    (folder / formats.DATABASE).write_bytes(b"12345")
    os.utime(folder / formats.DATABASE, ns=(1, 1_700_000_000_123_456_789))
    ((_, signature),) = discover(str(tmp_path)).sources.values()
    assert sorted(signature) == sorted(formats.SOURCE_FILES)
    assert signature[formats.DATABASE] == [5, 1_700_000_000_123_456_789]
    assert signature[formats.SUMMARY] == [2, (folder / formats.SUMMARY).stat().st_mtime_ns]


def test_a_signature_shows_a_change_of_a_linked_file(tmp_path: Path) -> None:
    folder = put(tmp_path / "results" / "m")
    (tmp_path / "args.json").write_text("{}  ")
    (folder / formats.ARGS).unlink()
    (folder / formats.ARGS).symlink_to(tmp_path / "args.json")
    assert discover(str(tmp_path / "results")).sources["m"].signature[formats.ARGS][0] == 4


def test_what_is_no_regular_file_has_an_empty_signature(tmp_path: Path) -> None:
    folder = put(tmp_path / "m", formats.SUMMARY)
    (folder / formats.ARGS).mkdir()
    os.mkfifo(folder / formats.PERCENTILE)
    (folder / formats.DATABASE).symlink_to("nowhere")
    ((_, signature),) = discover(str(tmp_path)).sources.values()
    assert [signature[name] for name in (formats.ARGS, formats.PERCENTILE, formats.DATABASE)] == [[], [], []]


@pytest.mark.parametrize("name", [".hidden", ".snakemake", "wandb", "swanlab"])
def test_hidden_folders_and_those_of_other_tools_are_not_entered(tmp_path: Path, name: str) -> None:
    put(tmp_path / "cfg" / name / "m")
    put(tmp_path / "cfg" / "m" / name)
    assert found(tmp_path) == []


def test_json_of_a_stranger_explains_no_log(tmp_path: Path) -> None:
    put(tmp_path / "cfg", formats.LOG, "config.json")
    assert found(tmp_path) == ["cfg/config.json"]
    assert discover(str(tmp_path)).problems["cfg"].code == "incomplete"


def test_what_an_agentx_level_is_made_of_is_not_entered(tmp_path: Path) -> None:
    put(tmp_path / "agentx" / "parallel_2", formats.AGENTX)
    put(tmp_path / "agentx" / "parallel_2" / "aiperf" / "m")
    put(tmp_path / "agentx" / "aiperf" / "m")
    assert found(tmp_path) == ["agentx/aiperf/m", f"agentx/parallel_2/{formats.AGENTX}"]


@pytest.mark.parametrize("name", ["wandb2", "Wandb", "my-aiperf", "x.hidden"])
def test_only_the_exact_names_of_other_tools_are_left_out(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / "m")
    assert found(tmp_path) == [f"{name}/m"]


def test_a_tree_below_a_hidden_folder_is_walked(tmp_path: Path) -> None:
    put(tmp_path / ".cache" / "wandb" / "results" / "m")
    assert found(tmp_path / ".cache" / "wandb" / "results") == ["m"]


def test_own_folders_are_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "ours" / "m")
    put(tmp_path / "deeper" / "ours" / "m")
    put(tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    for own in ("ours", "./ours/", str(tmp_path / "ours"), "deeper/../ours"):
        assert sorted(discover(".", own=[own]).sources) == ["deeper/ours/m", "m"]


def test_own_folders_are_known_through_a_linked_tree(tmp_path: Path) -> None:
    put(tmp_path / "real" / "ours" / "m")
    (tmp_path / "results").symlink_to("real")
    assert discover(str(tmp_path / "results"), own=[str(tmp_path / "real" / "ours")]).sources == {}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], ["a/x/m", "a/y/m", "b/m"]),
        (["a"], ["b/m"]),
        (["a/x"], ["a/y/m", "b/m"]),
        (["*/x*"], ["a/y/m", "b/m"]),
        (["*m"], []),
        (["x", "/a", "a/", "A"], ["a/x/m", "a/y/m", "b/m"]),
        (["[ab]/?/m"], ["b/m"]),
        (["a/x", "b*"], ["a/y/m"]),
    ],
)
def test_excluded_paths_are_left_out_with_all_below(tmp_path: Path, patterns: list[str], left: list[str]) -> None:
    for run in ("a/x/m", "a/y/m", "b/m"):
        put(tmp_path / run)
    assert found(tmp_path, *patterns) == left


def test_what_is_excluded_is_no_problem_either(tmp_path: Path) -> None:
    put(tmp_path / "a" / TS / "m" / "parallel_1_number_5", "other.txt")
    assert discover(str(tmp_path), ["a/*"]).problems == {}
    assert len(discover(str(tmp_path)).problems) == 1


def test_patterns_that_match_nothing_are_known(tmp_path: Path) -> None:
    for run in ("a/x/m", "b/m"):
        put(tmp_path / run)
    tree = discover(str(tmp_path), ["a/x", "*/x", "a/x/m", "c", "B"])
    assert tree.unmatched == ("a/x/m", "c", "B")
    assert tree.left_out == {"a/x"}


def test_runs_of_another_period_are_left_out_and_known(tmp_path: Path) -> None:
    for day in (28, 29, 30):
        put(tmp_path / "c" / f"202511{day}_120000" / "m")
    put(tmp_path / "c" / "20251128_130000" / "m" / "parallel_1_number_2", "other.txt")
    put(tmp_path / "c" / "m")
    tree = discover(str(tmp_path), since="20251129_000000", until="20251129_120000")
    assert sorted(tree.sources) == ["c/20251129_120000/m", "c/m"]
    assert tree.problems == {}
    assert {"c/20251128_120000/m", "c/20251130_120000/m"} < tree.left_out


def test_the_nearest_timestamp_decides_on_the_period(tmp_path: Path) -> None:
    put(tmp_path / "20251101_000000" / "c" / TS / "m")
    assert list(discover(str(tmp_path), since=TS).sources) == [f"20251101_000000/c/{TS}/m"]


# --- links ---


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "m")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "linked").symlink_to(tmp_path / "elsewhere")
    assert found(tmp_path / "results") == ["linked/m"]


def test_a_folder_linked_twice_is_two_runs(tmp_path: Path) -> None:
    put(tmp_path / "a" / "m")
    (tmp_path / "b").symlink_to("a")
    assert found(tmp_path) == ["a/m", "b/m"]


@pytest.mark.parametrize("target", [".", "..", "../..", "../../.."])
def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path, target: str) -> None:
    tree = tmp_path / "results"
    put(tree / "a" / "b" / "m")
    (tree / "a" / "b" / "m" / "loop").symlink_to(target)
    assert found(tree) == ["a/b/m"]


def test_links_to_each_other_end(tmp_path: Path) -> None:
    put(tmp_path / "a" / "m")
    put(tmp_path / "b" / "m")
    (tmp_path / "a" / "to_b").symlink_to("../b")
    (tmp_path / "b" / "to_a").symlink_to("../a")
    assert found(tmp_path) == ["a/m", "a/to_b/m", "b/m", "b/to_a/m"]


def test_a_link_to_nowhere_or_to_itself_is_nothing(tmp_path: Path) -> None:
    put(tmp_path / "m")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    tree = discover(str(tmp_path))
    assert list(tree.sources) == ["m"]
    assert tree.problems == {}


def test_the_tree_can_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "real" / "m")
    (tmp_path / "results").symlink_to("real")
    assert found(tmp_path / "results") == ["m"]


# --- what should be a run ---


@pytest.mark.parametrize(
    "level", ["parallel_4_number_20", "rate_2.5_number_20", "sla_tuning/sla_parallel_8_run_0", "rate_-1.0_number_4"]
)
def test_a_level_folder_without_files_is_incomplete(tmp_path: Path, level: str) -> None:
    put(tmp_path / "cfg" / TS / "m" / level, "other.txt")
    problem = only_problem(discover(str(tmp_path)))
    assert problem[:4] == ("skipped", "incomplete", f"cfg/{TS}/m/{level}", formats.SUMMARY)


def test_a_level_without_files_is_named_once_beside_its_log(tmp_path: Path) -> None:
    put(tmp_path / "cfg" / TS / "m", formats.LOG)
    put(tmp_path / "cfg" / TS / "m" / "parallel_1_number_5")
    (tmp_path / "cfg" / TS / "m" / "parallel_2_number_10").mkdir()
    tree = discover(str(tmp_path))
    assert list(tree.sources) == [f"cfg/{TS}/m/parallel_1_number_5"]
    assert list(tree.problems) == [f"cfg/{TS}/m/parallel_2_number_10"]


def test_a_log_alone_is_incomplete(tmp_path: Path) -> None:
    put(tmp_path / "cfg" / TS / "m", formats.LOG)
    problem = only_problem(discover(str(tmp_path)))
    assert problem[:4] == ("skipped", "incomplete", f"cfg/{TS}/m", formats.LOG)


@pytest.mark.parametrize("below", ["", "parallel_4_number_20", "sla_tuning/sla_rate_4_run_0"])
def test_a_log_with_a_run_in_or_below_it_is_nothing_special(tmp_path: Path, below: str) -> None:
    put(tmp_path / "m", formats.LOG)
    put(tmp_path / "m" / below)
    tree = discover(str(tmp_path))
    assert len(tree.sources) == 1
    assert tree.problems == {}


def test_a_run_beside_a_folder_with_a_log_does_not_speak_for_it(tmp_path: Path) -> None:
    put(tmp_path / "cfg" / "a", formats.LOG)
    put(tmp_path / "cfg" / "b")
    assert list(discover(str(tmp_path)).problems) == ["cfg/a"]


def test_an_agentx_level_is_one_source_with_the_rows_below_it(tmp_path: Path) -> None:
    folder = tmp_path / "m" / "agentx_256k"
    put(tmp_path / "m", formats.LOG)
    put(folder / "parallel_8", formats.AGENTX, "aiperf.log")
    put(folder / "parallel_8" / "aiperf", "profile_export_aiperf.json", "profile_export.jsonl")
    tree = discover(str(tmp_path))
    assert tree.problems == {}
    assert list(tree.sources) == [f"m/agentx_256k/parallel_8/{formats.AGENTX}"]
    (claimed,) = tree.sources.values()
    assert claimed.readers == ("agentx",)
    assert claimed.signature.keys() == {formats.AGENTX, "aiperf/profile_export.jsonl"}
    assert signature_now(str(tmp_path), next(iter(tree.sources)), claimed.readers) == claimed.signature


def test_a_folder_that_cannot_be_listed_is_a_problem_and_the_rest_is_found(tmp_path: Path) -> None:
    put(tmp_path / "a" / "m")
    closed = put(tmp_path / "b" / "m").parent
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("this user can list every folder")
    try:
        tree = discover(str(tmp_path))
    finally:
        closed.chmod(0o755)
    assert list(tree.sources) == ["a/m"]
    assert only_problem(tree)[:3] == ("skipped", "incomplete", "b")


# --- trees ---


def test_a_missing_tree_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingTree, match=r"(?s)nowhere.*results_dir.*--outputs-dir"):
        discover(str(tmp_path / "nowhere"))


def test_a_file_is_no_tree(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(MissingTree, match="results"):
        discover(str(tmp_path / "results"))


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Makes a run below many folders of one name, however long its path gets."""

    def make(name: str, depth: int) -> Path:
        folder = os.open(tmp_path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=folder)
            below = os.open(name, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
        for file in (formats.SUMMARY, formats.ARGS):
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.close(folder)
        return tmp_path

    yield make
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)  # too deep for shutil


def test_a_tree_deeper_than_python_recurses_is_walked(deep: Callable[[str, int], Path]) -> None:
    depth = sys.getrecursionlimit() + 100
    assert found(deep("d", depth)) == ["/".join(["d"] * depth)]


def test_a_path_longer_than_the_system_allows_is_a_problem(deep: Callable[[str, int], Path]) -> None:
    root = deep("d" * 200, 30)
    put(root / "m")
    tree = discover(str(root))
    assert list(tree.sources) == ["m"]
    problem = only_problem(tree)
    assert problem[:2] == ("skipped", "incomplete")
    assert "can't be listed" in problem.message


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "it's",
        'say "hi"',
        "{x}",
        "a;b",
        "a,b",
        "$(x)",
        "two\nlines",
        "tab\there",
        "中文",
        "🚀",
        "*",
        "[a]",
        "%41",
        "#?",
        "x" * 200,
        "-rf",
        "~",
        "\\",
        "a\u202eb",
        "café",
    ],
)
def test_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / TS / "org")
    assert found(tmp_path) == [f"{name}/{TS}/org"]


def test_a_name_that_is_no_utf8_can_be_opened_again(tmp_path: Path) -> None:
    os.makedirs(os.fsencode(tmp_path) + b"/caf\xe9/m")
    path = os.fsencode(tmp_path) + b"/caf\xe9/m/" + formats.SUMMARY.encode()
    Path(os.fsdecode(path)).write_text("{}")
    (run,) = discover(str(tmp_path)).sources
    assert (tmp_path / run / formats.SUMMARY).read_text() == "{}"


def test_a_problem_of_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    os.makedirs(os.fsencode(tmp_path) + b"/caf\xe9/parallel_1_number_2")
    assert only_problem(discover(str(tmp_path))).run == "caf\\udce9/parallel_1_number_2"


# pieces that escapes are made of, and bytes that need one
_PIECES = st.one_of(
    st.sampled_from([b"\\", b"udcff", b"ud", b"c", b"f", b"\xff", b"\xed\xb3\xbf", b"x"]), st.binary(max_size=3)
)


@given(st.lists(_PIECES, max_size=6), st.lists(_PIECES, max_size=6))
@settings(max_examples=1000, deadline=None)
@example([b"\xff"], [rb"\udcff"])
@example([b"\\\xff"], [rb"\\udcff"])
@example([rb"\ud", b"\xff"], [rb"\ud\udcff"])
def test_different_names_are_shown_differently(one: list[bytes], other: list[bytes]) -> None:
    shown = [storable(os.fsdecode(b"".join(name))) for name in (one, other)]
    assert (shown[0] == shown[1]) == (b"".join(one) == b"".join(other))
    assert all(text.encode("utf-8") for text, name in zip(shown, (one, other), strict=True) if any(name))


@given(st.text())
def test_names_without_such_escapes_are_shown_as_they_are(name: str) -> None:
    assert storable(name) == name or re.search(r"[\ud800-\udfff]|\\ud[89a-f]", name)


def test_progress_counts_the_runs(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path / name)
    progress = Progress("finding runs")
    discover(str(tmp_path), progress=progress)
    assert progress.done == 3
