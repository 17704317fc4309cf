"""The conda environments, whose versions are those of the lock files."""

import re
import tomllib
from collections.abc import Sequence

from packaging.requirements import Requirement

from . import ROOT

_PYTHON = "3.13"
_CONDA_NAMES = {"fastjsonschema": "python-fastjsonschema", "snakemake": "snakemake-minimal"}
"""PyPI's name → conda's, where they differ."""

_NAMED = [
    re.match(r"[\w-]+", text)[0]  # type: ignore[index]
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
]
"""What the project needs, in pyproject.toml's order."""

ENVIRONMENTS: dict[str, tuple[str, Sequence[str]]] = {
    "envs/evalscope-summary.yaml": (
        "Snakemake and all that the rules need, in one environment: conda env create -f envs/evalscope-summary.yaml",
        _NAMED,
    ),
    "envs/runs.yaml": ("Rules that read runs (`snakemake --sdm conda`).", ("google-re2", "numpy", "orjson", "tqdm")),
    "envs/tables.yaml": (
        "Rules that make tables of tables (`snakemake --sdm conda`).",
        ("google-re2", "numpy", "orjson", "pandas", "pyarrow", "scipy", "tabulate", "tqdm"),
    ),
    "envs/exports.yaml": (
        "Rules that write tables in further formats (`snakemake --sdm conda`).",
        ("numpy", "orjson", "pandas", "pyarrow", "tabulate", "xlsxwriter"),
    ),
    "report/environment.yaml": (
        "For `--sdm conda`: what the report needs besides the tables.",
        ("jinja2", "numpy", "orjson", "pandas", "pyarrow", "tabulate", "vl-convert-python"),
    ),
}
"""File of a conda environment → what it is for, and the libraries in it (PyPI's names)."""


def locked(lock: str) -> dict[str, str]:
    """Name → version of all libraries that a lock file has for the Python of conda environments, on Linux."""
    versions = {}
    system = {"python_version": _PYTHON, "python_full_version": f"{_PYTHON}.0", "sys_platform": "linux"}
    for line in (ROOT / lock).read_text("utf-8").splitlines():
        if re.match(r"\w", line):
            requirement = Requirement(line.removesuffix("\\"))
            if requirement.marker is None or requirement.marker.evaluate(dict(system)):
                versions[requirement.name] = str(requirement.specifier).removeprefix("==")
    return versions


def environment(file: str) -> str:
    """The conda environment in a file of `ENVIRONMENTS`."""
    purpose, libraries = ENVIRONMENTS[file]
    lock = "requirements-report.lock" if file.startswith("report/") else "requirements.lock"
    versions = locked(lock)
    # `=` also takes what begins so: post-releases, which conda's packages may be called without
    pins = [f"{_CONDA_NAMES.get(name, name)}={versions[name].partition('.post')[0]}" for name in libraries]
    named = "name: evalscope-summary\n" if "snakemake" in libraries else ""
    channels = ["conda-forge", *(["bioconda"] if "snakemake" in libraries else []), "nodefaults"]
    return (
        f"# {purpose}\n# Versions are those of {lock}; written by `make docs`.\n{named}channels:\n"
        + "".join(f"  - {channel}\n" for channel in channels)
        + "dependencies:\n"
        + "".join(f"  - {pin}\n" for pin in (f"python={_PYTHON}", *pins))
    )
