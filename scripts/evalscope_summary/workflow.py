"""What the Snakefile needs while it is parsed: paths, commands, and the discovery of runs."""

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import array_logs as array_logs
from . import discovery, jsonfile, progress, resources, settings
from .columns import COLUMN_SETTINGS, FORMATS, GROUP_SETTINGS, MERGE_SETTINGS, TABLES
from .inventory import ConflictingUse, WorkFolder, inventories, sources_digest
from .jsonfile import TEMPORARY


class EmptyTree(Exception):
    """There is no run although there were runs before; the text says what to do."""


# Snakemake (9.27) notes what to draw when it has parsed the Snakefile.
_GRAPHS = frozenset({"--dag", "--rulegraph", "--filegraph", "--d3dag"})

_KEPT = ".before"  # how the second name of a table ends

UserErrors = (settings.WrongConfiguration, discovery.MissingTree, ConflictingUse, EmptyTree, jsonfile.CantWrite)
"""Exceptions whose text is all that a user needs."""

# What a rule depends on besides its input: the program's modules, and keys of the configuration. Modules that make
# records are not named: when one of them changes, every run is read again, and all rules follow.
_RULES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "merge": (("groups", "tables"), (*MERGE_SETTINGS, *GROUP_SETTINGS, "columns")),
    "stats": (("groups", "stats", "tables"), (*COLUMN_SETTINGS, *GROUP_SETTINGS)),
    "export": (("tables",), COLUMN_SETTINGS),
    "overview": (("groups", "overview", "stats", "tables"), (*COLUMN_SETTINGS, *GROUP_SETTINGS, "metrics")),
    "workbook": (("groups", "overview", "stats", "tables"), COLUMN_SETTINGS),
    "data_package": (("groups", "overview", "stats", "tables"), (*COLUMN_SETTINGS, "metrics")),
}


