"""The command `evalscope-summary`: a thin layer over the Snakefile beside it, for people who don't know Snakemake.

It starts Snakemake with all cores, shows a bar on a terminal instead of Snakemake's log, and ends with a summary. Work
folder and tables are the workflow's own, so both ways can be mixed.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import ending, last_words, missing, options, progress, several, summary
from .discovery import MissingTree, discover
from .languages import say, translated
from .layouts import FORMATS
from .settings import WrongConfiguration, complete
from .start import has_settings
from .terminal import put_up_with_closed_pipes, wrapped

CHECKOUT = Path(__file__).parents[2]
SUCCESS, FAILED, WRONG_USAGE, SKIPPED = range(4)
"""The exit status."""

_SETTINGS = "config/config.yaml"  # what the Snakefile reads
_USUAL = {"requests": "parquet"}  # the format of tables that are never CSV
_LOG = 200  # lines of Snakemake's that are kept
_STEPS = re.compile(r"(\d+) of (\d+) steps \(\d+%\) done")
_RUNS = re.compile(r"(.+): \d+( of \d+)? runs(, [\d.]+ MB)?")
_OURS = "evalscope-summary: "


class WrongUsage(Exception):
    """The command line can't be meant so; the text says what to do."""


@dataclass(frozen=True)
class Call:
    """What to start.

    Attributes:
        command: the Snakemake command line.
        settings: the whole configuration.
        makes_tables: not a dry run, `--unlock` or the like.
        is_dry: only says what would be made.
        unlocks: only takes locks away.
    """

    command: list[str]
    settings: dict[str, Any]
    makes_tables: bool
    is_dry: bool
    unlocks: bool


def main() -> int:
    """The program; returns its exit status."""
    put_up_with_closed_pipes()
    given, configured, parser = options.parse(sys.argv[1:])
    try:
        call = prepare(given, configured)
    except (WrongUsage, WrongConfiguration, MissingTree) as error:
        parser.error(str(error))
    if given.show_command:
        print(shown(call.command))
        return SUCCESS
    return run(call)


def prepare(given: Any, configured: Mapping[str, Any]) -> Call:
    """What a command line stands for.

    Args:
        given: the options.
        configured: the settings that they hold.

    Raises:
        WrongUsage, WrongConfiguration, MissingTree: with what is wrong.
    """
    for argument in given.snakemake:
        if re.fullmatch(r"(--config|-C|--configfiles?)(=.*)?", argument):
            raise WrongUsage(
                f"after --snakemake, {argument} is not taken: name settings as options, or by --config-file"
            )
    if given.config_file and not os.path.isfile(given.config_file):
        raise WrongUsage(f"{given.config_file} does not exist")
    further, tables = _trees_and_tables(given.tables, {**_of_files(given.config_file), **configured})
    if further:
        configured = {**configured, "results_dir": [configured["results_dir"], *further]}
    settings = complete({**_of_files(given.config_file), **configured})
    for tree in several.paths(settings["results_dir"]):
        if not os.path.isdir(tree):
            discover(tree)  # says what is wrong
    snakefile = CHECKOUT / "report" / "Snakefile" if given.command == "report" else CHECKOUT / "Snakefile"
    targets = [target(table, settings, given.command) for table in tables]
    if given.command == "report":
        _check_libraries_of_report()
        targets = targets or [f"{settings['output']}_report.html"]
    if given.command == "compare":
        if not settings["compare"]:
            raise WrongUsage("compare needs --by LABEL and --baseline VALUE: --by model --baseline qwen3")
        targets = targets or [f"{settings['output']}_compare.csv"]
    passed = {key: value for key, value in configured.items() if key != "strict"}
    if settings["strict"] is not False:
        passed["strict"] = False  # checked here, when all tables are made
    return Call(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", given.cores),
            *targets,
            *(["--configfile", given.config_file] if given.config_file else []),
            *(["--dry-run"] if given.dry_run else []),
            *(["--unlock"] if given.unlock else []),
            *given.snakemake,
            *(["--config", *(f"{key}={config_text(value)}" for key, value in passed.items())] if passed else []),
        ],
        settings,
        not (given.dry_run or given.unlock or {"-n", "--dry-run", "--dryrun", "--lint"} & set(given.snakemake)),
        given.dry_run,
        given.unlock,
    )


