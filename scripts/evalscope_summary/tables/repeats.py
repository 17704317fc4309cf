"""The patterns of the configuration: what they cut out of labels, and whether they match anything."""

from collections.abc import Mapping, Sequence
from typing import Any

from .. import patterns
from ..labels import pattern_labels
from .errors import PatternMatchesNothing


def without_repeat(pattern: str, text: str) -> str:
    """A label without what `repeat_pattern` matches, and without slashes that then separate nothing.

    >>> without_repeat("repeat-[0-9]+", "qwen3/repeat-03/p64")
    'qwen3/p64'
    """
    cut = patterns.compiled(pattern).sub("", text)
    return text if cut == text else "/".join(part for part in cut.split("/") if part)


def check_patterns(labels: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Check that the patterns of the configuration match something.

    Args:
        labels: of the runs, and their `run`.
        settings: `layouts.GROUP_SETTINGS`.

    Raises:
        PatternMatchesNothing: there are runs, and one of the patterns matches none of them.
    """
    repeat = settings["repeat_pattern"]
    texts = [row[name] for row in labels for name in ("config", "name") if row.get(name)]
    if repeat and texts and not any(patterns.compiled(repeat).search(text) for text in texts):
        raise PatternMatchesNothing(
            f"configuration: 'repeat_pattern' {repeat!r} is found in no run's config or name, such as"
            f" {texts[0]!r:.200}. Mend it, or remove it"
        )
    pattern = settings["label_pattern"]
    if pattern and labels and not any(any(pattern_labels(pattern, row.get("run") or "").values()) for row in labels):
        raise PatternMatchesNothing(
            f"configuration: 'label_pattern' {pattern!r} matches no run's path, such as"
            f" {labels[0].get('run')!r:.200}. Mend it, or remove it"
        )
