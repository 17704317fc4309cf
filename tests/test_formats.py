"""The tables of what evalscope writes: keys, sentinels, releases, ranks."""

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from evalscope_summary.readers.evalscope import database, formats, percentiles
from evalscope_summary.readers.evalscope.database import Rows
from evalscope_summary.readers.evalscope.formats import Evidence
from evalscope_summary.readers.releases import Window, release
from evalscope_summary.readers.sample import Sample
from hypothesis import given, settings
from hypothesis import strategies as st

RUNS = Path(__file__).parent / "fixtures" / "runs"
RELEASES = [since for _, since in formats.ARGS_MARKS] + [formats.FIRST_RELEASE]  # newest first


def args_of(version: str) -> dict[str, Any]:
    """The marks that are in the args of a release."""
    return {field: None for field, since in formats.ARGS_MARKS if release(since) <= release(version)}


def window_of(
    version: str,
    summary: dict[str, Any] | None = None,
    rows: list[dict[str, Any]] | None = None,
    columns: tuple[str, ...] = (),
    failed_without_end: bool = False,
) -> tuple[str, str | None]:
    found = formats.window(Evidence(args_of(version), summary or {}, rows or [], columns, failed_without_end))
    return found.at_least, found.below


# --- which release wrote this? ---


def test_marks_are_listed_from_the_newest_release_to_the_oldest() -> None:
    releases = [release(since) for since in RELEASES]
    assert releases == sorted(set(releases), reverse=True)


def test_marks_name_each_field_once() -> None:
    fields = [field for field, _ in formats.ARGS_MARKS]
    assert len(fields) == len(set(fields))


@pytest.mark.parametrize("position", range(len(RELEASES)), ids=RELEASES)
def test_the_newest_mark_there_and_the_oldest_that_is_not_bound_the_release(position: int) -> None:
    at_least, below = window_of(RELEASES[position])
    # two gaps are narrowed by what is *not* in the summary
    narrowed = {"0.8.0": "0.8.1", "0.14.0": "0.16.0"}
    assert at_least == narrowed.get(RELEASES[position], RELEASES[position])
    assert below == ("1.10.0" if RELEASES[position] == "1.9.1" else RELEASES[position - 1] if position else None)


@pytest.mark.parametrize("field", [field for field, _ in formats.ARGS_MARKS])
def test_a_mark_alone_is_enough_even_if_its_value_is_null(field: str) -> None:
    since = dict(formats.ARGS_MARKS)[field]
    assert release(formats.window(Evidence({field: None}, {})).at_least) >= release(since)


def test_senconds_separates_0_8_0_from_0_8_1() -> None:
    assert window_of("0.8.0", {"Time taken for tests (senconds)": 1.0}) == ("0.8.0", "0.8.1")
    assert window_of("0.8.0", {"Time taken for tests (s)": 1.0}) == ("0.8.1", "0.12.0")


def test_0_7_wrote_senconds_too() -> None:
    assert window_of("0.7.0", {"Time taken for tests (senconds)": 1.0}) == ("0.7.0", "0.8.0")


@pytest.mark.parametrize(
    ("summary", "row", "expected"),
    [
        ({"Result DB path": "x"}, {"ITL (s)": 0.1, "Latency (s)": 0.1}, ("0.14.0", "0.15.0")),
        (
            {"Result DB path": "x"},
            {"ITL (s)": 0.1, "TPOT (s)": 0.1, "Output throughput(tok/s)": 1},
            ("0.15.0", "0.16.0"),
        ),
        ({"Result DB path": "x"}, None, ("0.14.0", "0.16.0")),
        ({}, {"ITL (s)": 0.1, "TPOT (s)": 0.1, "Output (tok/s)": 1}, ("0.16.0", "0.16.2")),
        ({}, None, ("0.16.0", "0.16.2")),
    ],
    ids=["0.14.0", "0.15.x", "0.14.0 or 0.15.x without percentiles", "0.16.0", "0.16.0 without percentiles"],
)
def test_summary_and_percentile_keys_separate_0_14_to_0_16(
    summary: dict[str, Any], row: dict[str, Any] | None, expected: tuple[str, str]
) -> None:
    assert window_of("0.14.0", summary, [row] if row else []) == expected


