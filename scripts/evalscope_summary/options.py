"""The options of the command `evalscope-summary`: one for each key of the configuration, from its schema."""

import argparse
import difflib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from . import __version__
from .languages import say, translated
from .settings import schema
from .terminal import wrapped

COMMANDS = {
    "report": "the interactive report: one HTML file, and figures",
    "compare": "groups of runs beside those of a baseline",
}
"""Sub-command → what it makes."""

OWN_TABLES = ("problems",)  # besides the values of the setting `tables`
SNAKEMAKE = "--snakemake"
_HELP_COLUMN = 24
_LONGEST_DEFAULT = 60  # characters


def _types(rule: Mapping[str, Any]) -> set[str]:
    """The types of values that a key may have."""
    types: set[str] = set()
    for part in (rule, *rule.get("anyOf", ()), *rule.get("oneOf", ())):
        given = part.get("type", [])
        types |= {given} if isinstance(given, str) else set(given)
        types |= {"boolean" if isinstance(value, bool) else "string" for value in part.get("enum", ())}
    return types


def value_of(text: str, rule: Mapping[str, Any]) -> Any:
    """What was meant by the text of an option; a text that fits nothing stays one, and the schema says what is wrong.

    >>> value_of("csv,xlsx", {"type": "array"}), value_of("8", {"type": "integer"}), value_of("no", {"enum": [False]})
    (['csv', 'xlsx'], 8, 'no')
    """
    types = _types(rule)
    if "boolean" in types and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if "integer" in types and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "number" in types and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    if types & {"array", "object"} and text[:1] in ("[", "{"):
        import yaml  # as Snakemake reads it

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text
    if "object" in types and "=" in text:
        pairs = (part.partition("=") for part in text.split(","))
        parts = rule.get("properties", {})
        return {name: _number(value, parts.get(name, {})) for name, value in _stripped(pairs)}
    if "array" in types and "string" not in types:
        return text.split(",")
    return text


