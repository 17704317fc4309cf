"""Small result trees, and a real Snakemake around them that counts which runs are read."""

import ast
import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT / "scripts"))

from evalscope_summary.columns import Column  # noqa: E402
from evalscope_summary.discovery import discover  # noqa: E402
from evalscope_summary.inventory import Inventory, inventories, wanted_of  # noqa: E402
from evalscope_summary.layouts import raw_columns, stats_columns  # noqa: E402
from evalscope_summary.readers import load  # noqa: E402
from evalscope_summary.readers.evalscope.formats import REQUIRED_FILES  # noqa: E402
from evalscope_summary.record import Record  # noqa: E402
from evalscope_summary.records import Due, Records, read_source  # noqa: E402
from evalscope_summary.settings import complete  # noqa: E402
from evalscope_summary.tables.assembling import Row, assemble_all, cells_in, merge, sort_problems  # noqa: E402
from evalscope_summary.tables.comparable import warnings  # noqa: E402
from evalscope_summary.tables.csv import write_csv  # noqa: E402
from evalscope_summary.tables.csv_lines import write_problems  # noqa: E402
from evalscope_summary.tables.frame import frame  # noqa: E402
from evalscope_summary.tables.frame import rows_of as cells_of_rows  # noqa: E402
from evalscope_summary.tables.stats import statistics  # noqa: E402
from evalscope_summary.trees import labels_in  # noqa: E402

MIXED = Path(__file__).parent / "fixtures" / "trees" / "mixed"
"""Ten small real run folders of six releases: two pairs of repeats, one run without a success, one that was killed."""

TABLES = ("summary_raw.csv", "summary_stats.csv", "summary_problems.csv")
NOTHING_TO_DO = "Nothing to be done"


def pytest_xdist_auto_num_workers() -> int:
    """Two workers a core: half of the time they wait for Snakemake, which idles for a second after its last job."""
    return 2 * len(os.sched_getaffinity(0))


# Imported by every Python that the workflow starts: notes who opens files of a run, and can stop a process there.
_WATCH = """
import os, sys, time
from urllib.parse import unquote_to_bytes

_log, _stop, _seen = os.environ.get("WATCH_LOG"), os.environ.get("WATCH_STOP"), set()

def _watch(event, args):
    if event not in ("open", "sqlite3.connect") or not isinstance(args[0], (str, bytes, os.PathLike)):
        return
    path = os.fsdecode(args[0])
    if path.startswith("file:"):
        path = os.fsdecode(unquote_to_bytes(path[5:]))
    if "/benchmark_" not in path:
        return
    run = os.path.dirname(os.path.abspath(path))
    if run in _seen:
        return
    _seen.add(run)
    line = ascii((os.getpid(), run)) + "\\n"
    with open(_log, "a") as file:
        file.write(line)
    if _stop:
        with open(_log) as file:
            number = len(file.readlines())
        if number >= int(_stop):
            open(_log + ".held", "w").close()
            while not os.path.exists(_log + ".go"):
                time.sleep(0.02)

if _log:
    sys.addaudithook(_watch)
"""

# With SPY_LOG, in a scheduler's job: who opens or lists what in SPY_FOLDER, and who imports pandas. With SPY_FAILS, the
# extraction of this batch is killed once.
_SPY = """
import json
_spy_log, _spy_folder, _fails = (os.environ.get(f"SPY_{name}") for name in ("LOG", "FOLDER", "FAILS"))
_who = [os.environ.get("SLURM_JOB_ID") or os.environ.get("FAKE_JOB_ID"), [os.path.basename(a) for a in sys.orig_argv]]

def _note(what, path):
    line = json.dumps([*_who, what, path]) + "\\n"
    descriptor = os.open(_spy_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)

def _spy(event, args):
    if event == "import" and args[0] == "pandas":
        _note("import", "pandas")
    elif event in ("open", "sqlite3.connect", "os.listdir", "os.scandir"):
        path = args[0] if isinstance(args[0], (str, bytes, os.PathLike)) else "." if args[0] is None else ""
        path = os.fsdecode(path)
        if path.startswith("file:"):
            path = os.fsdecode(unquote_to_bytes(path[5:].partition("?")[0]))
        path = os.path.abspath(path) if path else ""
        if path.startswith(_spy_folder + "/"):
            _note("list" if event.startswith("os.") else "open", path[len(_spy_folder) + 1:])

if _spy_log and _who[0]:
    sys.addaudithook(_spy)
if _fails and _fails in sys.orig_argv and _who[1][1] == "extract.py" and not os.path.exists(_spy_log + ".failed"):
    open(_spy_log + ".failed", "w").close()
    print("killed, as if for its memory", file=sys.stderr)
    sys.stderr.flush()
    os.kill(os.getpid(), 9)
"""