def test_input_throughput_separates_1_4_1_from_1_4_2() -> None:
    assert window_of("1.4.1", {"Input token throughput (tok/s)": 5.0}) == ("1.4.2", "1.5.0")
    assert window_of("1.4.1") == ("1.4.1", "1.5.0")


@pytest.mark.parametrize(
    ("summary", "columns", "failed_without_end", "expected"),
    [
        ({"TTFT (ms)": 1.0}, ("success", "request_id"), False, ("1.9.1", "1.10.0")),
        ({"TTFT (ms)": 1.0}, ("success", "request_id"), True, ("1.9.1", "1.10.0")),
        ({"Stream Requests": 3}, (), False, ("1.10.0", "1.12.0")),
        ({}, ("success", "is_stream"), False, ("1.10.0", "1.12.0")),
        ({"Stream Requests": 3}, ("success", "is_stream"), True, ("1.10.0", "1.11.1")),
    ],
)
def test_stream_counts_and_ends_of_failed_requests_separate_1_9_1_to_1_11(
    summary: dict[str, Any], columns: tuple[str, ...], failed_without_end: bool, expected: tuple[str, str]
) -> None:
    assert window_of("1.9.1", summary, columns=columns, failed_without_end=failed_without_end) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"Percentiles": "1%", "Latency (s)": 0.08}, {"Percentiles": "5%", "TTFT (ms)": 41.3}], ("1.12.0", "1.13.0")),
        (
            [{"Percentiles": "1%", "Latency (s)": 0.08}, {"Percentiles": "5%", "TTFT (ms)": 41.345}],
            ("1.13.0", "1.14.0"),
        ),
        ([{"Percentiles": "1%", "Latency (s)": float("nan")}], ("1.12.0", "1.14.0")),
        ([], ("1.12.0", "1.14.0")),
    ],
    ids=["two decimals", "three decimals in a later row", "only NaN", "no file"],
)
def test_decimals_of_percentiles_separate_1_12_0_from_1_13_0(
    rows: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    assert window_of("1.12.0", rows=rows) == expected


def test_the_newest_known_release_has_no_upper_bound() -> None:
    assert window_of(formats.ARGS_MARKS[0][1]) == (formats.ARGS_MARKS[0][1], None)


def test_releases_compare_as_numbers() -> None:
    assert release("1.10.0") > release("1.9.1")
    window = Window("1.9.1", "1.12.0")
    window.written_since("1.10.0")
    window.written_before("1.11.1")
    assert (window.at_least, window.below) == ("1.10.0", "1.11.1")


def test_a_window_only_gets_narrower() -> None:
    window = Window("1.10.0", "1.11.1")
    window.written_since("1.9.1")
    window.written_before("1.12.0")
    assert (window.at_least, window.below) == ("1.10.0", "1.11.1")


def test_a_window_without_an_upper_bound_can_get_one() -> None:
    window = Window("1.14.1", None)
    assert not window.certainly_before("9.0.0")
    window.written_before("1.15.0")
    assert window.certainly_before("1.15.0")
    assert not window.certainly_before("1.14.9")


@pytest.mark.parametrize(
    ("at_least", "below", "wrong"),
    [
        ("1.0.2", "1.1.1", False),
        ("1.1.1", "1.3.0", True),
        ("1.3.0", "1.4.0", True),
        ("1.4.0", "1.4.1", False),
        ("1.0.2", "1.3.0", False),
        ("1.3.0", "1.4.1", False),
        ("1.3.0", None, False),
    ],
)
def test_throughput_is_only_corrected_where_the_release_is_certain(
    at_least: str, below: str | None, wrong: bool
) -> None:
    assert formats.throughput_is_wrong(Window(at_least, below)) is wrong


@pytest.mark.parametrize(
    ("at_least", "below", "decimals", "scale"),
    [
        ("0.7.0", "0.8.0", 4, 1.0),
        ("1.6.1", "1.7.0", 4, 1.0),
        ("1.7.0", "1.7.1", 2, 1000.0),
        ("1.12.0", "1.13.0", 2, 1000.0),
        ("1.13.0", "1.14.0", 4, 1000.0),
        ("1.14.1", None, 4, 1000.0),
    ],
)
def test_rounding_and_unit_of_percentiles(at_least: str, below: str | None, decimals: int, scale: float) -> None:
    window = Window(at_least, below)
    rule = formats.percentile_rule(window)
    assert (rule.decimals, rule.scale) == (decimals, scale)


# --- keys ---


def test_every_key_that_a_real_summary_holds_has_a_column_or_is_left_out_on_purpose() -> None:
    known = {key for keys in formats.SUMMARY_KEYS.values() for key in keys}
    left_out = {
        "Average package per request",
        "Expected number of requests",
        formats.RESULT_DB,
        formats.NOT_APPLICABLE,
    }
    written = {key for file in RUNS.rglob(formats.SUMMARY) for key in json.loads(file.read_text())}
    assert written - known == left_out


def test_every_key_that_a_real_percentile_file_holds_has_a_column_or_is_left_out_on_purpose() -> None:
    known = {key for keys in formats.PERCENTILE_KEYS.values() for key in keys} | set(formats.PERCENTILE_LABELS)
    left_out = {"Steady ITL (ms)", "PD Handoff Latency (ms)", "PD Handoff Overhead (ms)"}
    rows = [row for file in RUNS.rglob(formats.PERCENTILE) for row in json.loads(file.read_text())]
    assert {key for row in rows for key in row} - known == left_out


def test_no_key_stands_for_two_columns() -> None:
    for table in (formats.SUMMARY_KEYS, formats.PERCENTILE_KEYS):
        keys = [key for spellings in table.values() for key in spellings]
        assert len(keys) == len(set(keys))


P1 = ("First Chunk Latency (s)", "Latency (s)")
P2 = ("TTFT (s)", "TPOT (s)", "Latency (s)", "Input tokens", "Output tokens", "Throughput(tokens/s)")
P3 = ("TTFT (s)", "ITL (s)", "Latency (s)", "Input tokens", "Output tokens", "Throughput(tokens/s)")
P4 = ("TTFT (s)", "ITL (s)", "TPOT (s)", "Output throughput(tok/s)", "Total throughput(tok/s)")
P5 = ("TTFT (s)", "ITL (s)", "TPOT (s)", "Latency (s)", "Output (tok/s)", "Total (tok/s)")
P6 = ("Latency (s)", "TTFT (ms)", "ITL (ms)", "TPOT (ms)", "Output (tok/s)", "Total (tok/s)", "Decode (tok/s)")


@pytest.mark.parametrize(
    ("era", "ttft", "itl", "tpot", "output", "total"),
    [
        (P1, "First Chunk Latency (s)", None, None, None, None),
        (P2, "TTFT (s)", "TPOT (s)", None, "Throughput(tokens/s)", None),
        (P3, "TTFT (s)", "ITL (s)", None, "Throughput(tokens/s)", None),
        (P4, "TTFT (s)", "ITL (s)", "TPOT (s)", "Output throughput(tok/s)", "Total throughput(tok/s)"),
        (P5, "TTFT (s)", "ITL (s)", "TPOT (s)", "Output (tok/s)", "Total (tok/s)"),
        (P6, "TTFT (ms)", "ITL (ms)", "TPOT (ms)", "Output (tok/s)", "Total (tok/s)"),
    ],
    ids=["P1", "P2", "P3", "P4", "P5", "P6"],
)
def test_each_era_names_percentiles_in_its_own_way(
    era: tuple[str, ...], ttft: str | None, itl: str | None, tpot: str | None, output: str | None, total: str | None
) -> None:
    row = dict.fromkeys(era, 1.0)
    found = [formats.percentile_key(metric, row) for metric in ("ttft", "itl", "tpot", "output", "total")]
    assert found == [ttft, itl, tpot, output, total]


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("1%", 1),
        ("10%", 10),
        ("99%", 99),
        ("min", 0),
        ("max", 100),
        ("100%", None),
        ("", None),
        ("x%", None),
        ("-5%", None),
        ("99.9%", None),
        (None, None),
        (50, None),
        (["10%"], None),
        ("10% ", None),
        ("٣%", None),
    ],
)
def test_percentile_labels(text: Any, percent: int | None) -> None:
    assert formats.percentile_label(text) == percent


