"""What is compared: the labels that runs can be told apart by, the lines that their groups make, and the first view.

A label is a column of `content.content` with `values` in their order and, for each run, the index of its own. Page and
figures say "the 12 with the most runs" and "names hold what differs" by these rules; page.js has them for views that
somebody chose, and a test compares both.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from evalscope_summary.tables.frame import cells_of
from evalscope_summary.tables.order import natural_key

LOAD = ("parallel", "rate", "number")
"""The labels that say how much load there was: a line in a chart leads over groups that differ in these alone."""

SERIES = "series"
"""The label whose values are the lines."""

AT_ONCE = 12
"""Values that are drawn in colour, unless somebody chose more of them."""

DASHES = 4
"""Kinds of lines."""

_OF_OBJECTS = frozenset(
    (
        *("__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString"),
        *("toString", "valueOf", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"),
    )
)
"""What every object of JavaScript has: Vega finds these where it looks for a text that it has not met."""

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(parallel|concurrency|conc|p|c|number|num|n|rate|qps|rps|r)([_=-]?)(\d+(?:\.\d+)?)(?![A-Za-z0-9.-])"
)
_OF_TOKEN = {"p": "parallel", "c": "parallel", "n": "number", "r": "rate", "q": "rate"}


def words(value: Any) -> str:
    """A value as people read it, as JavaScript's `String` gives it; names that JavaScript's objects have of themselves
    get an invisible character, as Vega looks texts up in such objects."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return f"\u2060{text}" if text in _OF_OBJECTS else text


def without_load(text: str, load: Mapping[str, Any]) -> str:
    """A name without the load that it repeats.

    Args:
        text: a config, or the name of a test.
        load: `parallel`, `number` and `rate` of the runs that have it.

    >>> without_load("h100/p64_n1000_dp_short", {"parallel": 64, "number": 1000, "rate": None})
    'h100/p*_n*_dp_short'
    """

    def cut(found: re.Match[str]) -> str:
        own = load[_OF_TOKEN[found[1][0]]]
        return found[0] if own is None or float(own) != float(found[3]) else f"{found[1]}{found[2]}*"

    return _TOKEN.sub(cut, text)


def encoded(cells: Iterable[Any]) -> dict[str, Any]:
    """Cells as `values` in natural order, empty first, and `rows`: of each cell the index of its value."""
    cells = list(cells)
    kinds = set(cells)
    if all(isinstance(one, str | None) for one in kinds):
        values = sorted(kinds, key=natural_key)
    else:
        values = sorted(kinds, key=lambda one: (one is not None, one))
    place = {one: i for i, one in enumerate(values)}
    return {"values": values, "rows": [place[one] for one in cells]}


def derived(of_run: Sequence[int], labels: pd.DataFrame) -> tuple[dict[str, dict[str, Any]], list[int]]:
    """Labels that are made of others, and of each group the number of its line.

    Args:
        of_run: of each run its group.
        labels: of `tables.groups.groups`, a row per group.

    Returns:
        `config_without_load`, if it makes fewer values than the config, and `folder_1`, `folder_2`, … if configs lie in
        folders; each as `encoded`.
    """
    loads = pd.DataFrame({name: cells_of(labels[name]) for name in LOAD}, dtype=object).to_dict("records")
    loads = [{name: None if pd.isna(one) else one for name, one in load.items()} for load in loads]
    stems = {
        name: [text and without_load(text, load) for text, load in zip(cells_of(labels[name]), loads, strict=True)]
        for name in ("config", "name")
    }
    others = labels[[name for name in labels if name not in LOAD]].assign(**stems)
    of_group = others.groupby(list(others), dropna=False, sort=False).ngroup()
    made: dict[str, dict[str, Any]] = {}
    configs = stems["config"]
    if len(set(configs)) < labels["config"].nunique(dropna=False):
        made["config_without_load"] = encoded(configs[group] for group in of_run)
    parts = [(text or "").split("/") for text in configs]
    deepest = max(map(len, parts), default=0)
    for depth in range(min(deepest, 6) if deepest > 1 else 0):
        at = [own[depth] if depth < len(own) else None for own in parts]
        if len(set(at)) > 1:
            made[f"folder_{depth + 1}"] = encoded(at[group] for group in of_run)
    return made, of_group.tolist()


