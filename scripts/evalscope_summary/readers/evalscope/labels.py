"""The labels of a run that come from where it lies and from its arguments."""

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..cells import file_name
from . import definitions, formats

_SHORT = 10_000  # characters of an argument whose digest is kept


@dataclass(frozen=True)
class Place:
    """Where a run lies below the results tree.

    Attributes:
        timestamp: `YYYYMMDD_HHMMSS`, None without a timestamp folder.
        config: folders between the tree and the timestamp (without one: and the name folder), joined by `/`.
        name_folder: folder that evalscope named after `--name` or the model, empty if there is none.
    """

    timestamp: str | None
    config: str
    name_folder: str


def place(run: str, name: str | None) -> Place:
    """Split a run's path, in every layout of the releases (formats 1.2).

    Args:
        run: path below the results tree, `/` between folders; empty for the tree's root itself.
        name: args `name`: in some releases a `/` in it nests folders.
    """
    folders = run.split("/") if run else []
    stamp = next((i for i in reversed(range(len(folders))) if formats.is_timestamp(folders[i])), None)
    if stamp is not None:
        below = _without_level(folders[stamp + 1 :])
        return Place(folders[stamp], "/".join(folders[:stamp]), below[-1] if below else "")
    above = _without_level(folders)
    nested = formats.folders_of_name(name or "")
    depth = len(nested) if nested and tuple(above[-len(nested) :]) == nested else 1
    return Place(None, "/".join(above[:-depth]), above[-1] if above else "")


def _without_level(folders: Sequence[str]) -> Sequence[str]:
    if folders and formats.is_level(folders[-1]):
        folders = folders[:-1]
        if folders and folders[-1] == formats.SLA_FOLDER:
            folders = folders[:-1]
    return folders


def prompt_characters(prompt: Any) -> int | None:
    """The length of a prompt given as text; None if there is none (blank, or `@file`)."""
    if not isinstance(prompt, str) or not prompt.strip() or prompt.startswith("@"):
        return None
    return len(prompt)


def with_dataset_args(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments in which those of `dataset_args` (from 1.9.1) override the fields of the same name."""
    of_dataset = args.get("dataset_args")
    if not isinstance(of_dataset, dict) or not of_dataset:
        return args
    return {**args, **{key: value for key, value in of_dataset.items() if value is not None}}


def workload_arguments(args: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the arguments that change the workload, are in no label, and differ from their defaults.

    They are compared only, and may hold keys (`extra_args`), so the values themselves are not kept. What releases
    write differently for one thing is one thing here: absent, null, an empty list or object and the default; a field
    and its namesake in `dataset_args`, which overrides it; `multi_turn_args` and `dataset_args`. Of paths only the
    last component counts, as the same file may lie elsewhere on another machine.

    Args:
        args: content of `benchmark_args.json`.

    Returns:
        Field of `definitions.WORKLOAD_ARGUMENTS` → digest of its value.
    """
    of_dataset: dict[str, Any] = {}
    for field in ("multi_turn_args", "dataset_args"):
        if isinstance(args.get(field), dict):
            of_dataset.update(args[field])
    rest = {
        key: value
        for key, value in of_dataset.items()
        if key not in definitions.OTHER_DATASET_ARGUMENTS
        and key not in definitions.WORKLOAD_ARGUMENTS
        and not _is_default(value, definitions.DATASET_ARGUMENTS.get(key))
    }
    given = {**with_dataset_args(args), "dataset_args": rest}
    digests = {}
    for field, default in definitions.WORKLOAD_ARGUMENTS.items():
        value = given.get(field)
        if value is None or value is default:  # what nearly all are
            continue
        if isinstance(value, str) and (field == "tokenizer_path" or value.startswith("@")):
            value = file_name(value)
        if field == definitions.CHAT_TEMPLATE:
            url = args.get("url")
            default = isinstance(url, str) and re.split("[?#]", url)[0].rstrip("/").endswith("chat/completions")
        if not _is_default(value, default):
            text = json.dumps(value)
            digests[field] = _kept_digest(text) if len(text) < _SHORT else _digest(text)
    return digests


def _digest(text: str) -> str:
    text = json.dumps(json.loads(text, parse_int=float), sort_keys=True)  # 1 and 1.0 are one
    return hashlib.sha256(text.encode()).hexdigest()[:12]


_kept_digest = functools.lru_cache(1000)(_digest)


def _is_default(value: Any, default: Any) -> bool:
    return (
        value is None
        or value in ([], {})
        or (value == default and isinstance(value, bool) == isinstance(default, bool))
    )