# --- values ---


@pytest.mark.parametrize(
    ("value", "key", "sentinel"),
    [
        (-1, "Average latency (s)", True),
        (-1.0, "Avg Latency (s)", True),
        (-1.0, "Avg TTFT (ms)", True),
        (-1000.0, "Avg TTFT (ms)", True),
        (-1000, "TPOT (ms)", True),
        (-1000.0, "Avg Latency (s)", False),
        (-1000.0, "Output Throughput (tok/s)", False),
        (0.0, "Avg TTFT (ms)", False),
        (-0.5, "Avg TTFT (ms)", False),
        (-2, "Average QPS", False),
    ],
)
def test_sentinels_depend_on_the_unit(value: float, key: str, sentinel: bool) -> None:
    assert (value in formats.sentinels(key)) is sentinel


def test_only_milliseconds_are_divided() -> None:
    divided = {k for keys in formats.SUMMARY_KEYS.values() for k in keys if formats.divisor(k) == 1000.0}
    assert divided == {k for keys in formats.SUMMARY_KEYS.values() for k in keys if k.endswith("(ms)")}
    assert formats.divisor("Avg Latency (s)") == 1.0


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        ("embedding", True),
        ("openai_embedding", True),
        ("rerank", True),
        ("vllm_rerank", True),
        ("systemone", True),
        ("autotrust", True),
        ("openai", False),
        ("local_vllm", False),
        ("systemone2", False),
        ("", False),
        (None, False),
    ],
)
def test_input_only_apis(api: str | None, expected: bool) -> None:
    assert formats.is_input_only(api) is expected