def _trees_and_tables(names: Sequence[str], settings: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What the names behind the first results tree mean: a folder that is no table is a further tree."""
    known = complete({key: value for key, value in settings.items() if key == "output"})
    trees: list[str] = []
    tables: list[str] = []
    for name in names:
        try:
            target(name, known)
        except WrongUsage:
            (trees if os.path.isdir(name) else tables).append(name)
        else:
            tables.append(name)
    return trees, tables


def _of_files(config_file: str | None) -> dict[str, Any]:
    """The settings of the configuration files, later ones over earlier ones."""
    import yaml  # Snakemake's

    given: dict[str, Any] = {}
    for path in (_SETTINGS, config_file):
        if path and has_settings(path):
            try:
                content = yaml.safe_load(Path(path).read_text("utf-8"))
            except yaml.YAMLError as error:
                raise WrongConfiguration(f"{path} is no YAML: {' '.join(str(error).split())}") from error
            if not isinstance(content, dict):
                raise WrongConfiguration(f"{path} holds no keys and values")
            given |= content
    return given


def target(table: str, settings: Mapping[str, Any], command: str = "") -> str:
    """The file of a table that was asked for: `raw`, `stats.parquet`, `xlsx`, or the file's own name.

    Args:
        table: what was asked for.
        settings: the configuration.
        command: the sub-command, which may make files of other names.

    Raises:
        WrongUsage: there is none.
    """
    output: str = settings["output"]
    if table in ("xlsx", "workbook"):
        return f"{output}.xlsx"
    files = _files(output)
    name, _, format_ = table.partition(".")
    file = f"{output}_{name}.{format_ or _USUAL.get(name, 'csv')}"
    if file in files:
        return file
    if table in files or (command and table.startswith(f"{output}_")):
        return table
    close = options.likely(table)
    if close not in ("", table) and not os.path.isdir(table):
        raise WrongUsage(f"there is no table {table!r}; did you mean {close!r}?")
    known = ", ".join(options.known_tables())
    raise WrongUsage(
        f"there is no table {table!r}; there are {known}, each with .csv, .json, .parquet or .xlsx, and xlsx"
    )


def _files(output: str) -> list[str]:
    """The files that can be made without a sub-command."""
    tables = [name for name in options.known_tables() if name not in _USUAL]
    return [
        *(f"{output}_{name}.{format_}" for name in tables for format_ in FORMATS),
        *(f"{output}_{name}.{format_}" for name, format_ in _USUAL.items()),
        *(f"{output}_overview.md", f"{output}.xlsx", f"{output}.datapackage.json"),
    ]


def _check_libraries_of_report() -> None:
    import importlib.util

    names = [name for name in ("jinja2", "pygments", "vl_convert") if importlib.util.find_spec(name) is None]
    if names:
        raise WrongUsage(
            f"the report needs {', '.join(names)}, which this Python lacks: {sys.executable} -m pip install"
            f" {' '.join(map(missing.distribution, names))} (uv: uv tool install --with, pipx: pipx inject)"
        )


def config_text(value: Any) -> str:
    """What stands behind `key=` of Snakemake's `--config` for a value."""
    import json

    if isinstance(value, str):
        # spaces, as it strips quotes that stand at the ends
        return value if _is_read_as_it_is(value) else f" {json.dumps(value, ensure_ascii=False)} "
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _is_read_as_it_is(text: str) -> bool:
    """Whether Snakemake (9.27, `parse_config`) takes a text for itself: not for a number, a truth value or YAML."""
    import yaml

    if text in ("", "True", "False") or text != text.strip("'\""):
        return False
    for number in (int, float):
        try:
            number(text)
        except ValueError:
            continue
        return False
    try:
        return bool(yaml.load(text, Loader=yaml.loader.BaseLoader) == text)
    except yaml.YAMLError:
        return True


def shown(command: Sequence[str]) -> str:
    """A command as one types it."""
    beside = Path(sys.executable).with_name("snakemake")
    program = shutil.which("snakemake")
    if program and beside.exists() and os.path.samefile(program, beside):
        return shlex.join(["snakemake", *command[3:]])
    return shlex.join([str(beside), *command[3:]] if beside.exists() else command)


def run(call: Call) -> int:
    """Start Snakemake, show how far it is, and say how it ended; returns the exit status."""
    began = time.time()
    before = summary.dates(call.settings["output"])
    with tempfile.TemporaryDirectory(prefix="evalscope-summary-") as folder:
        words = Path(folder, "last-words")
        status, printed, log = _start(call, words)
        speaks = call.is_dry or call.unlocks  # instead of Snakemake
        if not speaks:
            print(printed, end="")
        if status:
            _say_why(words, [*printed.splitlines(), *log] if speaks else log)
            return FAILED
    if call.unlocks:
        _print(say("The locks of this folder are taken away; now start again without --unlock"))
    elif call.is_dry:
        _print(summary.of_dry_run(printed, call.settings["work_dir"]))
    if not call.makes_tables:
        return SUCCESS
    ended = summary.of(call.settings, before, began)
    _print(ended.text)
    return SKIPPED if ended.disturbing else SUCCESS


def _print(text: str) -> None:
    print(_on_lines(text) if sys.stdout.isatty() else text)


def _on_lines(text: str) -> str:
    """A text with lines that fit on the terminal; only what has no space, such as a path, may be longer."""
    columns, lines = shutil.get_terminal_size().columns, []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        first, *more = wrapped(line.strip(), columns - len(indent) - 2) or [""]
        lines += [indent + first, *(f"{indent}  {part}" for part in more)]
    return "\n".join(lines)


def _start(call: Call, words: Path) -> tuple[int, str, list[str]]:
    """Run Snakemake; returns its exit status, what it printed, and the end of its log."""
    environment = {**os.environ, progress.VARIABLE: "lines", last_words.FILE: str(words)}
    environment[last_words.COMMAND] = shlex.join(["evalscope-summary", *sys.argv[1:]])
    if sys.stdout.isatty():
        environment[ending.TERMINAL] = "1"
        environment["COLUMNS"] = str(shutil.get_terminal_size().columns)
    quiet = call.makes_tables or call.is_dry or call.unlocks
    process = subprocess.Popen(
        call.command,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        env=environment,
        encoding="utf-8",
        errors="backslashreplace",
    )
    ended: list[int] = []

    def end(number: int, frame: object) -> None:
        ended.append(number)
        process.terminate()

    previous = signal.signal(signal.SIGTERM, end)
    log: list[str] = []
    try:
        if process.stderr:
            log = _follow(process.stderr)
        printed = process.stdout.read() if process.stdout else ""
        status = process.wait()
    except KeyboardInterrupt:  # it gets the same signal, and tidies up
        ended.append(signal.SIGINT)
        process.communicate()
    finally:
        signal.signal(signal.SIGTERM, previous)
    if ended:
        print(_OURS + say("stopped; what was read is kept, and tables are those from before"), file=sys.stderr)
        raise SystemExit(128 + ended[0])
    return status, printed, log


def _follow(stream: Any) -> list[str]:
    """Show on a terminal how far Snakemake is; what the workflow warns of goes through. Returns the end of its log."""
    from tqdm import tqdm

    log: list[str] = []
    with tqdm(
        total=None,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {postfix}",
        desc=say("steps"),
        leave=False,
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
        delay=0.5,
    ) as bar:
        for line in stream:
            text = line.rstrip("\n")
            log = [*log[1 - _LOG :], text]
            if match := _STEPS.fullmatch(text):
                bar.total = int(match[2])
                bar.n = int(match[1])
                bar.refresh()
            elif _RUNS.fullmatch(text):
                bar.set_postfix_str(translated(text))
            elif text.startswith(_OURS):
                bar.write(_OURS + translated(text.removeprefix(_OURS)), file=sys.stderr)
    return log


def _say_why(words: Path, log: Sequence[str]) -> None:
    """Say at the end what went wrong: what the workflow knows of it, else what Snakemake said."""
    if words.exists():
        print(_OURS + words.read_text("utf-8"), file=sys.stderr)
        return
    first = next((i for i, line in enumerate(log) if re.match(r"\w*(Error|Exception)\b", line)), max(0, len(log) - 15))
    print("\n".join(log[first:]), file=sys.stderr)
