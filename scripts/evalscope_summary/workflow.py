"""What the Snakefile needs while it is parsed: paths, commands, and the discovery of runs."""

import hashlib
import json
import os
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import (
    array_logs,
    discovery,
    ending,
    garbage,
    job_rate,
    jsonfile,
    last_words,
    locks,
    older,
    progress,
    readers,
    settings,
    several,
    trees,
)
from .digests import of_program
from .ending import Ending
from .folder_labels import FolderLabels, WrongLabels
from .inventory import STAMPS, ConflictingUse, Inventory, TreeFolder, WorkFolder, differ, inventories, place
from .jobs import Jobs, filled
from .keeping import Kept, forget_unfinished
from .languages import print_message
from .layouts import COLUMN_SETTINGS, FORMATS, GROUP_SETTINGS, MERGE_SETTINGS, REQUEST_SETTINGS, TABLES
from .made import AGAIN, Made, digest_of, note, take_over_dates
from .problems import in_tree, storable
from .start import Start, check_command, has_settings, show_in_containers

__all__ = ["Flow", "Start", "UserErrors", "array_logs", "has_settings", "job_rate", "last_words", "settings"]
"""What the Snakefile takes from here."""

UserErrors = (
    settings.WrongConfiguration,
    discovery.MissingTree,
    ConflictingUse,
    trees.EmptyTree,
    WrongLabels,
    locks.InUse,
    jsonfile.CantWrite,
    readers.WrongReader,
)
"""Exceptions whose text is all that a user needs."""

# The keys of the configuration that a rule depends on besides its input; the digest of its program is there too.
_RULES: Mapping[str, tuple[str, ...]] = {
    "merge": (*MERGE_SETTINGS, *GROUP_SETTINGS, "columns", "csv_bom"),
    "stats": (*COLUMN_SETTINGS, *GROUP_SETTINGS, "csv_bom"),
    "long": (*COLUMN_SETTINGS, "csv_bom"),
    "compare": (*COLUMN_SETTINGS, *GROUP_SETTINGS, "compare", "csv_bom"),
    "export": (*COLUMN_SETTINGS, "language"),
    "strict": ("strict", "accepted_problems"),
    "overview": (*COLUMN_SETTINGS, *GROUP_SETTINGS, "metrics", "csv_bom", "language"),
    "workbook": (*COLUMN_SETTINGS, "language"),
    "slo": ("slo",),
    "request_rows": REQUEST_SETTINGS,
    "request_table": REQUEST_SETTINGS,
    "data_package": (*COLUMN_SETTINGS, "metrics", "tables"),
}

# The tables that others are made of, by the rule that makes them.
_MADE: Mapping[str, tuple[str, ...]] = {
    "merge": ("raw", "problems"),
    **{rule: (rule,) for rule in ("stats", "overview", "long", "compare")},
}


_TREE, _BATCH = "{tree}", "{scatteritem}"  # wildcards