# --- folders ---


@pytest.mark.parametrize(
    "name",
    [
        "parallel_1_number_5",
        "parallel_128_number_1000",
        "rate_20.0_number_4",
        "rate_40.5_number_6",
        "rate_3_number_1",
        "rate_-1.0_number_8",
        "parallel_-1_number_8",
        "sla_parallel_8_run_0",
        "sla_rate_2.5_run_12",
        "sla_rate_4_run_1",
    ],
)
def test_level_folders(name: str) -> None:
    assert formats.is_level(name)


@pytest.mark.parametrize(
    "name",
    [
        "parallel_4",
        "xparallel_4_number_8",
        "parallel_4_number_8_old",
        "parallel_4.5_number_8",
        "rate_1._number_8",
        "sla",
        "sla_tuning",
        "sla_parallel_8_run_",
        "parallel_4_number_8\n",
        "parallel__number_1",
        "",
        "parallel_٣_number_1",
    ],
)
def test_other_folders_are_no_levels(name: str) -> None:
    assert not formats.is_level(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20251129_135846", True),
        ("20251129_13584", False),
        ("x20251129_135846", False),
        ("20251129_135846_2", False),
        ("20251129-135846", False),
        ("20251129_135846\n", False),
        ("٢٠٢٥١١٢٩_١٣٥٨٤٦", False),
        ("", False),
    ],
)
def test_timestamp_folders(name: str, expected: bool) -> None:
    assert formats.is_timestamp(name) is expected


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("plain", ("plain",)),
        ("tp2/dp4", ("tp2", "dp4")),
        ("/tp2//dp4/", ("tp2", "dp4")),
        ('a:b|c?d*e<f>g"h', ("a_b_c_d_e_f_g_h",)),
        ("", ()),
    ],
)
def test_folders_that_a_name_makes(name: str, folders: tuple[str, ...]) -> None:
    assert formats.folders_of_name(name) == folders


# --- ranks ---


@pytest.mark.parametrize(
    ("count", "percent", "floor", "nearest"),
    [
        (100, 99, 99, 98),  # floor: the maximum
        (10, 50, 5, 4),
        (20, 66, 13, 13),
        (1, 10, 0, 0),
        (1, 99, 0, 0),
        (7, 0, 0, 0),
        (7, 100, 6, 6),
        (5, 80, 4, 3),
        (200, 1, 2, 1),
    ],
)
def test_floor_rank_is_one_too_high_where_the_nearest_is_exact(
    count: int, percent: int, floor: int, nearest: int
) -> None:
    assert formats.rank(count, percent, nearest=False) == floor
    assert formats.rank(count, percent, nearest=True) == nearest


@settings(deadline=None)
@given(count=st.integers(1, 5000), percent=st.integers(0, 100))
def test_the_nearest_rank_is_the_first_that_covers_the_share(count: int, percent: int) -> None:
    index = formats.rank(count, percent, nearest=True)
    assert 0 <= index < count
    assert Fraction(index + 1, count) >= Fraction(percent, 100)
    assert index == 0 or Fraction(index, count) < Fraction(percent, 100)


