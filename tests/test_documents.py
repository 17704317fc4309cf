"""The documentation: short where a newcomer begins, every link leads somewhere, and a new evalscope release or a new
column makes none of it untrue."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT
from evalscope_summary.problems import CODES
from evalscope_summary.settings import complete
from evalscope_summary.status import State, compose

READMES = ("README.md", "README.zh-CN.md")
PAGES = sorted(
    str(page.relative_to(CHECKOUT))
    for folder in (".", "docs", "config", "benchmarks", "report", "tests/fixtures")
    for page in (CHECKOUT / folder).glob("*.md")
)
_CODE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)


def text(page: str) -> str:
    return (CHECKOUT / page).read_text("utf-8")


def anchors(page: str) -> set[str]:
    """What a link can name after `#`: the headings of a page, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", _CODE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_has_at_most_200_lines(readme: str) -> None:
    assert len(text(readme).splitlines()) <= 200


def test_both_readmes_have_the_same_sections_commands_and_tables() -> None:
    english, chinese = (text(readme) for readme in READMES)
    for part in (r"^#+ ", r"^(?:snakemake|make|source|python3?|git|cd|pip|conda|docker) .*?(?=\s+#|$)", r"^<!-- .*"):
        found = [re.findall(part, readme, re.MULTILINE) for readme in (english, chinese)]
        assert found[0] == found[1]
        assert found[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_in_it(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", _CODE.sub("", text(page))):
        if re.match(r"[a-z]+://", target):
            continue
        file, _, anchor = target.partition("#")
        path = (CHECKOUT / page).parent / file if file else CHECKOUT / page
        assert path.exists(), f"{page} names {target}"
        if anchor:
            assert anchor in anchors(str(path.resolve().relative_to(CHECKOUT))), f"{page} names {target}"


def test_no_page_names_the_newest_release_by_hand() -> None:
    releases = [folder.name for folder in (CHECKOUT / "tests" / "fixtures" / "runs").iterdir()]
    newest = max(releases, key=lambda release: [int(part) for part in release.split(".")])
    for page in PAGES:
        by_hand = re.sub(r"<!-- generated.*?<!-- end of generated -->", "", text(page), flags=re.DOTALL)
        assert not re.search(rf"(?<![\d.]){re.escape(newest)}(?![\d.])", by_hand), page
        assert not re.search(r"\b\d+ releases\b", by_hand), page


def test_every_problem_code_has_a_chinese_meaning() -> None:
    chinese = json.loads(text("config/columns.zh.json"))
    assert [code for code, meaning in CODES.items() if meaning not in chinese] == []


def test_every_key_of_the_configuration_is_explained_once() -> None:
    page = text("config/README.md")
    keys = json.loads(text("config/config.schema.json"))["properties"].keys() - {"pathvars"}
    explained = re.findall(r"^(?:\| |- \*{0,2}|#+ )`(\w+)`", page, re.MULTILINE)
    assert sorted(explained) == sorted(keys)


def commands() -> list[tuple[str, str]]:
    """Page → each line of a page that starts a Snakemake, in code or in a table."""
    return [
        (page, found)
        for page in PAGES
        for line in text(page).splitlines()
        for found in re.findall(r"snakemake [^`|]*", line)
        if re.search(r"--(config|cores|unlock)", found)
    ]


def test_no_command_has_two_configs_or_a_target_behind_one() -> None:
    assert commands()
    for page, command in commands():
        assert len(re.findall(r"--config(?=[ =])", command)) <= 1, (page, command)
        behind = re.search(r"--config (.*?)(?= -|$)", command)
        if behind and "…" not in behind[1]:
            first = behind[1].split("#")[0].split()
            words = [word for word in first if word.isascii()]
            assert all("=" in word or words[i - 1].count('"') == 1 for i, word in enumerate(words)), (page, command)


def test_unlocking_is_shown_with_the_whole_command() -> None:
    shown = [(page, command) for page, command in commands() if "--unlock" in command]
    assert shown
    for page, command in shown:
        assert "-s " in command, (page, command)


def test_the_example_for_cron_sends_a_mail_with_the_log_if_something_is_wrong(tmp_path: Path) -> None:
    (script,) = (
        code for code in re.findall(r"```bash\n(.*?)```", text("docs/pipelines.md"), re.DOTALL) if "mail" in code
    )
    programs = {
        "evalscope-summary": 'echo "1 run skipped: $*"; exit "$STATUS"',
        "mail": 'echo "$*" > mailed; cat >> mailed',
    }
    for name, program in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / name).chmod(0o755)
    for status in ("0", "3"):
        done = subprocess.run(
            ["bash", "-c", script.replace("/srv/perf", str(tmp_path))],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "STATUS": status},
        )
        assert done.returncode == int(status)
        assert (tmp_path / "mailed").exists() == (status == "3")
    mailed = (tmp_path / "mailed").read_text()
    assert "status 3 team@example.org" in mailed
    assert "1 run skipped: /data/perf --strict=new" in mailed


def test_the_example_for_ci_asks_for_what_is_new_before_anything_else_makes_tables() -> None:
    (code,) = re.findall(r"```yaml\n(name: .*?)```", text("docs/pipelines.md"), re.DOTALL)
    (job,) = yaml.safe_load(code)["jobs"].values()
    runs = [
        step["run"] for step in job["steps"] if "evalscope-summary" in step.get("run", "") and "pip" not in step["run"]
    ]
    assert runs == ["evalscope-summary /data/perf --strict=new", "evalscope-summary report /data/perf"]


def test_the_status_has_the_keys_that_are_documented() -> None:
    settings = complete({})
    status = compose(State([], []), None, settings, True, 0.0)
    table = text("docs/pipelines.md").partition("## `summary_status.json`")[2].partition("\n## ")[0]
    documented = {key for line in table.splitlines() if line.startswith("| `") for key in re.findall(r"`(\w+)`", line)}
    assert set(status) <= documented
