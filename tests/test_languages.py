"""What people read is Chinese under a Chinese locale, and English where it is data."""

import ast
import errno
import json
import os
import re

import pytest
from conftest import CHECKOUT, MIXED, inventory_of
from evalscope_summary import jsonfile
from evalscope_summary.languages import CATALOG, counted, counts, language, translated
from evalscope_summary.records import read_source
from evalscope_summary.settings import schema

CHINESE = re.compile("[\u4e00-\u9fff]")
FIELD = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
    ],
)
def test_the_locale_says_the_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_every_chinese_text_has_the_fields_of_the_english_one() -> None:
    for english, chinese in json.loads(CATALOG.read_text("utf-8")).items():
        assert set(FIELD.findall(chinese)) == set(FIELD.findall(english)), english
        assert CHINESE.search(chinese), english


def test_every_key_of_the_configuration_is_described_in_chinese() -> None:
    catalog = json.loads(CATALOG.read_text("utf-8"))
    missing = [
        key for key, rule in schema()["properties"].items() if "default" in rule and rule["description"] not in catalog
    ]
    assert missing == [], "their descriptions belong into config/messages.zh.json"


def said() -> set[str]:
    """The texts of the programs that are said in the language of the locale."""
    found = set()
    for file in (CHECKOUT / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "say"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found


def test_all_that_is_said_is_translated() -> None:
    assert said() - set(json.loads(CATALOG.read_text("utf-8"))) == set()


def problems() -> set[str]:
    """The messages of the problems of all fixtures, of every tool."""
    found = set()
    fixtures = CHECKOUT / "tests" / "fixtures"
    for tree in (MIXED, *(fixtures / "runs").iterdir(), fixtures / "tools", fixtures / "cross_check"):
        inventory = inventory_of(tree)
        found |= {problem.message for problem in inventory.problems}
        for source, claimed in inventory.sources.items():
            for record in read_source(str(tree), source, *claimed, {"filled", "recomputed"}):
                parts = [record.common, record.reported, *record.derived.values()]
                found |= {
                    problem.message for problem in (*record.problems, *(p for part in parts for p in part.problems))
                }
    return found


def test_every_problem_of_the_fixtures_is_translated() -> None:
    messages = problems()
    assert any("GuideLLM" in message for message in messages)
    for message in messages:
        chinese = translated(message, "zh")
        assert CHINESE.search(chinese), message
        assert not re.search("[a-z]+ [a-z]+ [a-z]+ [a-z]+", chinese), f"only a part of it: {chinese}"


def in_functions(node: ast.AST, at_work: bool = False) -> set[str]:
    """The texts that the functions of a module make, without docstrings and what is documentation."""
    if isinstance(node, ast.FunctionDef):
        if node.name == "origins":
            return set()
        at_work = True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return set()
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return set(texts_of(node)) if at_work else set()
    return {text for child in ast.iter_child_nodes(node) for text in in_functions(child, at_work)}


def test_every_reason_that_a_reader_finds_is_translated() -> None:
    package = CHECKOUT / "scripts" / "evalscope_summary"
    readers = [file for file in (package / "readers").rglob("*.py") if file.name != "definitions.py"]
    sentence = re.compile("[a-z]+ [a-z]+ [a-z]+ [a-z]+")
    found = set()
    for file in (*readers, package / "tables" / "assembling.py", package / "tables" / "comparable.py"):
        found |= {text for text in in_functions(ast.parse(file.read_text("utf-8"))) if sentence.search(text)}
    assert len(found) > 30
    parts = {"run the test again", "copy it again, or run the test again"}  # of messages that are
    assert sorted(text for text in found - parts if not CHINESE.search(translated(text, "zh"))) == []


def test_what_the_system_says_of_a_file_that_can_not_be_written_is_translated_too() -> None:
    with pytest.raises(jsonfile.CantWrite) as ended, jsonfile.writing("t/x.csv"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert translated(str(ended.value), "zh") == "无法写入 t/x.csv：磁盘空间已满；请腾出空间或取得写权限，然后再次执行"


def test_what_varies_is_translated_too_and_what_nobody_translated_stays() -> None:
    text = "it can't be read: Permission denied; copy it again, or run the test again"
    assert translated(text, "zh") == "无法读取：权限不足；请重新复制，或重新测试"
    assert translated(text, "en") == text
    assert translated("nobody said so", "zh") == "nobody said so"
    assert translated("raw, problems", "zh") == "raw, problems"  # a name of tables, and no number of problems


def test_counts_know_one_and_many_and_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert (counted(1, "problem"), counted(0, "run"), counted(2, "run")) == ("1 problem", "0 runs", "2 runs")
    assert counts(1, 0, 0, "p.csv") == "1 run found, all in the tables"
    assert counts(4, 1, 1, "p.csv") == "5 runs found: 4 in the tables, 1 skipped; 1 problem, see p.csv"
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert counts(4, 1, 2, "p.csv") == "发现 5 次运行：4 次已写入表格，1 次已跳过；2 个问题，详见 p.csv"


NOT_SHOWN = {"ValueError"}  # caught, and told in other words
LOGS = {"extract.py", "pack.py", "request_rows.py"}  # of jobs: they print what they did into their logs


def texts_of(node: ast.expr) -> list[str]:
    """The texts that an expression may be, with `7` for what varies."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)]
    if isinstance(node, ast.BinOp):
        return [left + right for left in texts_of(node.left) for right in texts_of(node.right)]
    if isinstance(node, ast.IfExp):
        return [*texts_of(node.body), *texts_of(node.orelse)]
    return []


def messages() -> set[str]:
    """What the programs raise, note as problems and print: sentences, found in their source."""
    found = set()
    for file in (CHECKOUT / "scripts").rglob("*.py"):
        if file.name == "document.py":
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else node
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func)
            told = name in (
                "Problem",
                "print_message",
                "parser.exit",
                "parser.error",
                "print" if file.name not in LOGS else "",
            )
            if told or (isinstance(node, ast.Raise) and name not in NOT_SHOWN):
                values = [*call.args, *(keyword.value for keyword in call.keywords)]
                found |= {text for value in values for text in texts_of(value)}
    letters = re.compile("[a-z]+ [a-z]+ [a-z]+ [a-z]+")
    return {text.strip() for text in found if letters.search(text) and not CHINESE.search(text)}


def test_every_message_in_the_source_is_translated() -> None:
    found = messages()
    assert len(found) > 30
    assert [text for text in sorted(found) if not CHINESE.search(translated(text, "zh"))] == []