def described(name: str, texts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What a label is called: its column's name, and for those that are made here what text.json says.

    Args:
        name: of the label.
        texts: language → name → words.
    """
    made, number = ("folder", name[7:]) if re.fullmatch(r"folder_\d+", name) else (name, "")
    own = made in ("folder", "config_without_load", "release", SERIES)
    return {"name": name} | {
        language: text[f"label_{made}"].format(number=number) if own else name for language, text in texts.items()
    }


# --- the first view ----------------------------------------------------------------------------------------------


def _varies(labels: Mapping[str, Any], name: str) -> bool:
    return len(labels[name]["values"]) > 1


def same_parts(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two labels divide runs alike."""
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def first_view(labels: Mapping[str, Mapping[str, Any]], levels: Sequence[str]) -> dict[str, str]:
    """What is drawn first.

    Args:
        labels: name → `values` and `rows`; with `SERIES`, and in the order in which they are preferred.
        levels: of each run, its load in words.

    Returns:
        by: the label that has colours: the lines, if they are at most `AT_ONCE` (or the label that tells them apart);
            else the label with the most values up to so many; else the lines.
        dash: a further label with two to `DASHES` values that tells lines of one colour apart, else empty.
        at: the load at which most of them were measured, of several the highest.
    """
    series = labels[SERIES]["rows"]
    able = [name for name in labels if name not in (*LOAD, SERIES, "release") and _varies(labels, name)]
    few = [name for name in able if len(labels[name]["values"]) <= AT_ONCE]
    alike = [name for name in able if same_parts(labels[name]["rows"], series)]
    if len(labels[SERIES]["values"]) <= AT_ONCE:
        by = alike[0] if alike else SERIES
    else:
        by = max(few, key=lambda name: len(labels[name]["values"]), default=alike[0] if alike else SERIES)
    own = labels[by]["rows"]
    tells = [
        name
        for name in few
        if by != SERIES
        and len(labels[name]["values"]) <= DASHES
        and len(set(zip(own, labels[name]["rows"], strict=True))) > len(set(own))
    ]
    dash = max(tells, key=lambda name: len(labels[name]["values"]), default="")
    measured: dict[str, set[int]] = defaultdict(set)
    for level, key in zip(levels, own, strict=True):
        measured[level].add(key)
    at = max(measured, key=lambda level: (len(measured[level]), natural_key(level)), default="")
    return {"by": by, "dash": dash, "at": at}


def chosen(rows: Iterable[int], label: Mapping[str, Any]) -> list[int]:
    """The values that are drawn in colour: the `AT_ONCE` with the most runs, in their order.

    Args:
        rows: runs that pass the filters.
        label: its `values` and `rows`.
    """
    counts = Counter(label["rows"][row] for row in rows)
    return sorted(sorted(counts, key=lambda one: (-counts[one], one))[:AT_ONCE])


def drawn_lines(
    rows: Iterable[int], label: Mapping[str, Any], series: Mapping[str, Any], groups: Sequence[int], most: int
) -> set[int]:
    """The lines that are drawn in colour: all, or those with the most runs until each value has its share of groups.

    Args:
        rows: runs in colour.
        label: that has the colours.
        series: the label of lines.
        groups: of each run its group.
        most: how many groups, which are what is drawn as a point.
    """
    counts: Counter[tuple[int, int]] = Counter()
    points: dict[tuple[int, int], set[int]] = defaultdict(set)
    for row in rows:
        own = (label["rows"][row], series["rows"][row])
        counts[own] += 1
        points[own].add(groups[row])
    share = most // max(1, len({key for key, _ in counts}))
    whole = sum(map(len, points.values())) <= most
    taken: Counter[int] = Counter()
    lines = set()
    for key, line in sorted(counts, key=lambda one: (-counts[one], one)):
        if whole or taken[key] == 0 or taken[key] + len(points[key, line]) <= share:
            taken[key] += len(points[key, line])
            lines.add(line)
    return lines


def names(
    keys: Sequence[int], first_run: Mapping[int, int], labels: Mapping[str, Mapping[str, Any]], by: str, empty: str
) -> list[str]:
    """What values are called: a value of a label by itself; a line by those of its labels that differ among these.

    Args:
        keys: of `chosen`.
        first_run: of each key a run.
        labels: see `first_view`.
        by: the label.
        empty: how an empty value is written.
    """
    if by != SERIES:
        return [words(labels[by]["values"][key]) or empty for key in keys]
    stem = "config_without_load" in labels
    parts: list[list[str]] = []
    seen: list[list[int]] = []
    for name, label in labels.items():
        if name in (*LOAD, SERIES, "release") or name.startswith("folder_") or (stem and name == "config"):
            continue
        own = [label["rows"][first_run[key]] for key in keys]
        if len(set(own)) < 2 or any(same_parts(own, other) for other in seen):
            continue
        seen.append(own)
        texts = [words(label["values"][one]) for one in own]
        plain = any(isinstance(one, str) for one in label["values"])
        parts.append([text and (text if plain else f"{name} {text}") for text in texts])
    made = [" · ".join(filter(None, one)) or empty for one in zip(*parts, strict=True)] if parts else [""] * len(keys)
    counts = Counter(made)
    return [
        f"{name} ({key})".strip() if counts[name] > 1 else name or empty for name, key in zip(made, keys, strict=True)
    ]
