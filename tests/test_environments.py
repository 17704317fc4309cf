"""Where the workflow is run: conda environments of rules, the container, Snakemake's own environment."""

import dataclasses
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Project
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVIRONMENTS = {path.stem: path for path in (CHECKOUT / "envs").glob("*.yaml")}
ALL = "evalscope-summary"
"""The environment for people who install everything at once; the others are of rules."""

CONDA_NAMES = {"python-fastjsonschema": "fastjsonschema", "snakemake-minimal": "snakemake"}
"""conda's name → PyPI's, where they differ."""

LIBRARIES = {
    Requirement(text).name
    for text in tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
}
"""What the project names; each is imported under its name, but those of `IMPORTED`."""

IMPORTED = {"google-re2": "re2"}
"""PyPI's name → Python's, where they differ."""


def pins(environment: str) -> dict[str, str]:
    """PyPI's name → version, of an environment, with Python's."""
    dependencies = yaml.safe_load(ENVIRONMENTS[environment].read_text("utf-8"))["dependencies"]
    parts = (dependency.split("=") for dependency in dependencies)
    return {CONDA_NAMES.get(name, name): version for name, version in parts}


def locked(python: str) -> Iterator[tuple[str, str]]:
    """Names and versions that the lock file has for a Python."""
    for line in (CHECKOUT / "requirements.lock").read_text("utf-8").splitlines():
        if re.match(r"[a-z]", line):
            requirement = Requirement(line.removesuffix("\\"))
            on_linux = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
            if requirement.marker is None or requirement.marker.evaluate(on_linux):
                yield canonicalize_name(requirement.name), str(requirement.specifier).removeprefix("==")


CROSS_CHECK = "tests/fixtures/cross_check"  # a page shows what is read of it


def test_environments_are_made_from_the_lock_file(tmp_path: Path) -> None:
    """A new version in the lock file reaches every environment that names the library by `make docs` alone."""
    for name in ("scripts", "config", "docs", "envs", "report", "workflow", "example"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("vendor", "__pycache__"))
    shutil.copytree(CHECKOUT / CROSS_CHECK, tmp_path / CROSS_CHECK)
    for path in (
        *CHECKOUT.glob("README*.md"),
        *CHECKOUT.glob("requirements*.lock"),
        *(CHECKOUT / name for name in ("pyproject.toml", "Snakefile", "Makefile")),
    ):
        text = re.sub(r"^(orjson|tqdm)==\S+", r"\1==98.76.5", path.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text, "utf-8")
    command = [sys.executable, tmp_path / "scripts" / "document.py"]
    check = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 1
    files = [*(f"envs/{path.name}" for path in ENVIRONMENTS.values()), "report/environment.yaml"]
    assert set(files) <= set(re.findall(r"[\w/-]+\.yaml", check.stdout))
    subprocess.run(command, check=True)
    for file in files:
        old, new = ((folder / file).read_text("utf-8") for folder in (CHECKOUT, tmp_path))
        assert new == re.sub(r"- (orjson|tqdm)=\S+", r"- \1=98.76.5", old) != old


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pins_are_those_of_the_lock_file(environment: str) -> None:
    pinned = pins(environment)
    python = pinned.pop("python")
    assert pinned.items() <= set(locked(python))


def test_one_environment_has_all_that_the_project_names() -> None:
    assert pins(ALL).keys() - {"python"} == LIBRARIES


def rules() -> dict[str, str]:
    """The program of each rule → the environment that the rule names."""
    text = (CHECKOUT / "Snakefile").read_text("utf-8")
    blocks = re.split(r"^(?:use )?rule (?=\w)", text, flags=re.MULTILINE)[1:]
    of_rule, found = {}, {}
    for block in blocks:
        rule = re.split(r"\W", block.replace("stats as ", ""))[0]
        inherited = [of_rule["stats"]] if block.startswith("stats as ") else []
        for program in re.findall(r'flow\.program\(\s*"(\w+\.py)"', block):
            found[program] = of_rule[rule] = (re.findall(r'flow\.environment\("(\w+)"\)', block) or inherited)[0]
    return found


def test_every_rule_has_an_environment_and_every_environment_a_rule() -> None:
    assert set(rules().values()) == ENVIRONMENTS.keys() - {ALL}


