"""The configuration: one schema, complete defaults, errors that name the key."""

from typing import Any

import pytest
from evalscope_summary.columns import GROUP_LABELS
from evalscope_summary.settings import WrongConfiguration, complete, schema


def test_every_key_has_a_description_and_a_default_that_the_schema_accepts() -> None:
    for key, rule in schema()["properties"].items():
        assert rule["description"], key
        if key != "pathvars":
            assert complete({key: rule["default"]})[key] == rule["default"]


def test_an_empty_configuration_gets_every_default() -> None:
    rules = schema()["properties"]
    assert complete({}) == {key: rule["default"] for key, rule in rules.items() if "default" in rule}


def test_the_default_grouping_is_every_label_of_the_column_table() -> None:
    rule = schema()["properties"]["group_by"]
    assert rule["default"] == list(GROUP_LABELS) == rule["items"]["enum"]


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
        ({"strict": "yes"}, ["'strict'", "boolean"]),
        ({"exclude": [1]}, ["'exclude'"]),
        ({"output": "a{b}"}, ["'output'", "No braces"]),
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
