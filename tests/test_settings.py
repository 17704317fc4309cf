"""The configuration: one schema, complete defaults, errors that name the key."""

from datetime import date, datetime
from typing import Any

import pytest
from evalscope_summary.columns import GROUP_LABELS
from evalscope_summary.layouts import FORMATS, STATISTICS, TABLES
from evalscope_summary.settings import WrongConfiguration, complete, schema


def test_every_key_has_a_description_and_a_default_that_the_schema_accepts() -> None:
    for key, rule in schema()["properties"].items():
        assert rule["description"], key
        if key != "pathvars":
            assert complete({key: rule["default"]})[key] == rule["default"]


def test_an_empty_configuration_gets_every_default() -> None:
    rules = schema()["properties"]
    defaults = {key: rule["default"] for key, rule in rules.items() if "default" in rule}
    assert complete({}) == defaults | {"labels": []}  # of labels files: the tree is not known yet


def test_the_default_grouping_is_every_label_of_the_column_table() -> None:
    rule = schema()["properties"]["group_by"]
    assert rule["default"] == list(GROUP_LABELS)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"result_dir": "x"}, ["'result_dir'", "did you mean 'results_dir'"]),
        ({"zzz": 1}, ["'zzz'", "the keys are"]),
        ({"batches": "many"}, ["'batches'", "many", "integer"]),
        ({"batches": 0}, ["'batches'"]),
        ({"batches": 257}, ["'batches'"]),
        ({"columns": "some"}, ["'columns'", "standard"]),
        ({"formats": "csv"}, ["'formats'", "array"]),
        ({"formats": ["xml"]}, ["'formats'", "csv"]),
        ({"group_by": ["config", "modle"]}, ["'group_by'", "modle"]),
        ({"results_dir": 7}, ["'results_dir'", "string"]),
        ({"strict": "yes"}, ["'strict'", "new"]),
        ({"accepted_problems": ["old"]}, ["'accepted_problems'", "code:run"]),
        ({"exclude": [1]}, ["'exclude'"]),
        ({"group_by": ["config", "zzz"]}, ["'group_by'", "'zzz'", "there are config"]),
        ({"statistics": ["mean"]}, ["'statistics'", "avg"]),
        ({"statistics": []}, ["'statistics'"]),
        ({"tables": ["raws"]}, ["'tables'", "overview"]),
        ({"metrics": "fresh"}, ["'metrics'", "recomputed"]),
        ({"repeat_pattern": "("}, ["'repeat_pattern'", "no regular expression", "unterminated"]),
        ({"label_pattern": "(?P<gpu"}, ["'label_pattern'", "no regular expression"]),
        ({"label_pattern": "h100"}, ["'label_pattern'", "no named group", "(?P<name>"]),
        ({"label_pattern": "(?P<model>.*)"}, ["'label_pattern'", "'model'", "another"]),
        ({"label_pattern": "(?P<count>.*)"}, ["'label_pattern'", "'count'"]),
        ({"label_pattern": "(?P<metric>.*)"}, ["'label_pattern'", "'metric'"]),
        ({"label_pattern": "(?P<latency_ci95>.*)"}, ["'label_pattern'", "'latency_ci95'"]),
        ({"label_pattern": "(?P<gpu>.*)", "group_by": ["gpus"]}, ["'group_by'", "did you mean 'gpu'"]),
        ({"output": "a{b}"}, ["'output'", "No braces"]),
        ({"since": "yesterday"}, ["'since'", "'yesterday'", "20260131"]),
        ({"until": "20260231"}, ["'until'", "20260231"]),
        ({"since": ["20260131"]}, ["'since'", "string"]),
        ({"since": 20260201, "until": "2026-01-31"}, ["'since' 20260201 is later than 'until' 2026-01-31"]),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(WrongConfiguration) as caught:
        complete(config)
    for text in named:
        assert text in str(caught.value)


def test_truth_values_of_the_command_line_may_be_lower_case() -> None:
    assert complete({"strict": "true", "fill_percentiles": "False"})["strict"] is True
    assert complete({"strict": "true", "fill_percentiles": "False"})["fill_percentiles"] is False


def test_times_are_taken_as_yaml_reads_them() -> None:
    for written in ("20260131_120000", 20260131120000, datetime(2026, 1, 31, 12), "2026-01-31T12:00"):
        assert complete({"since": written})["since"] == "20260131_120000"
    for day in (20260131, date(2026, 1, 31), "2026-01-31"):
        config = complete({"since": day, "until": day})
        assert (config["since"], config["until"]) == ("20260131_000000", "20260131_235959")


def test_formats_tables_and_statistics_of_the_schema_are_those_of_the_code() -> None:
    values = {key: rule["items"].get("enum") for key, rule in schema()["properties"].items() if "items" in rule}
    assert values["formats"] == list(FORMATS)
    assert values["tables"] == ["overview", *TABLES, "requests"]
    assert values["statistics"] == list(STATISTICS)


def test_columns_of_a_label_pattern_can_group() -> None:
    config = complete({"label_pattern": "(?P<gpu>[^/]+)x", "group_by": ["gpu", "parallel"]})
    assert config["group_by"] == ["gpu", "parallel"]
