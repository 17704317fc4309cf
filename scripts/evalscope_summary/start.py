"""How Snakemake was started, as far as the workflow depends on it."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .settings import WrongConfiguration

# Snakemake (9.27) notes what to draw when it has parsed the Snakefile.
_GRAPHS = frozenset({"--dag", "--rulegraph", "--filegraph", "--d3dag"})


def has_settings(path: str) -> bool:
    """Whether there is a configuration file with more than comments (Snakemake refuses one with nothing else)."""
    lines = Path(path).read_text("utf-8").splitlines() if os.path.exists(path) else []
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


@dataclass(frozen=True)
class Start:
    """How Snakemake was started, as far as the workflow depends on it.

    Attributes:
        placed: where `output` is in the end: an importing workflow may have `pathvars` or a `prefix` for it.
        environments: rules run in the environments that they name (`--sdm conda`) or in `image`, not in Snakemake's.
        image: the image that rules run in (`--sdm apptainer`), as Snakemake's `container` takes it; empty: none.
        quiet: here and in the jobs, say only what is wrong.
        dry: it makes nothing (`-n`).
        finds_runs: not in a job, which must not walk the tree, nor with `--lint`, which needs none.
        draws: only draws a graph, which needs no tree either.
        imported: by another workflow, which has code of its own in this process.
    """

    placed: str
    environments: bool = False
    image: str = ""
    quiet: bool = False
    dry: bool = False
    finds_runs: bool = True
    draws: bool = False
    imported: bool = False

    @classmethod
    def of(cls, workflow: Any, config: Mapping[str, Any]) -> "Start":
        """From Snakemake's `workflow`.

        Raises:
            WrongConfiguration: `--sdm apptainer` without an image that there is.
        """
        deployment = workflow.deployment_settings  # none with `--lint`
        methods = {method.name for method in deployment.deployment_method} if deployment else set()
        # the containers of an importing workflow may be for its own rules alone
        imported = workflow.modifier.namespace is not None
        wanted = "APPTAINER" in methods and bool(config["container"] or not imported)
        return cls(
            str(workflow.modifier.path_modifier.replace_prefix(workflow.pathvars.apply(config["output"]))),
            "CONDA" in methods or wanted,
            _image(config["container"]) if wanted else "",
            not {"PROGRESS", "ALL"}.isdisjoint(quiet.name for quiet in workflow.output_settings.quiet or ()),
            workflow.output_settings.dryrun,  # `workflow.dryrun` is not known yet while the Snakefile is parsed
            workflow.is_main_process and workflow.check_envvars,  # `--lint` does not check them
            not _GRAPHS.isdisjoint(argument.partition("=")[0] for argument in sys.argv),
            imported,
        )


def _image(given: str) -> str:
    how = "docs/cluster.md says how to build one"
    if not given:
        raise WrongConfiguration(f"configuration: --sdm apptainer needs an image: set 'container'; {how}")
    if "://" not in given and not os.path.exists(given):
        raise WrongConfiguration(f"configuration: 'container' {given!r} does not exist; {how}")
    return given


def show_in_containers(paths: Iterable[str]) -> None:
    """Make folders visible in containers that this process starts: apptainer shows the working directory alone."""
    here = os.getcwd()
    real = [os.path.realpath(path) for path in paths]
    shown = [path for path in dict.fromkeys(real) if os.path.isdir(path) and os.path.commonpath([path, here]) != here]
    for name in ("APPTAINER_BIND", "SINGULARITY_BIND"):
        bound = [path for path in os.environ.get(name, "").split(",") if path]
        os.environ[name] = ",".join(dict.fromkeys([*bound, *shown]))


def check_command() -> None:
    """Snakemake (9.27) takes the last of several `--config` without a word."""
    given = [argument for argument in sys.argv[1:] if re.fullmatch(r"(--config|-C)(=.*)?", argument)]
    if len(given) > 1:
        raise WrongConfiguration(
            f"`--config` is given {len(given)} times, and Snakemake takes only the last: write all keys after one"
            " (--config results_dir=/data/perf strict=true)"
        )
