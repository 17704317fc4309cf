"""Labels that are decided when tables are made, as settings have a say in them."""

import functools
import re

from . import patterns

_LENGTHS = ("long", "medium", "short")
_NAME = 255  # characters of a file's name that are looked at; no system has longer ones, and what is seen is kept


def prompt_length(characters: int | None, long_above: int, config: str, dataset_file: str | None) -> str | None:
    """`long`, `medium` or `short`: by the prompt's length, else by a word in the config's or the data set's name.

    Args:
        characters: of `prompt_characters`.
        long_above: more characters than this make a long prompt (setting `prompt_long_chars`).
        config: the run's config; the words of its last component are separated by `_` only, so that a model name
            (`mistral-medium`) is none.
        dataset_file: name of the data set's file.
    """
    if characters is not None:
        return "long" if characters > long_above else "short"
    return _length_word(config.rsplit("/", 1)[-1], (dataset_file or "")[-_NAME:])


@functools.lru_cache(10_000)
def _length_word(last: str, dataset_file: str) -> str | None:
    for words in (last.lower().split("_"), re.split(r"[-_.]", dataset_file.lower())):
        lengths = [word for word in words if word in _LENGTHS]
        if lengths:
            return lengths[-1]
    return None


def pattern_labels(pattern: str, run: str) -> dict[str, str | None]:
    """What a `label_pattern` finds in a run's path; a group that took no part, or matched nothing, has None."""
    match = patterns.compiled(pattern).search(run)
    return {name: text or None for name, text in match.groupdict().items()} if match else {}
