"""The configuration: `config/config.schema.json` is the one home of its keys, defaults and descriptions."""

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastjsonschema

from . import patterns
from .columns import BY_NAME, GROUP_LABELS
from .comparison import COMPARE_MEASURE, NOTHING_TO_COMPARE
from .layouts import FORMATS, LONG_MEASURE, STATISTICS, SUCCESS_SHARE, stats_columns
from .selection import moment

SCHEMA = Path(__file__).parents[2] / "config" / "config.schema.json"


class WrongConfiguration(Exception):
    """The configuration can't be used; the text names the key, what was found and what is expected."""


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    content: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return content


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check a configuration and add the defaults of the keys that it lacks.

    Raises:
        WrongConfiguration: for an unknown key, a value of the wrong type or range, a pattern that is none, or a label
            that does not exist.
    """
    rules = schema()
    for key in config:
        if key not in rules["properties"]:
            close = difflib.get_close_matches(str(key), rules["properties"], 1)
            hint = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(rules['properties'])}"
            raise WrongConfiguration(f"configuration: there is no key {key!r}; {hint}")
    if "storage_object" in getattr(config.get("results_dir"), "flags", ()):
        raise WrongConfiguration(
            "configuration: 'results_dir' is in a storage of Snakemake, which has files and no trees: name a folder"
            " where it is mounted (rclone mount, for example) or copied to"
        )
    given = {key: _as_meant(value, rules["properties"][key]) for key, value in config.items()}
    given |= {key: _moment(key, given[key]) for key in ("since", "until") if key in given}
    try:
        result: dict[str, Any] = fastjsonschema.compile(rules)(json.loads(json.dumps(given)))
    except (fastjsonschema.JsonSchemaValueException, TypeError) as error:
        if isinstance(error, TypeError):
            raise WrongConfiguration(f"configuration: {error}") from error
        key = ".".join(error.path[1:2])
        rule = rules["properties"].get(key, {})
        expected = rule.get("enum") or f"{rule.get('type')}, such as {json.dumps(rule.get('default'))}"
        raise WrongConfiguration(
            f"configuration: {key!r} is {json.dumps(config.get(key))}: {error.message.removeprefix('data.')}."
            f" Expected: {expected} ({rule.get('description', '')})"
        ) from error
    result["output"] = beginning(result["output"])
    added = _added_columns(result)
    if result["since"] and result["until"] and result["since"] > result["until"]:
        raise WrongConfiguration(
            f"configuration: 'since' {config['since']!s} is later than 'until' {config['until']!s}: no run is left"
        )
    for label in result["group_by"]:
        _check_known("group_by", label, (*GROUP_LABELS, *added))
    result["compare"] = _comparison(result, (*GROUP_LABELS, *added))
    return result


def _comparison(settings: Mapping[str, Any], labels: Sequence[str]) -> dict[str, str]:
    """What is compared, with the baseline as text.

    Raises:
        WrongConfiguration: it does not say what, or there is no such label.
    """
    given: dict[str, Any] = settings["compare"]
    if not given and "compare" in settings["tables"]:
        raise WrongConfiguration(f"configuration: 'tables' names compare, but {NOTHING_TO_COMPARE}")
    if not given:
        return {}
    if given.keys() != {"by", "baseline"}:
        raise WrongConfiguration(f"configuration: 'compare' has {', '.join(given)} alone: {NOTHING_TO_COMPARE}")
    _check_known("compare", given["by"], labels)
    for name in {column.name for column in COMPARE_MEASURE} & set(labels):
        raise WrongConfiguration(
            f"configuration: a label is called {name!r}, as a column of the table of comparisons is"
        )
    baseline = given["baseline"]
    return {"by": given["by"], "baseline": str(baseline).lower() if isinstance(baseline, bool) else str(baseline)}


def beginning(output: str) -> str:
    """The beginning of the tables' paths that was meant by `output`: without the ending that a file would have.

    >>> beginning("out/july.csv"), beginning("v1.2"), beginning("out/.csv")
    ('out/july', 'v1.2', 'out/.csv')
    """
    path, ending = os.path.splitext(output)
    return path if ending[1:] in FORMATS else output


def _check_known(key: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        close = difflib.get_close_matches(value, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        raise WrongConfiguration(f"configuration: {key!r} names {value!r}, which is no label; {hint}")


def _added_columns(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that `label_pattern` adds; both patterns are checked."""
    for key in ("repeat_pattern", "label_pattern"):
        try:
            patterns.check(settings[key])
        except patterns.WrongPattern as error:
            raise WrongConfiguration(f"configuration: {key!r}: {error}") from error
    names = patterns.names(settings["label_pattern"])
    if settings["label_pattern"] and not names:
        raise WrongConfiguration(
            f"configuration: 'label_pattern' {settings['label_pattern']!r} has no named group: write (?P<name>…) around"
            " what makes a column"
        )
    if not names:
        return ()
    stats = stats_columns({"columns": "all", "statistics": STATISTICS, "label_pattern": "", "slo": {"latency": 1}})
    taken = set(BY_NAME) | {column.name for column in (*stats, SUCCESS_SHARE, *LONG_MEASURE)}
    for name in names:
        if name in taken:
            raise WrongConfiguration(
                f"configuration: 'label_pattern' names a group {name!r}, but there is a column of that name;"
                " give the group another one"
            )
    return names


def _moment(key: str, value: Any) -> Any:
    """A bound of the period as `timestamp` has it. YAML makes numbers and dates of some ways to write one.

    Raises:
        WrongConfiguration: it is no time.
    """
    if value == "" or isinstance(value, bool | list | dict):
        return value
    try:
        return moment(str(value), end=key == "until")
    except ValueError as error:
        raise WrongConfiguration(
            f"configuration: {key!r} is {str(value)!r:.40}, which is no time: write 20260131, 20260131_120000,"
            " 2026-01-31 or 2026-01-31T12:00"
        ) from error


def _as_meant(value: Any, rule: Mapping[str, Any]) -> Any:
    """What Snakemake 9 makes a text of in `--config`: truth values, of which it knows only `True`, and numbers in
    something else (`slo={ttft: 0.5}`)."""
    if rule.get("type") == "object" and isinstance(value, Mapping):
        known = rule.get("properties", {})
        return {name: _as_meant(part, known.get(name, {})) for name, part in value.items()}
    if rule.get("type") == "number" and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if (rule.get("type") == "boolean" or True in rule.get("enum", ())) and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value