# Imported by every Python that the workflow starts: a rule's program finds the libraries of its environment alone.
WITHOUT_OTHERS = """
import os, sys

HIDDEN = {hidden!r}

class Hides:
    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

for argument in sys.orig_argv:
    if os.path.basename(argument) in HIDDEN:
        sys.meta_path.insert(0, Hides(HIDDEN[os.path.basename(argument)]))
        open({used!r} + os.path.basename(argument), "w").close()
"""


def test_the_programs_of_rules_need_nothing_that_their_environments_lack(
    new_project: Callable[..., Project], tmp_path: Path
) -> None:
    hidden = {}
    for program, environment in rules().items():
        held = pins(environment).keys()
        needed = {
            Requirement(text).name for name in held & LIBRARIES for text in importlib.metadata.requires(name) or ()
        }
        hidden[program] = {IMPORTED.get(name, name) for name in LIBRARIES - held - needed}
    used = tmp_path / "used"
    used.mkdir()
    project = dataclasses.replace(new_project(MIXED / "0.8.0"), watch=used)
    (used / "sitecustomize.py").write_text(WITHOUT_OTHERS.format(hidden=hidden, used=f"{used}/"))
    project.configure(
        formats=["csv", "json", "parquet", "xlsx"],
        tables=["overview", "raw", "stats", "long", "compare", "requests"],
        statistics=["avg", "ci95"],
        metrics="recomputed",
        label_pattern="(?P<day>[0-9]{8})_",
        repeat_pattern="[a-z]",
        slo={"latency": 2},
        compare={"by": "tool", "baseline": "evalscope"},
        exclude=["*/dead*"],
        strict=True,
    )
    project.snakemake()
    # what is for jobs that share no files imports what `extract.py` does
    shared = rules().keys() - {"pack.py", "extract_elsewhere.py"}
    assert {path.name for path in used.glob("*.py")} - {"sitecustomize.py"} == shared


def test_finding_runs_needs_nothing_that_snakemake_does_not_bring(new_project: Callable[..., Project]) -> None:
    """With environments of rules, the one that runs Snakemake needs no more than Snakemake."""
    brought = {"snakemake", "fastjsonschema", "tabulate"}
    hidden = {IMPORTED.get(name, name) for name in LIBRARIES - brought}
    project = new_project(MIXED / "1.9.1")
    project.configure(label_pattern="(?P<day>[0-9]{8})_")
    hiding = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({sorted(hidden)!r}))
runpy.run_module("snakemake", run_name="__main__")
"""
    command = [sys.executable, "-c", hiding, *project.command("-n")[3:]]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "extract" in done.stdout


# Answers as apptainer does, as far as Snakemake asks; what runs "in the container" has another `python`.
APPTAINER = """#!/bin/sh
if [ "$1" = --version ]; then echo apptainer version 1.3.0; exit; fi
echo "$APPTAINER_BIND|$*" >> {log}
while [ "$1" != image.sif ]; do shift; done
shift
PATH={image}:$PATH exec "$@"
"""


@pytest.fixture
def apptainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts something like apptainer on PATH; returns where it notes what it is asked for."""
    log = tmp_path / "apptainer.log"
    for folder, name, text in (
        ("bin", "apptainer", APPTAINER.format(log=log, image=tmp_path / "image")),
        ("bin", "python", "#!/bin/sh\necho this is not the python of the image >&2\nexit 1\n"),
        ("image", "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n'),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text)
        (tmp_path / folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("APPTAINER_BIND", "/mine")
    return log


def test_rules_run_in_the_image_that_the_configuration_names(
    new_project: Callable[..., Project], apptainer: Path, tmp_path: Path
) -> None:
    project = new_project(MIXED / "1.9.1", batches=1)
    tree = tmp_path / "elsewhere"
    shutil.copytree(project.tree, tree)
    (project.folder / "image.sif").touch()
    project.configure(container="image.sif", results_dir=str(tree))
    outcome = project.meanwhile("--sdm", "apptainer")
    assert outcome.status == 0, outcome.text
    project.settings = {}
    assert project.tables() == project.clean_tables()
    calls = [line.partition("|") for line in apptainer.read_text("utf-8").splitlines()]
    assert len(calls) == len(re.findall(r"^ +shell:|^Activating singularity image", outcome.text, re.MULTILINE)) == 5
    for bound, _, _ in calls:
        assert bound.split(",") == ["/mine", str(project.checkout), str(tree)], "what lies elsewhere is visible inside"


def test_an_image_is_nothing_without_apptainer(built: Project) -> None:
    (built.folder / "image.sif").touch()
    built.configure(container="image.sif")
    assert NOTHING_TO_DO in built.snakemake("-n").text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["--sdm apptainer", "'container'", "docs/cluster.md"]),
        ({"container": "image.sif"}, ["'container'", "'image.sif'", "does not exist"]),
        ({"container": "image.sif; rm"}, ["'container'", "image.sif; rm", "Expected"]),
    ],
)
def test_an_image_that_there_is_not_is_one_clear_message(
    new_project: Callable[..., Project], apptainer: Path, settings: dict[str, object], words: list[str]
) -> None:
    project = new_project(MIXED / "1.9.1")
    project.configure(**settings)
    project.snakemake("--sdm", "apptainer", succeeds=False).fails_with(*words)
    assert not (project.folder / ".evalscope-summary").exists()


