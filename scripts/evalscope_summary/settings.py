"""The configuration: `config/config.schema.json` is the one home of its keys, defaults and descriptions."""

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fastjsonschema

from . import patterns, several
from .comparison import NOTHING_TO_COMPARE
from .layouts import FORMATS, label_names, taken_names
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

    The key `labels` is added, for the names of labels that are in labels files: none before the tree is known. Where
    there may be some, whoever knows the tree has to call `check_labels`.

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
    given_trees = config.get("results_dir", ())
    each = given_trees if isinstance(given_trees, list | tuple) else [given_trees]
    if any("storage_object" in getattr(tree, "flags", ()) for tree in each):
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
    try:
        several.names(result["results_dir"])
    except several.WrongTrees as error:
        raise WrongConfiguration(f"configuration: 'results_dir': {error}") from error
    result["labels"] = []
    _check_patterns(result)
    if result["since"] and result["until"] and result["since"] > result["until"]:
        raise WrongConfiguration(
            f"configuration: 'since' {config['since']!s} is later than 'until' {config['until']!s}: no run is left"
        )
    result["compare"] = _comparison(result)
    if not result["labels_file"]:
        check_labels(result)
    return result


def check_labels(settings: Mapping[str, Any]) -> None:
    """Check the keys whose values are labels.

    Args:
        settings: of `complete`; `labels` are the names that are in labels files.

    Raises:
        WrongConfiguration: there is no such label.
    """
    for label in settings["group_by"]:
        _check_known("group_by", label, label_names(settings))
    if settings["compare"]:
        _check_known("compare", settings["compare"]["by"], label_names(settings))


def _comparison(settings: Mapping[str, Any]) -> dict[str, str]:
    """What is compared, with the baseline as text.

    Raises:
        WrongConfiguration: it does not say what.
    """
    given: dict[str, Any] = settings["compare"]
    if not given and "compare" in settings["tables"]:
        raise WrongConfiguration(f"configuration: 'tables' names compare, but {NOTHING_TO_COMPARE}")
    if not given:
        return {}
    if given.keys() != {"by", "baseline"}:
        raise WrongConfiguration(f"configuration: 'compare' has {', '.join(given)} alone: {NOTHING_TO_COMPARE}")
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


def _check_patterns(settings: Mapping[str, Any]) -> None:
    """Check both patterns, and the names of the columns that `label_pattern` adds."""
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
    taken = taken_names() if names else ()
    for name in names:
        if name in taken:
            raise WrongConfiguration(
                f"configuration: 'label_pattern' names a group {name!r}, but there is a column of that name;"
                " give the group another one"
            )


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
