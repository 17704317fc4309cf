"""When the record of a run is kept, and when the run is read again."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MIXED, got, inventory_of
from evalscope_summary import jsonfile, signatures
from evalscope_summary.discovery import Signature, discover
from evalscope_summary.inventory import Inventory
from evalscope_summary.readers.evalscope import formats
from evalscope_summary.record import Record
from evalscope_summary.records import Records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_corrupt import as_another_user_than_root, open_to_all, read_problems

__all__ = ["open_to_all"]


def an_inventory(root: Path, *runs: str) -> Inventory:
    inventory = inventory_of(root)
    return replace(inventory, sources={run: inventory.sources[run] for run in runs})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    source = next(path.parent for path in sorted(MIXED.rglob(formats.DATABASE)))
    for run in ("a", "b"):
        shutil.copytree(source, tmp_path / "results" / run, copy_function=shutil.copyfile)
    return tmp_path / "results"


# --- damage ---

_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Something that happens to the bytes of a record."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "zeros", "replace", "drop", "add", "other"]))
    place, size = draw(st.floats(0, 1)), draw(st.integers(1, 600))
    if kind in ("replace", "drop", "add"):
        steps, value = draw(st.lists(st.integers(0, 30), min_size=1, max_size=4)), draw(_ANY_JSON)
        return lambda data: _mutated(data, kind, steps, value)
    byte = draw(st.integers(1, 255))

    def damage(data: bytes) -> bytes:
        at = min(int(place * len(data)), len(data) - 1)
        if kind == "flip":
            return data[:at] + bytes([data[at] ^ byte]) + data[at + 1 :]
        if kind == "insert":
            return data[:at] + bytes([byte]) * size + data[at:]
        if kind == "zeros":
            return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
        return data[:at] if kind == "cut" else b'{"a": 1}'

    return damage


def _mutated(data: bytes, kind: str, steps: list[int], value: Any) -> bytes:
    """Replace, drop or add an entry somewhere in the JSON."""
    content = json.loads(data)
    where: Any = content
    for step in steps[:-1]:
        inner = list(where.values()) if isinstance(where, dict) else where
        if not inner or not isinstance(inner[step % len(inner)], dict | list):
            break
        where = inner[step % len(inner)]
    keys = list(where) if isinstance(where, dict) else list(range(len(where)))
    if kind == "add" or not keys:
        where.update(added=value) if isinstance(where, dict) else where.append(value)
    elif kind == "drop":
        del where[keys[steps[-1] % len(keys)]]
    else:
        where[keys[steps[-1] % len(keys)]] = value
    return json.dumps(content, separators=(",", ":")).encode()


@pytest.fixture
def kept(tree: Path) -> tuple[Inventory, Records, Record]:
    """An inventory with run `a`, and its records, with what was read."""
    inventory, records = an_inventory(tree, "a"), Records(tree.parent / "records")
    return inventory, records, got(records, inventory, "a")[0]


@given(damage=damages())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_to_a_record_the_run_is_read_again(
    kept: tuple[Inventory, Records, Record], damage: Callable[[bytes], bytes]
) -> None:
    inventory, records, sound = kept
    path = Path(records.path("a"))
    before = path.read_bytes()
    damaged = damage(before)
    path.write_bytes(damaged)
    found, read = got(records, inventory, "a")
    assert read == (damaged != before)
    assert path.read_bytes() == before
    assert replace(found, run="") == replace(sound, run="")


@pytest.mark.parametrize("value", [None, [], "text", 1])
@pytest.mark.parametrize("key", ["common", "arguments", "derived"])
def test_a_record_with_an_entry_of_a_wrong_type_is_made_again(tree: Path, key: str, value: object) -> None:
    inventory, records = an_inventory(tree, "a"), Records(tree.parent / "records")
    sound, _ = got(records, inventory, "a")
    path = Path(records.path("a"))
    content = json.loads(path.read_bytes())
    if content["records"][0][key] == value:
        pytest.skip("that is what it holds")
    content["records"][0][key] = value
    path.write_text(json.dumps(content))
    found, read = got(records, inventory, "a")
    assert read
    assert found.values == sound.values


def test_the_record_of_another_run_is_not_taken(tree: Path) -> None:
    inventory, records = an_inventory(tree, "a", "b"), Records(tree.parent / "records")
    os.utime(tree / "b" / formats.SUMMARY)
    inventory.sources["b"] = inventory.sources["a"]
    for run in inventory.sources:
        assert got(records, inventory, run)[1]
    shutil.copyfile(records.path("a"), records.path("b"))
    found, read = got(records, inventory, "b")
    assert read
    assert found.values["run"] == "b"


# --- dates ---


@pytest.mark.parametrize("seconds", [-(10**10), -1, 0, 10**10, 2 * 10**10, 2**40])
def test_a_file_of_any_date_is_read_and_kept(tree: Path, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    signed = signatures._signed

    class Dated:
        def __init__(self, status: os.stat_result) -> None:
            self.st_mode, self.st_size, self.st_mtime_ns = status.st_mode, status.st_size, seconds * 10**9 + 1

    # few file systems hold such dates
    monkeypatch.setattr(signatures, "_signed", lambda status, *path: signed(Dated(status), *path))
    inventory, records = an_inventory(tree, "a"), Records(tree.parent / "records")
    assert discover(str(tree)).sources["a"] == inventory.sources["a"]
    assert [got(records, inventory, "a")[1] for _ in range(2)] == [True, False]


# --- permissions ---


def starts(tree: Path, folder: Path) -> tuple[Signature, bool, list[str]]:
    """What a start finds and does about run `a`: its signature, whether it was read, what is said of it."""
    found = discover(str(tree))
    inventory = inventory_of(tree)
    path = folder / "inventory.json"
    path.write_bytes(inventory.dump())
    records = Records(folder / "records")
    record, read = got(records, inventory, "a")
    records.correct(path)
    assert Inventory.load(path).sources == found.sources, "the next start would run again, and change nothing"
    return (
        found.sources["a"],
        read,
        sorted({f"{p.code} {p.file}" for p in [*record.problems, *record.derived["filled"].problems]}),
    )


@pytest.fixture
def shared_tree(open_to_all: Path, tree: Path) -> Path:
    """A tree and a folder for records that every user can get at."""
    shutil.copytree(tree, open_to_all / "results")
    (open_to_all / "work").mkdir()
    (open_to_all / "work").chmod(0o777)
    read_problems(open_to_all / "results")  # what is imported on the way may be in a folder that is not for all
    return open_to_all / "results"


@pytest.mark.parametrize("name", [formats.SUMMARY, formats.ARGS, formats.PERCENTILE, formats.DATABASE, "."])
def test_a_run_that_may_be_read_from_now_on_is_read_at_the_next_start(shared_tree: Path, name: str) -> None:
    path, work = shared_tree / "a" / name, shared_tree.parent / "work"
    mode = path.stat().st_mode
    path.chmod(0o444 if name == "." else 0)  # a folder that may be listed, but not entered
    first = as_another_user_than_root(lambda: starts(shared_tree, work))
    assert first[1]
    assert first[2], "nothing is said of it"
    assert all("incomplete" not in problem for problem in first[2])
    assert as_another_user_than_root(lambda: starts(shared_tree, work))[1] is False
    path.chmod(mode)
    _, read, problems = as_another_user_than_root(lambda: starts(shared_tree, work))
    assert (read, problems) == (True, [])


@pytest.mark.parametrize("name", [formats.SUMMARY, formats.DATABASE])
def test_a_run_that_another_user_may_read_is_read_by_that_user(shared_tree: Path, name: str) -> None:
    if os.geteuid():
        pytest.skip("only root can be another user")
    (shared_tree / "a" / name).chmod(0)
    work = shared_tree.parent / "work"
    assert as_another_user_than_root(lambda: starts(shared_tree, work))[2]
    assert starts(shared_tree, work)[1:] == (True, [])


@pytest.mark.parametrize("name", [formats.SUMMARY, formats.PERCENTILE])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_run_that_looked_readable_and_was_not_is_tried_again_at_the_next_start(
    tree: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    read_bytes, failures = jsonfile.read_bytes, [OSError(number, os.strerror(number))]

    def read(path: str) -> bytes:
        if path.endswith(name) and failures:
            raise failures.pop()
        return read_bytes(path)

    inventory, path = an_inventory(tree, "a"), tree.parent / "1-of-1.json"
    path.write_bytes(inventory.dump())
    records = Records(tree.parent / "records")
    with monkeypatch.context() as failing:
        failing.setattr(jsonfile, "read_bytes", read)
        assert got(records, inventory, "a")[0].problems
    records.correct(path)
    assert Inventory.load(path).sources["a"].signature == {}
    again, was_read = got(Records(tree.parent / "records"), inventory, "a")
    assert (was_read, again.problems) == (True, [])


def test_a_link_that_may_not_be_followed_is_mentioned(shared_tree: Path) -> None:
    hidden = shared_tree.parent / "hidden"
    shutil.move(shared_tree / "b", hidden / "b")
    (shared_tree / "b").symlink_to(hidden / "b")
    (shared_tree / "loop").symlink_to("loop")
    (shared_tree / "nowhere").symlink_to("gone")
    hidden.chmod(0)
    problems = as_another_user_than_root(lambda: discover(str(shared_tree)).problems)
    hidden.chmod(0o755)
    assert [problem[:4] for problem in problems.values()] == [["skipped", "incomplete", "b", ""]]
    assert discover(str(shared_tree)).sources.keys() == {"a", "b"}


# --- what is left out ---


def test_records_of_what_is_left_out_are_kept_and_those_of_what_is_gone_are_not(tree: Path, tmp_path: Path) -> None:
    for run in ("old/2024/m", "old/m", "older/m", "gone"):
        shutil.copytree(tree / "a", tree / run)
    inventory, records = inventory_of(tree), Records(tmp_path / "work" / "records")
    for run in inventory.sources:
        records.get(inventory, run)
    (records.folder / "00").mkdir(exist_ok=True)
    (records.folder / "00" / "x.tmp").write_bytes(b"{")
    now = replace(inventory, sources={"a": inventory.sources["a"]})
    assert records.remove_others(now, 0, 1, {"old", "b"}) == 3
    left = {run for run in inventory.sources if Path(records.path(run)).exists()}
    assert left == {"a", "b", "old/m", "old/2024/m"}