@dataclass
class Outcome:
    """What one Snakemake did.

    Attributes:
        status: its exit status.
        text: all that it and its jobs printed.
        read: the runs whose record was written.
    """

    status: int
    text: str
    read: set[str]

    @property
    def jobs(self) -> Counter[str]:
        """How often each rule ran, or would run."""
        return Counter(re.findall(r"^(?:local)?rule (\w+):$", self.text, re.MULTILINE))

    def fails_with(self, *words: str) -> None:
        """Check that it failed with a message for users."""
        assert self.status != 0, self.text
        assert "Traceback" not in self.text
        for word in words:
            assert word in self.text, f"{word!r} is not in:\n{self.text}"


@dataclass(frozen=True)
class Spied:
    """One thing that a Python process did.

    Attributes:
        job: the job of a scheduler that it belongs to.
        command: its command line, without folders.
        what: `open`, `list` or `import`.
        path: below the project's folder, or a module.
    """

    job: str
    command: list[str]
    what: str
    path: str

    @property
    def extracts(self) -> bool:
        """Whether it is the program that reads runs."""
        return "extract.py" in self.command[:2]


@dataclass
class Project:
    """A user's folder: a results tree in it, and the workflow in a checkout elsewhere.

    Attributes:
        folder: the working directory.
        checkout: where the Snakefile is.
        arguments: further arguments of every Snakemake that is started here.
        results: the tree, relative to `folder`.
        settings: the configuration that `clean_tables` should assume.
        options: what a user who isn't told anything gives.
        patience: seconds after which a Snakemake hangs.
        python: what runs Snakemake.
    """

    folder: Path
    checkout: Path
    watch: Path
    arguments: tuple[str, ...] = ()
    results: str = "results"
    settings: dict[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ("--cores", "2")
    patience: float = 120
    python: str = sys.executable

    @property
    def tree(self) -> Path:
        """The results tree."""
        return self.folder / self.results

    def command(self, *arguments: str) -> list[str]:
        """A Snakemake command line; the target goes first."""
        snakemake = [self.python, "-m", "snakemake", "--snakefile", str(self.checkout / "Snakefile")]
        return [*snakemake, *self.options, *arguments, *self.arguments]

    def environment(self, stop_at: int | None = None) -> dict[str, str]:
        """The environment of a Snakemake here; `stop_at`: hold the process that opens so many runs."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = str(self.watch)
        environment["WATCH_LOG"] = str(self.log)
        if stop_at is not None:
            environment["WATCH_STOP"] = str(stop_at)
        return environment

    @property
    def log(self) -> Path:
        """Where the watch notes who opens a run."""
        return self.folder.with_name(f"{self.folder.name}.opened")

    def snakemake(self, *arguments: str, succeeds: bool | None = True) -> Outcome:
        """Run Snakemake, and check what holds always: the tree stays as it is, and no run is read twice or in vain."""
        before = self.record_files()
        trees = self.tree_states()
        self.log.unlink(missing_ok=True)
        outcome = self.meanwhile(*arguments)
        outcome.read = {run for path, (run, state) in self.record_files().items() if before.get(path) != (run, state)}
        opened = self.opened()
        assert set(opened) <= outcome.read, f"opened, but no record was written:\n{outcome.text}"
        assert all(count == 1 for count in opened.values()), f"read more than once: {opened}"
        assert self.tree_states() == trees, "the results tree was changed"
        if succeeds is not None:
            assert (outcome.status == 0) == succeeds, outcome.text
        return outcome

    def meanwhile(self, *arguments: str) -> Outcome:
        """Run Snakemake beside another one that `start` started; nothing is counted."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=self.patience,
        )
        return Outcome(done.returncode, done.stdout, set())

    def launch(
        self, *arguments: str, stop_at: int | None = None, output: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        """Start Snakemake in a process group of its own, and return at once; `output` gets all that it says."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(stop_at),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def start(self, *arguments: str, stop_at: int) -> "subprocess.Popen[bytes]":
        """Start Snakemake in a process group of its own, and return when it holds at its `stop_at`-th run."""
        for path in (self.log, self.held, self.go):
            path.unlink(missing_ok=True)
        process = self.launch(*arguments, stop_at=stop_at)
        deadline = time.monotonic() + self.patience
        while not self.held.exists():
            assert process.poll() is None, "it ended before it read so many runs"
            assert time.monotonic() < deadline, "it didn't read so many runs"
            time.sleep(0.02)
        return process

    @property
    def held(self) -> Path:
        """Exists when the process of `start` holds."""
        return Path(f"{self.log}.held")

    @property
    def go(self) -> Path:
        """Lets the process of `start` go on."""
        return Path(f"{self.log}.go")

    def refresh(self, *arguments: str) -> Outcome:
        """What a user does after a change: dry run, run, dry run; the tables must be those of a clean run.

        Every Snakemake costs a second of processor time: the last dry run is made under the default triggers alone.
        """
        tables = self.tables()
        dry = self.snakemake(*arguments, "-n")
        assert dry.read == set(), "the dry run read runs"
        assert self.tables() == tables, "the dry run changed tables"
        real = self.snakemake(*arguments)
        assert self.tables() == self.clean_tables()
        assert (NOTHING_TO_DO in dry.text) == (NOTHING_TO_DO in real.text), "the dry run said something else"
        if "--forceall" not in arguments and "mtime" not in self.arguments:  # fewer triggers find no more to do
            again = self.snakemake(*arguments, "-n")
            assert NOTHING_TO_DO in again.text, again.text
        return real

    def tables(self) -> dict[str, bytes]:
        """The tables that there are."""
        return {name: (self.folder / name).read_bytes() for name in TABLES if (self.folder / name).exists()}

    def clean_tables(self) -> dict[str, bytes]:
        """The tables of the tree as it is now, made without any memory of earlier runs."""
        return clean_tables(self.tree, self.settings, self.watch)

    def record_files(self) -> dict[Path, tuple[str, tuple[int, int]]]:
        """Record file → its source, and what changes when it is written again."""
        found = {}
        for path in self.folder.glob("*/*/records/*/*.json"):
            status = path.stat()
            source = json.loads(json.loads(path.read_bytes())["source"])
            found[path] = (source, (status.st_ino, status.st_mtime_ns))
        return found

    def record(self, run: str) -> Path:
        """The record file of a run."""
        return next(path for path, (name, _) in self.record_files().items() if name == run)

    def opened(self) -> Counter[str]:
        """Run → how many processes opened its files."""
        if not self.log.exists():
            return Counter()
        root = f"{self.tree}/"
        text = self.log.read_text("ascii")
        whole = text[: text.rfind("\n") + 1]  # somebody may be writing
        readers = {ast.literal_eval(line) for line in whole.splitlines()}
        return Counter(run.removeprefix(root) for _, run in readers if run.startswith(root))

    def tree_states(self) -> dict[str, tuple[object, ...]]:
        """See `tree_state`."""
        return tree_state(self.tree)

    def runs(self) -> set[str]:
        """All run folders of the tree."""
        return {str(path.parent.relative_to(self.tree)) for path in self.tree.rglob("benchmark_data.db")}

    def configure(self, **settings: object) -> None:
        """Write a configuration file."""
        self.settings = settings
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "config" / "config.yaml").write_text(json.dumps(settings))

    def change(self, run: str, mtime_ns: int | None = None) -> None:
        """Change one number in a run's summary, but not the file's size."""
        path = self.tree / run / "benchmark_summary.json"
        text, changes = re.subn(r'("(?:Average latency|Avg Latency) \(s\)": \d+\.)(\d)', _other_digit, path.read_text())
        assert changes == 1
        path.write_text(text)
        if mtime_ns is not None:
            os.utime(path, ns=(mtime_ns, mtime_ns))


def _other_digit(match: re.Match[str]) -> str:
    return match[1] + str((int(match[2]) + 1) % 10)


def tree_state(folder: Path) -> dict[str, tuple[object, ...]]:
    """Path below a folder → what must not change when it is only read, of everything in it and of itself."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        status = path.lstat()
        content = b""
        if stat.S_ISREG(status.st_mode) and status.st_size < 2**22 and os.access(path, os.R_OK):
            content = path.read_bytes()
        kept = (status.st_mode, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns)
        found[str(path)] = (*kept, hashlib.sha256(content).hexdigest())
    return found


def read_terminal(descriptor: int) -> str:
    """All that is shown on a terminal, until its other end is closed."""
    shown = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # how Linux says so
            break
        if not part:
            break
        shown += part
    os.close(descriptor)
    return shown.decode()


def frame_of(columns: Sequence[Column], rows: Iterable[Row]) -> pd.DataFrame:
    """A frame of rows in which cells may be missing."""
    return frame(columns, map(cells_in(columns), rows))


def rows_in(table: pd.DataFrame, columns: Sequence[Column]) -> list[Row]:
    """The rows of a frame."""
    names = [column.name for column in columns]
    return [dict(zip(names, cells, strict=True)) for cells in cells_of_rows(table, columns)]


def clean_tables(tree: Path, settings: Mapping[str, object], scratch: Path) -> dict[str, bytes]:
    """The three tables of a tree, made in this process by the library alone."""
    config = complete(settings)
    # a reader of the project's own lies beside its tree
    readers = load([str(tree.parent / file) for file in config["readers"]])
    keys = {key: config[key] for key in ("since", "until", "labels_file")}
    found = discover(str(tree), config["exclude"], readers=readers, **keys)
    labels = labels_in([found], {**config, "results_dir": str(tree)})
    config["labels"] = list(labels.names)
    wanted = set(wanted_of(config))
    records = [r for path, claimed in found.sources.items() for r in read_source(str(tree), path, *claimed, wanted)]
    merged = merge([assemble_all(records, config, cells_in(raw_columns(config)), labels)])
    raw = frame(raw_columns(config), merged.rows)
    path = scratch / "table.csv"
    made = {}
    write_csv(path, raw_columns(config), raw)
    made["summary_raw.csv"] = path.read_bytes()
    write_csv(path, stats_columns(config), statistics(raw, config))
    made["summary_stats.csv"] = path.read_bytes()
    problems = [*merged.problems, *warnings(merged, config), *found.problems.values()]
    write_problems(path, sort_problems(problems))
    made["summary_problems.csv"] = path.read_bytes()
    return made


def inventory_of(tree: Path, **settings: object) -> Inventory:
    """All of a tree as one batch."""
    config = complete(settings)
    (inventory,) = inventories(str(tree), discover(str(tree)), config, 1)
    return inventory


def got(records: Records, inventory: Inventory, run: str) -> tuple[Record, bool]:
    """The record of a run, and whether it had to be read for it."""
    read = isinstance(records.find(inventory, run), Due)
    (record,) = records.get(inventory, run)
    return record, read


def copy_checkout(target: Path, source: Path = CHECKOUT) -> Path:
    """Copy what a user of the workflow needs."""
    skip = shutil.ignore_patterns("__pycache__")
    for folder in ("scripts", "config", "envs", "profiles", "workflow"):
        shutil.copytree(source / folder, target / folder, ignore=skip)
    shutil.copy2(source / "Snakefile", target)
    return target


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody who has no settings."""
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def without_shared_files(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a project's Snakemake share nothing with its jobs but a storage; return where that is."""
    storage = project.folder.with_name("storage")
    programs = project.folder.with_name("programs")
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # what a job starts
    (programs / "python").chmod(0o755)
    if shutil.which("rsync") is None:  # with which the storage plugin copies
        (programs / "rsync").write_text('#!/bin/sh\nshift $(($# - 2))\nexec cp -Lp "$1" "$2"\n')
        (programs / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    # Snakemake sends what is under version control below the working directory
    project.checkout = copy_checkout(project.folder / "evalscope-summary")
    git(project.folder, "init")
    git(project.folder, "add", "evalscope-summary", "config")
    project.options += ("--shared-fs-usage", "none", "--job-deploy-sources")
    project.options += ("--default-storage-provider", "fs", "--default-storage-prefix", str(storage))
    return storage


@pytest.fixture(scope="session")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH that makes every Python note the runs that it opens."""
    folder = tmp_path_factory.mktemp("watch")
    (folder / "sitecustomize.py").write_text(_WATCH + _SPY)
    return folder


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow, in a folder where nobody edits it while tests run."""
    return copy_checkout(tmp_path_factory.mktemp("checkout") / "evalscope-summary")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, checkout: Path, watch: Path) -> Project:
    """A project with the tree `mixed` in which the tables were made once."""
    project = Project(tmp_path_factory.mktemp("template") / "project", checkout, watch)
    shutil.copytree(MIXED, project.tree)
    outcome = project.snakemake()
    assert outcome.read == project.runs()
    assert project.tables() == project.clean_tables()
    return project


@pytest.fixture
def new_project(tmp_path: Path, checkout: Path, watch: Path) -> Callable[..., Project]:
    """Makes projects with results and no tables yet: from a tree, or empty; 0 batches for the default number."""

    def make(tree: Path | None = MIXED, results: str = "results", name: str = "project", batches: int = 2) -> Project:
        arguments = ("--set-scatter", f"evalscope_runs={batches}") if batches else ()  # each batch costs a process
        project = Project(tmp_path / name, checkout, watch, arguments, results)
        project.folder.mkdir(exist_ok=True)
        if tree:
            shutil.copytree(tree, project.tree)
        return project

    return make


@pytest.fixture
def built(tmp_path: Path, template: Project) -> Project:
    """A project with the tree `mixed` whose tables are up to date."""
    folder = tmp_path / "project"
    shutil.copytree(template.folder, folder)
    return Project(folder, template.checkout, template.watch)


def spied() -> list[Spied]:
    """What Python processes did since SPY_LOG was set in this one's environment."""
    return [Spied(*json.loads(line)) for line in Path(os.environ["SPY_LOG"]).read_text("utf-8").splitlines()]


def check_what_jobs_read(project: Project, batches: Sequence[str]) -> None:
    """Check that each job read its inventory and the files of its runs, and listed no folder of the tree.

    Args:
        project: where Snakemake ran on a scheduler.
        batches: those whose runs were all read.
    """
    of_jobs: dict[str, list[Spied]] = {}
    for act in spied():
        of_jobs.setdefault(act.job, []).append(act)
    done = []
    for acts in of_jobs.values():
        (inventory,) = {act.path for act in acts if act.what == "open" and "/inventory/" in act.path}
        batch = Path(inventory).stem
        runs = {
            path: found for path, (_, found) in json.loads((project.folder / inventory).read_bytes())["sources"].items()
        }
        in_tree = [act for act in acts if act.path.startswith(f"{project.results}/")]
        assert all(act.extracts for act in in_tree)
        assert {act.what for act in in_tree} == {"open"}
        opened = {os.path.relpath(os.path.dirname(act.path), project.results) for act in in_tree}
        assert opened == {run for run, signature in runs.items() if signature.keys() >= {*REQUIRED_FILES}}
        assert not [act for act in acts if act.what == "import" and act.extracts]
        done.append(batch)
    assert sorted(done) == sorted(batches)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process with all that it started."""
    with contextlib.suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def rows_of(table: Path) -> Sequence[dict[str, str]]:
    """The rows of a CSV table."""
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def records(root: Path) -> dict[str, Record]:
    """Run → its record with all that can be computed, of everything below a folder."""
    found = {}
    for path, (names, signature) in sorted(discover(str(root)).sources.items()):
        for record in read_source(str(root), path, names, signature, {"filled", "recomputed"}):
            found[record.run] = record
    return found