@cache  # each `use rule` of an importing workflow parses the Snakefile once more; a tree may grow meanwhile
def _walk_once(root: str, exclude: tuple[str, ...], own: str) -> discovery.Tree:
    with progress.shown(progress.Progress("finding runs")) as found_so_far:
        return discovery.discover(root, exclude, (own,), found_so_far)


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
        finds_runs: not in a job, which must not walk the tree, nor with `--lint`, which needs none.
        draws: only draws a graph, which needs no tree either.
    """

    placed: str
    environments: bool = False
    image: str = ""
    quiet: bool = False
    finds_runs: bool = True
    draws: bool = False

    @classmethod
    def of(cls, workflow: Any, config: Mapping[str, Any]) -> "Start":
        """From Snakemake's `workflow`.

        Raises:
            WrongConfiguration: `--sdm apptainer` without an image that there is.
        """
        deployment = workflow.deployment_settings  # none with `--lint`
        methods = {method.name for method in deployment.deployment_method} if deployment else set()
        # the containers of an importing workflow may be for its own rules alone
        wanted = "APPTAINER" in methods and bool(config["container"] or workflow.modifier.namespace is None)
        return cls(
            str(workflow.modifier.path_modifier.replace_prefix(workflow.pathvars.apply(config["output"]))),
            "CONDA" in methods or wanted,
            _image(config["container"]) if wanted else "",
            not {"PROGRESS", "ALL"}.isdisjoint(quiet.name for quiet in workflow.output_settings.quiet or ()),
            workflow.is_main_process and workflow.check_envvars,  # `--lint` does not check them
            not _GRAPHS.isdisjoint(argument.partition("=")[0] for argument in sys.argv),
        )


def _image(given: str) -> str:
    how = 'README, "With conda or in a container", says how to build one'
    if not given:
        raise settings.WrongConfiguration(f"configuration: --sdm apptainer needs an image: set 'container'; {how}")
    if "://" not in given and not os.path.exists(given):
        raise settings.WrongConfiguration(f"configuration: 'container' {given!r} does not exist; {how}")
    return given


def show_in_containers(paths: Iterable[str]) -> None:
    """Make folders visible in containers that this process starts: apptainer shows the working directory alone."""
    here = os.getcwd()
    real = [os.path.realpath(path) for path in paths]
    shown = [path for path in dict.fromkeys(real) if os.path.isdir(path) and os.path.commonpath([path, here]) != here]
    for name in ("APPTAINER_BIND", "SINGULARITY_BIND"):
        bound = [path for path in os.environ.get(name, "").split(",") if path]
        os.environ[name] = ",".join(dict.fromkeys([*bound, *shown]))


class Flow:
    """The workflow's files and commands for one configuration.

    Args:
        config: of `settings.complete`; its `output` and `work_dir` hold no braces, which Snakemake would take for
            wildcards.
        batches: names of the batches, in order (`1-of-8`, …).
        checkout: folder of the Snakefile.
        start: how Snakemake was started.
    """

    def __init__(self, config: Mapping[str, Any], batches: Sequence[str], checkout: str, start: Start) -> None:
        self.config = self._drawn_without_tree(config) if start.draws else config
        self.batches = batches
        self.checkout = checkout
        self.start = start
        self.output: str = self.config["output"]
        self.folder = WorkFolder.of(self.config["work_dir"], self.config["results_dir"], start.placed)
        self.strict: bool = self.config["strict"]
        if start.image:
            places = (self.config["results_dir"], self.config["work_dir"], os.path.dirname(start.placed) or ".")
            show_in_containers([checkout, *places])
        self.strict_stamp = str(self.folder.outputs / "strict.passed")
        self.workbook = f"{self.output}.xlsx"
        self.data_package = f"{self.output}.datapackage.json"
        self.overview = [self.table("overview", "csv"), self.table("overview", "md")]
        self.targets = self._targets()
        self.described = [self.table(table, "csv") for table in (*config["tables"], "problems")]
        self._overview_before = self._overview_date()

    def _drawn_without_tree(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The configuration of a start that draws: where there is no tree, of an empty one in a temporary folder."""
        if os.path.exists(config["results_dir"]):
            return config
        print(f"evalscope-summary: {config['results_dir']!r} does not exist; drawn as without runs", file=sys.stderr)
        self._temporary = TemporaryDirectory()  # removed with this object
        folder = self._temporary.name
        return {**config, "results_dir": folder, "work_dir": os.path.join(folder, "work")}

    def _targets(self) -> list[str]:
        """What the default target builds."""
        tables, formats = self.config["tables"], self.config["formats"]
        single = [format_ for format_ in formats if format_ != "xlsx"]
        return [
            *(self.overview if "overview" in tables else ()),
            *(self.table(table, format_) for table in tables if table in TABLES for format_ in single),
            *([self.workbook] if "xlsx" in formats else ()),
            self.table("problems", "csv"),
            self.data_package,
        ]

    def inventory(self, batch: str) -> str:
        """Path of a batch's inventory; the batch may be a wildcard."""
        return str(self.folder.inventory(batch))

    def stamp(self, batch: str) -> str:
        """Path of a batch's stamp; the batch may be a wildcard."""
        return str(self.folder.stamp(batch))

    def pack(self, name: str) -> str:
        """Path of something of a batch in the storage that jobs share instead of files; the name may hold wildcards.

        It follows from the configuration alone: such a job has another working directory.
        """
        use = json.dumps([self.config[key] for key in ("results_dir", "work_dir", "output")])
        return f".evalscope-summary/packs/{hashlib.sha256(use.encode()).hexdigest()[:16]}/{name}"

    def read_elsewhere(self, workflow: Any, batch: str) -> list[str]:
        """The pack of a batch's records, if jobs don't have the files of the process that starts them.

        For an input function: whether the executor implies that (`implies_no_shared_fs`) is asked by Snakemake (9.27)
        only when it has parsed the Snakefile.
        """
        shared = {usage.name for usage in workflow.storage_settings.shared_fs_usage}
        return [] if "INPUT_OUTPUT" in shared else [self.pack(f"{batch}.read.tar.gz")]

    def settings(self, rule: str) -> str:
        """Path of what a rule depends on besides its input."""
        return str(self.folder.settings(rule))

    def table(self, table: str, format_: str) -> str:
        """Path of a table; both may be wildcards."""
        return f"{self.output}_{table}.{format_}"

    def log(self, name: str) -> str:
        """Path of a rule's log; the name may hold wildcards."""
        return str(self.folder.outputs / "logs" / f"{name}.log")

    def environment(self, name: str) -> str:
        """The conda environment of a kind of rule: `runs` reads runs, `tables` and `exports` make tables of tables."""
        return literal(os.path.join(self.checkout, "envs", f"{name}.yaml"))

    def program(self, name: str, arguments: str, options: str = "") -> str:
        """A rule's command: what the program says goes to the terminal and into the rule's log.

        Paths may begin with a dash: as arguments they stand after `--`, of options they must follow a `=`.

        It is run by the interpreter that runs Snakemake, as `python` may be another one where its environment was
        not activated.
        """
        python = "python" if self.start.environments else sys.executable
        command = f"{shlex.quote(python)} {shlex.quote(os.path.join(self.checkout, 'scripts', name))}"
        return f"{literal(command)} {options} -- {arguments} 2>&1 | tee -- {{log:q}} >&2"

    @cached_property
    def runs(self) -> int:
        """About how many runs the inventories hold."""
        return resources.about_runs(self.inventory(batch) for batch in self.batches)

    @property
    def makes_tables_at_once(self) -> bool:
        """Whether tables are made where Snakemake runs, even if it has a cluster."""
        return resources.are_few(self.runs)

    @property
    def table_retries(self) -> int | None:
        """None: those of the profile. Trying again is for more memory and time, which only a scheduler gives."""
        return 0 if self.makes_tables_at_once else None

    @property
    def batch_resources(self) -> Mapping[str, Callable[..., int]]:
        """MB and minutes that the job of one batch asks for; the names of the arguments are Snakemake's.

        An importing workflow that replaces one of them takes the other from here (README, "In another workflow").
        """
        return {
            "mem_mb": lambda wildcards, input, attempt: resources.batch_memory(input[0], attempt),
            "runtime": lambda wildcards, input, attempt: resources.batch_minutes(input[0], attempt),
        }

    @property
    def packed_resources(self) -> Mapping[str, Callable[..., int]]:
        """As `batch_resources`, for the job that reads a batch elsewhere; that job itself has no inventory."""

        def of_batch(needs: Callable[[str, int], int]) -> Callable[..., int]:
            def needed(wildcards: Any, attempt: int) -> int:
                inventory = self.inventory(wildcards.scatteritem)
                return needs(inventory, attempt) if os.path.exists(inventory) else 0

            return needed

        return {"mem_mb": of_batch(resources.batch_memory), "runtime": of_batch(resources.batch_minutes)}

    @property
    def table_resources(self) -> Mapping[str, Callable[..., int]]:
        """MB and minutes that the job of one table asks for."""
        return {
            "mem_mb": lambda wildcards, attempt: resources.table_memory(self.runs, attempt),
            "runtime": lambda wildcards, attempt: resources.table_minutes(self.runs, attempt),
        }

    def discover(self) -> None:
        """Find the runs, and write the inventories and settings that changed.

        Raises:
            MissingTree: there is no results tree.
            EmptyTree: there is no run in it, although there are records of runs.
            ConflictingUse: another use of the workflow in this process wants other contents.
        """
        if not self.start.finds_runs:
            return
        progress.choose(self.start.quiet)
        config = self.config
        files = [self.folder.inventory(batch) for batch in self.batches]
        rule_settings = {
            self.folder.settings(rule): {key: config[key] for key in keys}
            | {"program": sources_digest(f"{rule}.py", modules)}
            for rule, (modules, keys) in _RULES.items()
        }
        # another tree or number of batches has inventories of its own, which may be older than the tables
        rule_settings[self.folder.settings("merge")] |= {"tree": self.folder.path.name, "batches": len(self.batches)}
        if not os.path.isdir(config["results_dir"]):
            discovery.discover(config["results_dir"])  # says what is wrong, before anything is written
        if not self.folder.lock([*files, *rule_settings]):
            print("evalscope-summary: another run is under way here; using the runs that it found", file=sys.stderr)
            return
        self.release_tables()
        root, own = os.path.abspath(config["results_dir"]), os.path.abspath(config["work_dir"])
        tree = _walk_once(root, tuple(config["exclude"]), own)
        if not tree.runs and not config["allow_empty"] and self.folder.has_records():
            raise EmptyTree(
                f"no run was found below {config['results_dir']!r}, but there were runs before: is a share not mounted?"
                " Nothing was changed. If the runs are gone for good, set `allow_empty: true`"
            )
        if not tree.runs:
            print(f"evalscope-summary: no run was found below {config['results_dir']!r}", file=sys.stderr)
        found = inventories(config["results_dir"], tree, config, len(self.batches))
        self.folder.update(dict(zip(self.batches, found, strict=True)), rule_settings, self.existing_tables())

    def tables(self) -> list[Path]:
        """Where all tables are that can be made."""
        tables = [self.table(table, format_) for table in TABLES for format_ in FORMATS]
        tables += [*self.overview, self.table("problems", "csv"), self.workbook, self.data_package]
        return [Path(self.start.placed + path.removeprefix(self.output)) for path in tables]

    def existing_tables(self) -> list[Path]:
        """The tables that were made earlier."""
        return [path for path in self.tables() if path.exists()]

    def keep_tables(self) -> None:
        """Give the tables that there are a second name: Snakemake removes those that it is about to make anew."""
        for table in self.existing_tables():
            with suppress(OSError):  # a file system without links: a table that can't be made is missing, then
                os.link(table, _second_name(table))

    def release_tables(self) -> None:
        """Forget about what `keep_tables` did, and remove halves of tables that a killed start left."""
        beginnings = tuple(f".{table.name}." for table in self.tables())
        folder = Path(self.start.placed).parent
        for name in os.listdir(folder) if folder.is_dir() else ():
            if name.startswith(beginnings) and name.endswith((_KEPT, TEMPORARY)):
                (folder / name).unlink(missing_ok=True)

    def restore_tables(self) -> list[Path]:
        """Bring back the tables that are gone since `keep_tables`, as making them failed; return them."""
        gone = [table for table in self.tables() if not table.exists() and _second_name(table).exists()]
        for table in gone:
            _second_name(table).rename(table)
            print(f"evalscope-summary: {table} could not be made, and is the one from before", file=sys.stderr)
        self.release_tables()
        return gone

    def _overview_date(self) -> int | None:
        path = Path(self.overview[0])
        return path.stat().st_mtime_ns if path.exists() else None

    def show_overview(self) -> None:
        """Print the overview on a terminal, if it was made since this process started."""
        # with environments of their own for rules, the one that runs Snakemake may lack what reads tables
        if sys.stdout.isatty() and not self.start.environments and self._overview_date() != self._overview_before:
            from .overview import on_a_terminal

            print(f"\n{on_a_terminal(Path(self.overview[0]), self.config['label_pattern'])}\n", flush=True)


def _second_name(table: Path) -> Path:
    return table.with_name(f".{table.name}{_KEPT}")


def literal(text: str) -> str:
    """A text that Snakemake takes literally."""
    return text.replace("{", "{{").replace("}", "}}")
