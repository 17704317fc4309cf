"""What the Snakefile needs while it is parsed: paths, commands, and the discovery of runs."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from . import discovery, jsonfile, progress, resources, settings
from .columns import COLUMN_SETTINGS, FORMATS, GROUP_SETTINGS, MERGE_SETTINGS, TABLES
from .inventory import ConflictingUse, WorkFolder, inventories, sources_digest
from .jsonfile import TEMPORARY


class EmptyTree(Exception):
    """There is no run although there were runs before; the text says what to do."""


_KEPT = ".before"  # how the second name of a table ends

UserErrors = (settings.WrongConfiguration, discovery.MissingTree, ConflictingUse, EmptyTree, jsonfile.CantWrite)
"""Exceptions whose text is all that a user needs."""

_CSV = ("tables/csv", "tables/csv_lines", "tables/errors", "tables/frame")
_GROUPS = ("tables/applied_patterns", "tables/groups", "tables/order")

# What a rule depends on besides its input: the program's modules, and keys of the configuration. Modules that make
# records are not named: when one of them changes, every run is read again, and all rules follow.
_RULES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "merge": (
        (*_GROUPS, "tables/assembling", "tables/comparable", "tables/csv_lines", "tables/errors", "tables/frame"),
        (*MERGE_SETTINGS, *GROUP_SETTINGS, "columns"),
    ),
    "stats": ((*_CSV, *_GROUPS, "tables/stats"), (*COLUMN_SETTINGS, *GROUP_SETTINGS)),
    "export": ((*_CSV, "tables/json", "tables/parquet", "tables/writers", "tables/xlsx"), COLUMN_SETTINGS),
    "overview": (
        (*_CSV, *_GROUPS, "tables/overview", "tables/overview_columns", "tables/stats"),
        (*COLUMN_SETTINGS, *GROUP_SETTINGS, "metrics"),
    ),
    "workbook": ((*_CSV, "tables/overview_columns", "tables/xlsx"), COLUMN_SETTINGS),
    "data_package": (("tables/csv_lines", "tables/overview_columns"), (*COLUMN_SETTINGS, "metrics")),
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
        environments: rules run in the environments that they name (`--sdm conda`), not in the one of Snakemake.
        quiet: here and in the jobs, say only what is wrong.
        finds_runs: not in a job, which must not walk the tree, nor with `--lint`, which needs none.
    """

    placed: str
    environments: bool = False
    quiet: bool = False
    finds_runs: bool = True

    @classmethod
    def of(cls, workflow: Any, output: str) -> "Start":
        """From Snakemake's `workflow`."""
        return cls(
            str(workflow.modifier.path_modifier.replace_prefix(workflow.pathvars.apply(output))),
            bool(workflow.deployment_settings and workflow.deployment_settings.deployment_method),
            not {"PROGRESS", "ALL"}.isdisjoint(quiet.name for quiet in workflow.output_settings.quiet or ()),
            workflow.is_main_process and workflow.check_envvars,  # `--lint` does not check them
        )


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
        self.config = config
        self.batches = batches
        self.checkout = checkout
        self.start = start
        self.output: str = self.config["output"]
        self.folder = WorkFolder.of(self.config["work_dir"], self.config["results_dir"], start.placed)
        self.strict: bool = self.config["strict"]
        self.strict_stamp = str(self.folder.outputs / "strict.passed")
        self.workbook = f"{self.output}.xlsx"
        self.data_package = f"{self.output}.datapackage.json"
        self.overview = [self.table("overview", "csv"), self.table("overview", "md")]
        self.targets = self._targets()
        self.described = [self.table(table, "csv") for table in (*config["tables"], "problems")]
        self._overview_before = self._overview_date()

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
    def batch_resources(self) -> Mapping[str, Callable[..., int]]:
        """MB and minutes that the job of one batch asks for; the names of the arguments are Snakemake's."""
        return {
            "mem_mb": lambda wildcards, input, attempt: resources.batch_memory(input[0], attempt),
            "runtime": lambda wildcards, input, attempt: resources.batch_minutes(input[0], attempt),
        }

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
            from .tables.overview import on_a_terminal

            print(f"\n{on_a_terminal(Path(self.overview[0]), self.config['label_pattern'])}\n", flush=True)


def _second_name(table: Path) -> Path:
    return table.with_name(f".{table.name}{_KEPT}")


def literal(text: str) -> str:
    """A text that Snakemake takes literally."""
    return text.replace("{", "{{").replace("}", "}}")
