"""The documentation: short where a newcomer begins, every link leads somewhere, and a new evalscope release or a new
column makes none of it untrue."""

import json
import re

import pytest
from conftest import CHECKOUT
from evalscope_summary.problems import CODES

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
