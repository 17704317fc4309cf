"""Labels of a run from its path and its arguments."""

from typing import Any

import pytest
from evalscope_summary import labels
from evalscope_summary.readers.cells import file_name
from evalscope_summary.readers.evalscope.labels import Place, place, prompt_characters, with_dataset_args

TS = "20251129_135846"


@pytest.mark.parametrize(
    ("run", "name", "expected"),
    [
        # 0.7.x: the timestamp is the run folder itself, and a slash in the model nests
        (f"outputs/mock-7b_perf/{TS}", None, Place(TS, "outputs/mock-7b_perf", "")),
        (f"outputs/org/My-Model_perf/{TS}", None, Place(TS, "outputs/org/My-Model_perf", "")),
        # 0.8.0 to 1.4.2: no folder of its own for a single run
        (f"cfg/{TS}/mock-7b", None, Place(TS, "cfg", "mock-7b")),
        (f"{TS}/mock-7b", None, Place(TS, "", "mock-7b")),
        # a model path with a trailing slash gives no folder
        (f"cfg/{TS}", None, Place(TS, "cfg", "")),
        (TS, None, Place(TS, "", "")),
        # sweeps, and from 1.5.0 every run
        (f"cfg/{TS}/mock-7b/parallel_4_number_20", None, Place(TS, "cfg", "mock-7b")),
        (f"cfg/{TS}/parallel_4_number_20", None, Place(TS, "cfg", "")),
        (f"cfg/{TS}/mock-7b/rate_20.0_number_4", None, Place(TS, "cfg", "mock-7b")),
        (f"cfg/{TS}/mock-7b/rate_-1.0_number_4", None, Place(TS, "cfg", "mock-7b")),
        # SLA tuning
        (f"cfg/{TS}/mock-7b/sla_tuning/sla_parallel_8_run_0", None, Place(TS, "cfg", "mock-7b")),
        (f"cfg/{TS}/mock-7b/sla_tuning/sla_rate_2.5_run_1", None, Place(TS, "cfg", "mock-7b")),
        # nested configs
        (f"qwen3/1pod4gpu/p64_n1000_dp_short/{TS}/m", None, Place(TS, "qwen3/1pod4gpu/p64_n1000_dp_short", "m")),
        # --name with a slash, below a timestamp
        (f"cfg/{TS}/tp2/dp4", "tp2/dp4", Place(TS, "cfg", "dp4")),
        # --no-timestamp
        ("cfg/mock-7b", None, Place(None, "cfg", "mock-7b")),
        ("mock-7b", None, Place(None, "", "mock-7b")),
        ("cfg/mock-7b/parallel_4_number_20", None, Place(None, "cfg", "mock-7b")),
        ("cfg/mock-7b/rate_2.5_number_20", "mock-7b", Place(None, "cfg", "mock-7b")),
        ("cfg/mock-7b/sla_tuning/sla_rate_4_run_1", None, Place(None, "cfg", "mock-7b")),
        ("cfg/tp2/dp4", "tp2/dp4", Place(None, "cfg", "dp4")),
        ("cfg/tp2/dp4/parallel_4_number_20", "tp2/dp4", Place(None, "cfg", "dp4")),
        ("a/b/tp2_dp4/parallel_4_number_20", "tp2/dp4", Place(None, "a/b", "tp2_dp4")),  # from 1.6.0
        ("a/b/x_y/parallel_4_number_20", "x:y", Place(None, "a/b", "x_y")),
        # the service
        ("task-17/perf/parallel_4_number_20", "perf", Place(None, "task-17", "perf")),
        # the tree's root itself is a run, or a level
        ("", None, Place(None, "", "")),
        ("parallel_4_number_20", None, Place(None, "", "")),
        # of two timestamps the nearest counts
        (f"20240101_000000/cfg/{TS}/m", None, Place(TS, "20240101_000000/cfg", "m")),
        # a level's name in the middle is a folder as any other
        (f"parallel_4_number_20/{TS}/m", None, Place(TS, "parallel_4_number_20", "m")),
    ],
)
def test_place_in_every_layout(run: str, name: str | None, expected: Place) -> None:
    assert place(run, name) == expected


def test_no_timestamp_and_a_name_that_is_the_whole_path() -> None:
    assert place("tp2/dp4", "tp2/dp4") == Place(None, "", "dp4")


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/data/prompts.txt", "prompts.txt"),
        ("prompts.txt", "prompts.txt"),
        ("./sets/long.jsonl/", "long.jsonl"),
        (r"C:\Users\me\prompts_long.txt", "prompts_long.txt"),
        (r"..\sets\a.jsonl" + "\\", "a.jsonl"),
        (r"C:\sets/mixed.txt", "mixed.txt"),
        ("/data/中文 提示.txt", "中文 提示.txt"),
    ],
)
def test_data_set_file_on_any_system(path: str, file: str) -> None:
    assert file_name(path) == file


@pytest.mark.parametrize(
    ("prompt", "characters"),
    [
        ("hello", 5),
        ("你好", 2),
        ("", None),
        ("  \n", None),
        ("@prompt.txt", None),
        (None, None),
        (5, None),
        (["x"], None),
    ],
)
def test_only_a_prompt_given_as_text_has_a_length(prompt: Any, characters: int | None) -> None:
    assert prompt_characters(prompt) == characters


@pytest.mark.parametrize(
    ("characters", "long_above", "expected"),
    [(1, 50, "short"), (50, 50, "short"), (51, 50, "long"), (51, 100, "short"), (1, 0, "long")],
)
def test_a_prompt_is_long_above_the_limit_whatever_the_names_say(
    characters: int, long_above: int, expected: str
) -> None:
    assert labels.prompt_length(characters, long_above, "p1_medium", "medium.txt") == expected


@pytest.mark.parametrize(
    ("config", "dataset_file", "expected"),
    [
        ("p32_n100_dp_long", None, "long"),
        ("p32_n100_dp_LONG", None, "long"),
        ("a/b/p32_Medium_x", None, "medium"),
        ("short_then_long", None, "long"),
        ("long_then_short", None, "short"),
        # only the last component, only whole words between underscores
        ("p1_long/run1", None, None),
        ("mistral-medium", None, None),
        ("longer_shortest", None, None),
        ("p4_mistral-medium_short", None, "short"),
        # then the data set
        ("p1", "prompts_long.txt", "long"),
        ("p1", "prompts-Short.txt", "short"),
        ("p1", "medium.jsonl", "medium"),
        ("p1", "long_short.txt", "short"),
        ("p1", "belongs.txt", None),
        ("p1_short", "long.txt", "short"),
        ("", "a.long", "long"),
        ("", None, None),
    ],
)
def test_without_a_prompt_words_in_names_say_how_long_it_is(
    config: str, dataset_file: str | None, expected: str | None
) -> None:
    assert labels.prompt_length(None, 50, config, dataset_file) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"min_tokens": 5}, 5),
        ({"min_tokens": 5, "dataset_args": None}, 5),
        ({"min_tokens": 5, "dataset_args": {}}, 5),
        ({"min_tokens": 5, "dataset_args": {"min_tokens": None}}, 5),
        ({"min_tokens": 5, "dataset_args": {"min_tokens": 7}}, 7),
        ({"min_tokens": 5, "dataset_args": {"min_tokens": 0}}, 0),
        ({"min_tokens": 5, "dataset_args": "min_tokens=7"}, 5),
        ({"dataset_args": {"other": 7}}, None),
    ],
)
def test_data_set_arguments_override_the_general_ones(args: dict[str, Any], expected: Any) -> None:
    assert with_dataset_args(args).get("min_tokens") == expected