def test_an_importing_workflow_can_have_containers_of_its_own(
    new_project: Callable[..., Project], apptainer: Path
) -> None:
    project = new_project(MIXED / "1.9.1")
    snakefile = str(project.checkout / "Snakefile")
    module = f"module bench:\n    snakefile: {snakefile!r}\n    config: {{'batches': 1}}\nuse rule * from bench\n"
    (project.folder / "Snakefile").write_text(module)
    project.checkout, project.arguments = project.folder, ()
    project.snakemake("summary_raw.csv", "--sdm", "apptainer")
    assert not apptainer.exists()


def instructions() -> list[tuple[str, str]]:
    """The instructions of the container's definition: their names and arguments."""
    text = re.sub(r"\\\n", " ", (CHECKOUT / "Dockerfile").read_text("utf-8"))
    lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    assert {name for name, _, _ in lines} <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "ENTRYPOINT", "CMD"}
    return [(name, arguments) for name, _, arguments in lines]


def test_the_container_installs_as_the_readme_does() -> None:
    installs = [shlex.split(arguments) for name, arguments in instructions() if name == "RUN" and " pip " in arguments]
    makefile = re.search(r"-m (pip install .*-r requirements\.lock)", (CHECKOUT / "Makefile").read_text("utf-8"))
    assert makefile
    assert "--require-hashes" in makefile[1]
    assert [set(install[2:]) - {"--no-cache-dir"} for install in installs] == [set(makefile[1].split())]


def test_the_container_holds_what_the_workflow_needs(new_project: Callable[..., Project], tmp_path: Path) -> None:
    image = tmp_path / "image"
    folder = "/"
    for name, arguments in instructions():
        if name == "WORKDIR":
            folder = arguments
        if name == "COPY":
            source, target = arguments.split()
            place = image / folder.strip("/") / target
            if (CHECKOUT / source).is_dir():
                shutil.copytree(CHECKOUT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(CHECKOUT / source, place)
    last = dict(instructions())
    assert folder == "/work"
    command, option, snakefile = json.loads(last["ENTRYPOINT"])
    assert (command, option) == ("snakemake", "--snakefile")
    project = new_project(MIXED / "1.9.1")
    project.checkout = (image / snakefile.strip("/")).parent
    project.snakemake(*json.loads(last["CMD"]))
    assert project.tables() == project.clean_tables()


def test_the_container_is_built_of_what_is_copied_alone() -> None:
    copied = {arguments.split()[0] for name, arguments in instructions() if name == "COPY"}
    ignored = (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert "*" in ignored


def test_the_workflow_catalog_finds_what_it_looks_for() -> None:
    usage = yaml.safe_load((CHECKOUT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    assert usage["report"] is True
    assert "mandatory-flags" not in usage
    assert (CHECKOUT / "config" / "README.md").exists()
    assert (CHECKOUT / "workflow" / "Snakefile").exists()
    readme = (CHECKOUT / "README.md").read_text("utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