class Flow(Jobs):
    """The workflow's files and commands for one configuration.

    Args:
        config: of `settings.complete`; its `output` and `work_dir` hold no braces, which Snakemake would take for
            wildcards.
        batches: names of the batches, in order (`1-of-8`, …).
        checkout: folder of the Snakefile.
        start: how Snakemake was started.
    """

    def __init__(self, config: Mapping[str, Any], batches: Sequence[str], checkout: str, start: Start) -> None:
        self.config = dict(self._drawn_without_tree(config) if start.draws else config)  # `discover` adds to it
        self.batches = batches
        super().__init__(self.config, checkout, start)
        self.output: str = self.config["output"]
        self.folder = WorkFolder.of(self.config["work_dir"], self.config["results_dir"], start.placed)
        self.strict: bool = self.config["strict"] is not False
        self.slo = bool(self.config["slo"])
        if start.image:
            roots = several.paths(self.config["results_dir"])
            show_in_containers([checkout, *roots, self.config["work_dir"], os.path.dirname(start.placed) or "."])
        self.strict_stamp = str(self.folder.outputs / "strict.passed")
        self.workbook = f"{self.output}.xlsx"
        self.data_package = f"{self.output}.datapackage.json"
        self.requests = self.table("requests", "parquet")
        self.overview = [self.table("overview", "csv"), self.table("overview", "md")]
        self.targets = self._targets()
        self.sheets = ["overview", "raw", "stats", *(["compare"] if config["compare"] else []), "problems"]
        self.described = [self.table(table, "csv") for table in (*config["tables"], "problems") if table != "requests"]
        self.kept = Kept(self.tables())
        self.ending = Ending(self.folder, self.config, start.placed, not start.environments)

    def _drawn_without_tree(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The configuration of a start that draws: where there is no tree, of an empty one in a temporary folder."""
        missing = [root for root in several.paths(config["results_dir"]) if not os.path.exists(root)]
        if not missing:
            return config
        print_message(f"{missing[0]!r} does not exist; drawn as without runs")
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
            *([self.requests] if "requests" in tables else ()),
            self.table("problems", "csv"),
            self.data_package,
        ]

    @property
    def inventories(self) -> list[str]:
        """Paths of the inventories of all batches."""
        return self.each(self.inventory(_BATCH))

    def each(self, *paths: str) -> list[str]:
        """The paths of all trees and batches, of such with wildcards."""
        return [
            path.replace(_TREE, tree.path.name).replace(_BATCH, batch)
            for tree in self.folder.trees
            for batch in self.batches
            for path in paths
        ]

    @property
    def _tree(self) -> str:
        """The work folder of a tree: with a wildcard, if there are several trees."""
        one = len(self.folder.trees) == 1
        return str(self.folder.trees[0].path if one else Path(self.config["work_dir"], _TREE))

    def _part(self, name: str) -> str:
        """The name of something of a batch that lies beside that of other trees."""
        return name if len(self.folder.trees) == 1 else name.replace(_BATCH, f"{_TREE}-{_BATCH}")

    def inventory(self, batch: str) -> str:
        """Path of a batch's inventory; the batch is a wildcard, and so is the tree if there are several."""
        return f"{self._tree}/inventory/{batch}.json"

    def stamp(self, batch: str) -> str:
        """Path of a batch's stamp, with wildcards as `inventory`."""
        return f"{self._tree}/{STAMPS}/{batch}"

    def labels(self, batch: str) -> list[str]:
        """Path of what labels files say about the runs of a batch, if that is wanted, with wildcards as `inventory`."""
        path = self.folder.outputs / "labels" / f"{self._part(batch)}.json"
        return [str(path)] if self.config["labels_file"] else []

    def request_rows(self, batch: str) -> str:
        """Path of the requests of a batch, with wildcards as `inventory`."""
        return str(self.folder.outputs / "requests" / f"{self._part(batch)}.parquet")

    def within_slo(self, batch: str) -> str:
        """Path of what the requests of a batch kept of `slo`, with wildcards as `inventory`."""
        return str(self.folder.outputs / "slo" / f"{self._part(batch)}.json")

    def pack(self, name: str) -> str:
        """Path of something of a batch in the storage that jobs share instead of files; the name may hold wildcards.

        It follows from the configuration alone: such a job has another working directory.
        """
        use = json.dumps([self.config[key] for key in ("results_dir", "work_dir", "output")])
        return f".evalscope-summary/packs/{hashlib.sha256(use.encode()).hexdigest()[:16]}/{self._part(name)}"

    def read_elsewhere(self, workflow: Any, wildcards: Any) -> list[str]:
        """The pack of a batch's records, if jobs don't have the files of the process that starts them.

        For an input function: whether the executor implies that (`implies_no_shared_fs`) is asked by Snakemake (9.27)
        only when it has parsed the Snakefile.
        """
        shared = {usage.name for usage in workflow.storage_settings.shared_fs_usage}
        return [] if "INPUT_OUTPUT" in shared else [filled(self.pack(f"{_BATCH}.read.tar.gz"), wildcards)]

    def settings(self, rule: str) -> str:
        """Path of what a rule depends on besides its input."""
        return str(self.folder.settings(rule))

    def table(self, table: str, format_: str) -> str:
        """Path of a table; both may be wildcards."""
        return f"{self.output}_{table}.{format_}"

    def log(self, name: str) -> str:
        """Path of a rule's log; the name may hold wildcards."""
        return str(self.folder.outputs / "logs" / f"{self._part(name)}.log")

    def discover(self) -> None:
        """Find the runs, and write the inventories and settings that changed.

        Raises:
            MissingTree: there is no results tree.
            EmptyTree: there is no run in it, although there were runs before.
            InUse: another start uses what this one would have to change.
            ConflictingUse: another use of the workflow in this process wants other contents.
            WrongLabels: a labels file can't be used.
            WrongConfiguration: a label is named that there is not.
        """
        if not self.start.imported:  # else a file that others left open would lose what they wrote last
            garbage.pass_over_what_is_there()
        if not self.start.finds_runs:
            return
        if not self.start.imported:
            ending.in_order()
        last_words.listen()
        check_command()
        progress.choose(self.start.quiet)
        config = self.config
        walked = trees.found(config, (*self.tables(), self.ending.status))
        trees.check_empty(walked, config, self.folder.trees, self._chained())
        labels = trees.labels_in(walked, config)
        config["labels"] = list(labels.names)
        if not self.start.draws:
            settings.check_labels(config)
        contents: dict[Path, dict[Path, bytes]] = {}
        said: dict[Path, bytes] = {}
        digests = []
        for folder, tree in zip(self.folder.trees, walked, strict=True):
            here = inventories(place(folder.root, config["work_dir"]), tree, config, len(self.batches))
            wanted = [inventory.dump() for inventory in here]
            digests += [hashlib.sha256(content).digest() for content in wanted]
            by_path = {folder.inventory(batch): data for batch, data in zip(self.batches, wanted, strict=True)}
            contents[folder.path] = by_path | folder.left_out(tree)
            said |= self._labels(folder, labels, here)
        with locks.alone(Path(config["work_dir"])):
            self._write(contents, said, digest_of(digests))
        if not self.start.dry and not self.start.draws:
            older.say_at_the_end(self.tables(), self.folder.outputs)

    def _labels(self, tree: TreeFolder, labels: FolderLabels, inventories: Sequence[Inventory]) -> dict[Path, bytes]:
        """What the files of labels should hold; none where there is no `labels_file`."""
        if not self.config["labels_file"]:
            return {}
        return {
            self.folder.labels(tree, batch): labels.about(
                in_tree(storable(tree.name), storable(source)) for source in inventory.sources
            ).dump()
            for batch, inventory in zip(self.batches, inventories, strict=True)
        }

    def _write(self, contents: Mapping[Path, dict[Path, bytes]], labels: dict[Path, bytes], runs: str) -> None:
        """Write what changed where nobody else is at work, and keep others from changing it.

        Args:
            contents: of the inventories, and what is left out, for each folder of a tree.
            labels: what is said about the runs of each batch.
            runs: digest of the inventories.
        """
        of_trees = {locks.Shared.of(path): files for path, files in contents.items()}
        outputs = locks.Shared.of(self.folder.outputs)
        may_write = {folder: folder.claim() for folder in (*of_trees, outputs)}
        rules = self._rule_settings(runs, labels, may_write[outputs])
        wanted = of_trees | {outputs: labels | rules}
        try:
            in_use = [files for folder, files in wanted.items() if not may_write[folder] and differ(files)]
            if in_use:
                self._check_usable(in_use)
            if may_write[outputs]:
                self.kept.remove_remains()
                if all(may_write.values()) and not self.start.dry:
                    of_batches = self.each(self.stamp(_BATCH), self.request_rows(_BATCH), self.within_slo(_BATCH))
                    forget_unfinished({*map(str, self.tables()), *of_batches, self.strict_stamp})
            mine = [files for folder, files in wanted.items() if may_write[folder]]
            if mine:
                self.folder.update(dict(ChainMap(*mine)), self.kept.existing())
            if may_write[outputs]:
                self._take_over(runs)
        finally:
            for folder in wanted:
                if self.start.dry:
                    folder.release()
                else:
                    folder.use()

    def _check_usable(self, in_use: Sequence[Mapping[Path, bytes]]) -> None:
        """A dry run looks at what another start works with; anything else would make wrong tables of it."""
        if self.start.dry and all(path.exists() for files in in_use for path in files):
            print_message("another run is under way here; using the runs that it found")
            return
        raise locks.InUse(
            f"another run is under way that uses {next(iter(in_use[0])).parent}, and it found other runs or has other"
            " settings: wait until it has ended, and start again"
        )

    def _rule_settings(self, runs: str, labels: Mapping[Path, bytes], may_write: bool) -> dict[Path, bytes]:
        """What the settings of all rules should hold.

        Args:
            runs: digest of the inventories.
            labels: what is said about the runs of each batch.
            may_write: whether nobody makes these tables now.
        """
        wanted = {}
        for rule, keys in _RULES.items():
            content = {key: self.config[key] for key in keys} | {"program": of_program(f"{rule}.py")}
            if rule in ("merge", "request_rows", "overview"):  # the report reads those of the last
                content["trees"] = self.folder.names
            if rule == "merge" and labels:
                content["labels_of_runs"] = digest_of(hashlib.sha256(data).digest() for data in labels.values())
            again = self._again(rule, content, runs, may_write)
            wanted[self.folder.settings(rule)] = _dumped(content | again)
        return wanted

    def _again(self, rule: str, wanted: Mapping[str, Any], runs: str, may_write: bool) -> dict[str, str]:
        """What makes a rule's settings other ones, so that it runs again, if what it made last is not what is wanted:
        of other settings, of other runs, or no longer there as it was made. Dates can't say so where clocks were set
        back, or an older table was brought back.

        It is the same each time until the rule has run, and stays what it was from then on.
        """
        noted = Made.of(self.folder.settings(rule))
        if not noted:
            return {}
        other = [table for table in self._chained(rule) if not noted.is_still(table)]
        for table in other if may_write else ():
            print_message(f"{table} is not the one that was made here (edited, or replaced): it is made again")
        before = {key: value for key, value in noted.settings.items() if key != AGAIN}
        if other or before != wanted or (rule == "merge" and noted.runs != runs):
            return {AGAIN: hashlib.sha256(noted.note + runs.encode()).hexdigest()[:16]}
        return {AGAIN: noted.settings[AGAIN]} if AGAIN in noted.settings else {}

    def _take_over(self, runs: str) -> None:
        """Where the work folder was deleted, the tables that there are count as made of what was found now; Snakemake
        knows of which inputs they were made."""
        for rule in _MADE:
            settings, tables = self.folder.settings(rule), self._chained(rule)
            if tables and not Made.of(settings):
                note(settings, tables, runs)

    def take_over_dates(self) -> None:
        """After a successful run: the dates of the tables that others are made of are those of now."""
        for rule in _MADE:
            take_over_dates(self.folder.settings(rule), self._chained(rule))

    def _placed(self, path: str) -> Path:
        """Where a table lies, from the working directory."""
        return Path(self.start.placed + path.removeprefix(self.output))

    def _chained(self, *rules: str) -> list[Path]:
        """The tables that there are of those that others are made of, of some rules or all."""
        paths = (self._placed(self.table(table, "csv")) for rule in rules or _MADE for table in _MADE.get(rule, ()))
        return [path for path in paths if path.exists()]

    def tables(self) -> list[Path]:
        """Where all tables are that can be made."""
        tables = [self.table(table, format_) for table in TABLES for format_ in FORMATS]
        tables += [*self.overview, self.table("problems", "csv"), self.workbook, self.data_package, self.requests]
        return [self._placed(path) for path in tables]


def _dumped(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, indent=2).encode()
