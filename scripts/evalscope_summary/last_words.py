"""The last thing that a start says: what its user did wrong, below all that Snakemake says after it."""

import atexit
import logging
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from . import options
from .languages import say, translated

FILE = "EVALSCOPE_SUMMARY_LAST_WORDS"
"""Environment variable with the path of a file that takes them instead: whoever started this shows them."""

COMMAND = "EVALSCOPE_SUMMARY_COMMAND"
"""Environment variable with the command line of whoever started this."""

_PROGRESS = re.compile(r": \d+( of \d+)? runs(, [\d.]+ MB)?$")  # `progress.Progress.line`
_UNKNOWN = re.compile(r"No rule to produce (.+) \(if you use")
_LINES = 15

_words: list[str] = []
_registered: list[bool] = []  # of `_say`, once, whatever is parsed repeatedly


def keep(text: str) -> None:
    """Say this when the process ends; only the first time counts, as what follows is a consequence."""
    _speak_last()
    if not _words:
        _words.append(text)


def _speak_last() -> None:
    """Have them behind all that is said at the end: what is registered first comes last."""
    if not _registered:
        atexit.register(_say)
        _registered.append(True)


def of_failed(workflow: Any) -> str:
    """What the job said that failed.

    Args:
        workflow: Snakemake's, whose jobs have ended.
    """
    for job in getattr(workflow.scheduler, "failed", ()):
        for log in map(str, getattr(job, "log", ())):
            if said := _said(Path(log)):
                return said
    return "a job failed; what Snakemake says above has the reason"


def _said(log: Path) -> str:
    """The end of a job's log, without how far it was; of a traceback the last line, and where the rest is."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.strip() and not _PROGRESS.search(line)]
    if any(line.startswith("Traceback (most recent call last)") for line in said):
        return f"{said[-1]}\nThis is an error of the program; all that it said is in {log}"
    return "\n".join(said[-_LINES:])


def _no_rule_makes(file: str) -> str:
    """What to say of a target that is misspelt."""
    tables = options.known_tables()
    if (close := options.likely(file)) not in ("", file):
        return f"no rule makes {file!r}; did you mean {close!r}?"
    called = f"tables are called summary_{tables[0]}.csv and so on, or as in `output`"
    return f"no rule makes {file!r}; {called}: {', '.join(tables)}"


class _Listener(logging.Handler):
    """Hears why Snakemake itself (9.19, 9.27) can't go on: its log has the exception's name."""

    def emit(self, record: logging.LogRecord) -> None:
        name = getattr(record, "exception", None)
        if name == "LockException":
            keep(
                say(
                    "another start is at work in this folder, or one was killed here. In the second case, once:\n"
                    "  {command}",
                    command=_command("--unlock"),
                )
            )
        elif name == "IncompleteFilesException":
            keep(
                say(
                    "a start was killed while it wrote files. Once:\n  {command}",
                    command=_command("--rerun-incomplete"),
                )
            )
        elif name in ("MissingRuleException", "MissingInputException"):
            lines = [line.strip() for line in record.getMessage().splitlines() if line.strip()]
            unknown = _UNKNOWN.match(lines[-1])
            keep(_no_rule_makes(unknown[1]) if unknown else "; ".join(lines[1:]))


def listen() -> None:
    """Hear what goes wrong in Snakemake itself, in the process that the user started; before anything else that says
    something at its end."""
    _speak_last()
    from snakemake.logging import logger

    if not any(isinstance(handler, _Listener) for handler in logger.handlers):
        logger.addHandler(_Listener(logging.ERROR))


def _command(option: str) -> str:
    """The whole command that was given, with one more option."""
    if given := os.environ.get(COMMAND):
        return f"{given} {option if option == '--unlock' else f'--snakemake {option}'}"
    return shlex.join(["snakemake", *sys.argv[1:], option])


def _say() -> None:
    if not _words:
        return
    text = translated(_words[0])
    if path := os.environ.get(FILE):
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    else:
        print(f"\nevalscope-summary: {text}", file=sys.stderr)