@settings(deadline=None)
@given(count=st.integers(1, 5000), percent=st.integers(0, 99))
def test_the_floor_rank_is_the_nearest_or_the_next(count: int, percent: int) -> None:
    floor, nearest = (formats.rank(count, percent, nearest=rule) for rule in (False, True))
    exact = count * percent % 100 == 0
    assert 0 <= floor < count
    assert floor - nearest == (1 if exact and percent else 0)


# --- percentiles as each release took them from its request rows ---

COLUMNS = frozenset({"latency", "first_chunk_latency", "time_per_output_token", "is_stream", "inter_token_latencies"})
OLD_COLUMNS = frozenset({"latency", "first_chunk_latency", "chunk_time", "n_chunks", "chunk_times"})
NAN = float("nan")


Pools = Mapping[str, Sample]


def lists_of(columns: frozenset[str], window: Window, **rows: list[float]) -> Pools:
    """The values of some requests; a column that is not given is missing in all of them."""
    count = max(len(values) for name, values in rows.items() if name != "intervals")
    whole = Rows()
    whole.succeeded.extend([1] * count)
    for name, attribute in {**database._TIMES, **database._NUMBERS}.items():
        getattr(whole, attribute).extend(rows.get(name, [NAN] * count))
    whole.intervals.extend(rows.get("intervals", []))
    measured = percentiles.Measured(columns, window)
    measured.add(whole)
    return measured.by_release()


def found(values: Pools, *metrics: str) -> list[list[float]]:
    return [[values[metric].smallest(rank) for rank in range(values[metric].count)] for metric in metrics]


def scrambled(values: Pools) -> set[str]:
    """The metrics of which some request has no value, though others have."""
    return {metric for metric, pool in values.items() if pool.dropped and pool.count}


MIXED: dict[str, list[float]] = {
    "latency": [4.0, 2.0, 3.0],
    "first_chunk_latency": [0.4, 2.0, 0.2],
    "time_per_output_token": [0.25, 0.0, 0.5],
    "completion_tokens": [8.0, 4.0, 6.0],
    "prompt_tokens": [4.0, 4.0, 9.0],
    "intervals": [0.5, 0.25],
}


def test_times_to_first_token_and_per_token_are_those_of_streamed_requests() -> None:
    values = lists_of(COLUMNS, Window("1.10.0", "1.11.1"), **MIXED, is_stream=[1.0, 0.0, 1.0])
    assert found(values, "ttft", "tpot", "decode") == [[0.2, 0.4], [0.25, 0.5], [2.0, 4.0]]
    assert found(values, "latency", "output", "total") == [[2.0, 3.0, 4.0], [2.0, 2.0, 2.0], [3.0, 4.0, 5.0]]
    assert found(values, "itl", "input") == [[0.25, 0.5], [1.0, 2.0, 3.0]]
    assert scrambled(values) == set()


@pytest.mark.parametrize("is_stream", [[0.0] * 3, [NAN] * 3], ids=["none is streamed", "the release does not say"])
def test_without_a_streamed_request_all_count(is_stream: list[float]) -> None:
    values = lists_of(COLUMNS, Window("1.9.1", "1.10.0"), **MIXED, is_stream=is_stream)
    assert found(values, "ttft", "tpot", "decode") == [[0.2, 0.4, 2.0], [0.0, 0.25, 0.5], [2.0, 4.0]]
    assert scrambled(values) == {"decode"}


@pytest.mark.parametrize(
    ("window", "is_stream", "tpot"),
    [
        (Window("1.13.0", "1.14.0"), 1.0, [0.25, 0.5]),
        (Window("1.14.1", None), 1.0, [0.25, 0.5]),
        (Window("1.12.0", "1.13.0"), 1.0, [0.0, 0.25, 0.5]),
        (Window("1.13.0", "1.14.0"), 0.0, [0.0, 0.25, 0.5]),
    ],
    ids=["1.13.0", "1.14.1", "1.12.0", "1.13.0, not streamed"],
)
def test_replies_of_one_token_have_no_time_per_token_from_1_13_0_on(
    window: Window, is_stream: float, tpot: list[float]
) -> None:
    values = lists_of(COLUMNS, window, **MIXED, is_stream=[is_stream] * 3)
    assert found(values, "tpot") == [tpot]
    assert ("tpot" in scrambled(values)) == (len(tpot) < 3)