def _stripped(pairs: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    return ((name.strip(), value.strip()) for name, _, value in pairs)


def _number(text: str, rule: Mapping[str, Any]) -> Any:
    """A number where one belongs; what is text stays as it is written: `1.10`."""
    return float(text) if "number" in _types(rule) and re.fullmatch(r"-?\d+(\.\d+)?", text) else text


class _Help(argparse.HelpFormatter):
    """Help as wide as the terminal, in the language of the locale."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMN, width=min(shutil.get_terminal_size().columns, 120) - 2)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, say("usage: ") if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for part in text.split("\n") for line in wrapped(part, width) or [""])


class Parser(argparse.ArgumentParser):
    """A parser that speaks the language of the locale."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more, formatter_class=_Help, add_help=False, allow_abbrev=False)
        self._positionals.title, self._optionals.title = say("arguments"), say("options")
        self.add_argument("-h", "--help", action="help", help=say("show this help"))

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, at the end, and leave with 2."""
        said = translated(message)
        if said.endswith(("?", "？")):
            line = say("{program}: {question} {program} --help shows all", program=self.prog, question=said)
        else:
            line = say("{program}: {message}; {program} --help shows all", program=self.prog, message=said)
        self.exit(2, line + "\n")


def parser() -> Parser:
    """The parser of the command line."""
    arguments = Parser(
        prog="evalscope-summary",
        usage=say("%(prog)s [report | compare] [RESULTS ...] [TABLE ...] [options]"),
        description=say(
            "Turn a tree of load test results (evalscope perf, the benchmarks of vLLM and SGLang, AIPerf, GuideLLM)"
            " into tables, in the current folder: a row per run, a row per repeated test, a row per problem. Only what"
            " is new or changed is read. It is the Snakemake workflow of this project, started with all cores; nothing"
            " has to be known of Snakemake."
        ),
        epilog=say(
            "Exit status: 0 all was made, 1 something failed, 2 wrong usage, 3 the tables were written, but runs were"
            " skipped and --strict asked to say so."
        ),
    )
    what = arguments.add_argument_group(say("what to make"))
    what.add_argument(
        "results",
        metavar=say("RESULTS"),
        nargs="?",
        help=say("the results tree (default: results); further folders behind it are further trees"),
    )
    what.add_argument(
        "tables",
        metavar=say("TABLE"),
        nargs="*",
        help=say(
            "instead of the default tables: {tables}, each with a format behind a dot if it is not csv (stats.parquet),"
            " xlsx for the workbook, or the name of a file",
            tables=", ".join(known_tables()),
        ),
    )
    how = arguments.add_argument_group(say("how"))
    how.add_argument(
        "--config-file", metavar="FILE", help=say("settings, as YAML; config/config.yaml is read without it")
    )
    how.add_argument("--cores", metavar="N", default="all", help=say("processor cores to use (default: all)"))
    how.add_argument("-n", "--dry-run", action="store_true", help=say("say what would be done, and do nothing"))
    how.add_argument(
        "--unlock", action="store_true", help=say("after a start was killed: take its locks away, and do nothing else")
    )
    how.add_argument(
        "--show-command",
        action="store_true",
        help=say("print the Snakemake command that this stands for, and do nothing"),
    )
    how.add_argument(
        SNAKEMAKE, metavar="…", help=say("all that follows goes to Snakemake: --snakemake --executor slurm")
    )
    how.add_argument(
        "--version", action="version", version=f"evalscope-summary {__version__}", help=say("show the version")
    )
    compared = arguments.add_argument_group(say("with compare"))
    compared.add_argument("--by", metavar="LABEL", help=say("the label in which the runs differ that are compared"))
    compared.add_argument("--baseline", metavar="VALUE", help=say("its value that all others are compared with"))
    keys = arguments.add_argument_group(
        say("settings"),
        say(
            "Lists are separated by commas, or the option is repeated; [a, b] is taken as YAML."
            " Truth: --strict, --no-strict."
        ),
    )
    for key, rule in _keys().items():
        types = _types(rule)
        keys.add_argument(
            option(key),
            dest=f"setting_{key}",
            metavar=_metavar(key, rule, types),
            action="append",
            help=_described(rule).replace("%", "%%"),
        )
    return arguments


def _keys() -> dict[str, Mapping[str, Any]]:
    return {key: rule for key, rule in schema()["properties"].items() if "default" in rule}


def option(key: str) -> str:
    """The option of a key of the configuration."""
    return "--" + key.replace("_", "-")


def _metavar(key: str, rule: Mapping[str, Any], types: set[str]) -> str:
    values = rule.get("enum") or rule.get("items", {}).get("enum")
    if values:
        return "|".join(json.dumps(value).strip('"') for value in values)
    return {"boolean": "true|false", "integer": "N", "number": "N"}.get(next(iter(sorted(types)), ""), key.upper())


def _described(rule: Mapping[str, Any]) -> str:
    default = rule["default"]
    shown = ",".join(default) if isinstance(default, list) else json.dumps(default, ensure_ascii=False).strip('"')
    shows = shown not in ("", "{}", "null") and len(shown) <= _LONGEST_DEFAULT
    return translated(rule["description"]) + (say(" (default: {value})", value=shown) if shows else "")


def known_tables() -> tuple[str, ...]:
    """The names of tables that can be asked for."""
    return (*schema()["properties"]["tables"]["items"]["enum"], *OWN_TABLES)


def likely(name: str) -> str:
    """What was meant by a table, or by a file of one, that is misspelt; empty if nothing is near.

    >>> likely("summary_stat.csv"), likely("statz"), likely("summary_nix.csv")
    ('summary_stats.csv', 'stats', '')
    """
    head, between, end = name.rpartition("_")
    table, dot, format_ = end.partition(".")
    close = difflib.get_close_matches(table, known_tables(), 1)
    return f"{head}{between}{close[0]}{dot}{format_}" if close else ""


def _with_truth(arguments: Sequence[str]) -> list[str]:
    """`--strict` and `--no-strict` as `--strict=true` and `--strict=false`, so that nothing behind them is taken but a
    value of theirs (`--strict new`)."""
    switches = {option(key): rule for key, rule in _keys().items() if "boolean" in _types(rule)}
    result: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            return [*result, argument, *left]
        positive = f"--{argument.removeprefix('--no-')}"
        if argument in switches:
            is_value = left and left[0] in switches[argument].get("enum", ()) and not os.path.isdir(left[0])
            argument += f"={left.pop(0) if is_value else 'true'}"
        elif argument.startswith("--no-") and positive in switches:
            argument = f"{positive}=false"
        result.append(argument)
    return result


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Any], Parser]:
    """Parse a command line.

    Returns:
        The options, with `command` (one of `COMMANDS`, or empty); the settings that are given by options; the parser.
    """
    known = parser()
    given = list(arguments)
    command = given.pop(0) if given and given[0] in COMMANDS else ""
    here = given.index(SNAKEMAKE) if SNAKEMAKE in given else len(given)
    rest = given[here + 1 :]
    options = known.parse_intermixed_args(_with_truth(given[:here]))
    options.command = command
    options.snakemake = rest[1:] if rest[:1] == ["--"] else rest
    settings: dict[str, Any] = {}
    for key, rule in _keys().items():
        texts: list[str] = getattr(options, f"setting_{key}") or []
        values = [value_of(text, rule) for text in texts]
        if len(values) > 1 and "array" in _types(rule):
            values = [[item for value in values for item in (value if isinstance(value, list) else [value])]]
        if values:
            settings[key] = values[-1]
    if options.by is not None or options.baseline is not None:
        if command != "compare":
            known.error("--by and --baseline belong to compare")
        pair = {"by": options.by, "baseline": options.baseline}
        settings["compare"] = {name: value for name, value in pair.items() if value is not None}
    if options.results is not None:
        settings["results_dir"] = options.results
    return options, settings, known
