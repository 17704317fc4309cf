"""Patterns of the configuration: as Python's regular expressions, but they always end."""

import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import MIXED, frame_of
from evalscope_summary import patterns
from evalscope_summary.discovery import discover
from evalscope_summary.labels import pattern_labels
from evalscope_summary.layouts import label_columns
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.settings import WrongConfiguration, complete
from evalscope_summary.tables.assembling import assemble
from evalscope_summary.tables.groups import groups
from evalscope_summary.tables.repeats import without_repeat
from hypothesis import given, settings
from hypothesis import strategies as st

RUN = "1.4.2/p1_n5_dp_short/20261124_021947/mock-7b"
ENDLESS = "(a+)+$"
TEXT = "a" * 40 + "!"


def test_a_pattern_that_would_try_for_ever_ends() -> None:
    assert without_repeat(ENDLESS, TEXT) == TEXT
    assert pattern_labels(f"(?P<x>{ENDLESS})", TEXT) == {}


PIECES = (
    *("a", "b", "é", "中", "/", "-", ".", "_", r"\.", r"\d", r"\D", r"\w", r"\W", r"\/", "[0-9]", "[^/]", r"[\w.-]"),
    *(r"[^\d]", r"[^\w/]", r"[\Da]", "[a[]", "[]a]", "[^]a]", r"[\]-]", r"\u4e2d", r"\x41", "repeat", "^", r"\A"),
)
PIECE = st.sampled_from(PIECES)
PATTERN = st.recursive(
    PIECE,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: f"(?:{a}|{b})", inner, inner),
        st.builds(lambda a, n: f"({a}){n}", inner, st.sampled_from(["", "?", "??", "{1,3}"])),
        st.builds(lambda a, n: f"(?:{a}){n}", PIECE.filter(lambda p: p not in ("^", r"\A")), st.sampled_from("*+")),
    ),
    max_leaves=6,
)


@given(PATTERN, st.booleans(), st.text(st.sampled_from("abAé中٣/-._[]]1 2repeat"), max_size=12))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_ordinary_patterns_find_what_python_finds(pattern: str, any_case: bool, text: str) -> None:
    pattern = f"{'(?i)' if any_case else ''}(?P<all>{pattern})"
    expected, found = re.search(pattern, text), patterns.compiled(pattern).search(text)
    assert (found and (found.span(), found.groups())) == (expected and (expected.span(), expected.groups()))
    if not re.match(pattern, ""):  # after an empty match, Python takes what is there, too
        assert patterns.compiled(pattern).sub("", text) == re.sub(pattern, "", text)
    assert patterns.names(pattern) == ("all",)


@pytest.mark.parametrize("key", ["label_pattern", "repeat_pattern"])
@pytest.mark.parametrize(
    "pattern", ["(?P<x>a)(?=b)", "(?P<x>a)(?<!b)", r"(?P<x>a)\1", "(?P<x>a)(?P=x)", "(?P<x>a*+)", "(?P<x>a{2000})"]
)
def test_what_takes_other_than_linear_time_is_refused_with_what_to_write_instead(
    key: str, pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WrongConfiguration, match="can't be used") as caught:
        complete({key: pattern})
    for part in (repr(key), repr(pattern), "RE2", "name with (?P<name>"):
        assert part in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["(", "[", r"\C", r"\Qa.b\E", r"\pL", "a**"])
def test_what_python_does_not_know_is_no_regular_expression(pattern: str) -> None:
    with pytest.raises(WrongConfiguration, match="is no regular expression"):
        complete({"repeat_pattern": pattern})


def test_folders_that_are_no_utf8_are_matched_as_the_table_shows_them(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9") / RUN
    shutil.copytree(MIXED / RUN, folder)
    ((path, claimed),) = discover(str(tmp_path)).sources.items()
    config = complete({"label_pattern": "^(?P<x>[^/]+)/", "repeat_pattern": "af"})
    row = assemble(read_run(str(tmp_path), path, claimed.signature, {"filled"}), config)
    assert row["x"] == row["run"].partition("/")[0]
    found = groups(frame_of(label_columns(config), [row]), config)
    assert found.labels["config"][0] == row["config"].replace("af", "")