def test_time_per_token_was_chunk_time_by_tokens_before_0_17_1() -> None:
    rows = {"latency": [1.0, 1.0, 1.0], "chunk_time": [2.0, 3.0, 4.0], "completion_tokens": [8.0, 0.0, 4.0]}
    values = lists_of(OLD_COLUMNS, Window("0.16.2", "0.17.1"), **rows)
    assert found(values, "tpot", "output") == [[0.25, 1.0], [0.0, 4.0, 8.0]]
    assert "tpot" in scrambled(values)


def test_a_latency_of_zero_gives_no_throughput() -> None:
    values = lists_of(COLUMNS, Window("1.14.1", None), latency=[0.0, 2.0], completion_tokens=[5.0, 4.0])
    assert found(values, "latency", "output") == [[0.0, 2.0], [2.0]]


def ten(**more: list[float]) -> Pools:
    """Ten requests, of which the floor rank of P50 is the sixth and the nearest the fifth."""
    return lists_of(COLUMNS, Window("1.9.1", "1.12.0"), latency=[float(i) for i in range(1, 11)], **more)


@pytest.mark.parametrize(
    ("reported", "nearest", "decided", "disagreeing"),
    [
        ({(50, "latency"): 6.0}, False, True, ()),
        ({(50, "latency"): 5.0}, True, True, ()),
        ({(50, "latency"): 5.0, (25, "latency"): 3.0}, True, True, ()),
        ({(25, "latency"): 3.0}, None, False, ()),  # both rules fit
        ({}, None, False, ()),
        ({(50, "latency"): 7.0}, None, False, ("latency",)),
        ({(50, "latency"): 6.0, (90, "latency"): 9.0}, None, False, ("latency",)),  # one fits here, the other there
        ({(25, "latency"): 3.0, (50, "ttft"): 1.0}, None, False, ("ttft",)),  # no request has it
        ({(50, "latency"): 6.0001}, None, False, ("latency",)),
    ],
)
@pytest.mark.parametrize(
    ("window", "default"), [(Window("1.10.0", "1.12.0"), False), (Window("1.11.1", "1.12.0"), True)]
)
def test_the_rank_rule_is_the_one_that_reproduces_the_file_else_that_of_the_release(
    window: Window,
    default: bool,
    reported: dict[tuple[int, str], float],
    nearest: bool | None,
    decided: bool,
    disagreeing: tuple[str, ...],
) -> None:
    # missing values of all requests make no list at all, so that nothing was scrambled there
    values = {metric: pool if pool.count else Sample() for metric, pool in ten().items()}
    rule = percentiles.rank_rule(values, reported, window)
    assert (rule.decided, rule.disagreeing) == (decided, disagreeing)
    assert rule.nearest is (default if nearest is None else nearest)


@pytest.mark.parametrize(
    ("window", "disagreeing"), [(Window("1.12.0", "1.13.0"), ()), (Window("1.13.0", "1.14.0"), ("ttft",))]
)
def test_a_list_that_held_nan_takes_no_part_before_1_13_0(window: Window, disagreeing: tuple[str, ...]) -> None:
    values = ten(first_chunk_latency=[NAN, *(float(i) for i in range(1, 10))])
    assert "ttft" in scrambled(values)
    assert percentiles.rank_rule(values, {(25, "latency"): 3.0, (50, "ttft"): 77.0}, window).disagreeing == disagreeing


def test_a_percentile_is_one_of_the_values_rounded_as_the_release_did() -> None:
    new, old = Window("1.14.1", None), Window("1.9.1", "1.10.0")
    values = lists_of(COLUMNS, new, latency=[0.123456, 0.987654])["latency"]
    assert percentiles.as_reported(values, 50, True, new, "latency") == 0.1235
    assert percentiles.as_reported(values, 50, False, old, "latency") == 0.99
    assert percentiles.as_reported(values, 50, True, old, "ttft") == 123.46
    assert percentiles.as_reported(Sample(), 50, True, new, "latency") is None


def test_only_times_of_tokens_are_in_milliseconds_from_1_7_0_on() -> None:
    new, old = Window("1.7.0", "1.7.1"), Window("1.6.1", "1.7.0")
    assert [percentiles.in_file(metric, new) for metric in ("ttft", "itl", "tpot")] == [1000.0] * 3
    assert [percentiles.in_file(metric, new) for metric in ("latency", "output")] == [1.0] * 2
    assert [percentiles.in_file(metric, old) for metric in ("ttft", "latency")] == [1.0] * 2
