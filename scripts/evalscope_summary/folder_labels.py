"""Labels that people write into files of the tree (setting `labels_file`): such a file is a mapping of names to texts,
and says them of every run in its folder and below."""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .problems import printable, storable

_BYTES = 2**16  # of a file; larger ones are something else
_NAME, _TEXT = 64, 1000  # characters of a label's name, and of its text
_NULL = frozenset({"", "~", "null", "Null", "NULL"})  # as YAML writes it without quotes
_SAID = 5  # errors in a message
_FORM = "write one `name: value` a line, with a text, a number or true or false as the value"


class WrongLabels(Exception):
    """Labels files can't be used; the text names each file, line and label, what was found, and what to do."""


class Found(NamedTuple):
    """A labels file.

    Attributes:
        content: its bytes, as far as they are looked at.
        unreadable: why it can't be read; empty if it can.
    """

    content: bytes
    unreadable: str = ""


def read(path: str) -> Found:
    """Read a labels file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO would wait for a writer
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Found(b"", "it is no regular file")
            return Found(file.read(_BYTES + 1))
    except OSError as error:
        return Found(b"", error.strerror or str(error))


class FolderLabels:
    """The labels of folders, and of what is below them.

    Args:
        folders: path → its own labels; an empty text takes away what a folder above says. Paths are those of `run`s.
    """

    def __init__(self, folders: Mapping[str, dict[str, str]]) -> None:
        self.folders = folders
        self._known: dict[str, dict[str, str]] = {}  # what holds in a folder

    def dump(self) -> bytes:
        """As JSON."""
        return json.dumps(self.folders, sort_keys=True, ensure_ascii=False).encode("utf-8")

    @classmethod
    def load(cls, data: bytes) -> "FolderLabels":
        """What `dump` wrote."""
        return cls(json.loads(data))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all labels, in order."""
        return tuple(sorted({name for labels in self.folders.values() for name in labels}))

    def of(self, run: str) -> dict[str, str | None]:
        """The labels of a run: of each the one in the nearest folder, which may be the run itself."""
        if not self.folders:
            return {}
        labels = self._in(os.path.dirname(run)) | self.folders.get(run, {})
        return {name: text or None for name, text in labels.items()}

    def _in(self, folder: str) -> dict[str, str]:
        way = []  # from here up to a folder that is known; an explicit list, as trees may be deep
        while folder not in self._known and folder:
            way.append(folder)
            folder = os.path.dirname(folder)
        labels = self._known.setdefault(folder, dict(self.folders.get(folder, {})))
        for below in reversed(way):
            further = self.folders.get(below)
            labels = self._known[below] = labels | further if further else labels
        return labels

    def about(self, runs: Iterable[str]) -> "FolderLabels":
        """Those that say something of some runs.

        Args:
            runs: their names, or the paths of their sources.
        """
        seen: set[str] = set()
        for path in runs if self.folders else ():
            while path not in seen:
                seen.add(path)
                path = os.path.dirname(path)
        return FolderLabels({folder: labels for folder, labels in self.folders.items() if folder in seen})


NO_LABELS = FolderLabels({})


def parsed(files: Mapping[str, tuple[str, Found]], taken: Iterable[str]) -> FolderLabels:
    """The labels in files.

    Args:
        files: folder → path of the file in it, and the file.
        taken: names of columns, which no label can have.

    Raises:
        WrongLabels: a file is not of the form, or a label can't be a column.
    """
    columns = {column.casefold(): column for column in taken}
    first: dict[str, tuple[str, str]] = {}  # as SQL takes names, which sees no case → name, where it stands
    wrong: list[str] = []
    folders: dict[str, dict[str, str]] = {}
    for folder in sorted(files):
        labels = folders[storable(folder)] = {}
        path, file = printable(files[folder][0]), files[folder][1]
        for line, label, text, error in _lines(file):
            where = f"{path}, line {line}" if line else path
            known, before = first.setdefault(label.casefold(), (label, where))
            if error:
                wrong.append(f"{where}: {error}")
            elif label in labels:
                wrong.append(f"{where}: {label!r} stands there twice: leave one of the two")
            elif label.casefold() in columns:
                wrong.append(
                    f"{where}: there is a column {columns[label.casefold()]!r}: give the label {label!r} another name"
                )
            elif known != label:
                wrong.append(f"{where}: {label!r} is called {known!r} in {before}: write it one way")
            else:
                labels[label] = text
    if wrong:
        more = f"\nand {len(wrong) - _SAID} more" if len(wrong) > _SAID else ""
        raise WrongLabels("\n".join(wrong[:_SAID]) + more)
    return FolderLabels({folder: labels for folder, labels in folders.items() if labels})


class _Line(NamedTuple):
    """A label in a file, or what is wrong: `line` counts from 1, 0 where the whole file is meant."""

    line: int
    label: str
    text: str
    error: str


def _lines(file: Found) -> Iterator[_Line]:
    """The labels of a file in their order; after an error that is not one of a label, nothing more."""
    if file.unreadable:
        yield _Line(0, "", "", f"it can't be read: {file.unreadable}")
    elif len(file.content) > _BYTES:
        yield _Line(
            0, "", "", f"it has more than {_BYTES // 1024} KiB, so it holds something else than labels; {_FORM}"
        )
    else:
        yield from _labels(file.content)


def _labels(content: bytes) -> Iterator[_Line]:
    """The labels in YAML. Its events are taken as they come, so that a text stays as it is written, and nothing that
    grows when it is resolved is resolved."""
    import yaml  # only where there are such files

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    line = 0
    label: str | None = None  # whose value comes next
    depth = documents = 0
    try:
        for event in yaml.parse(content, Loader=loader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    yield _Line(line, "", "", f"a second document begins: {_FORM}")
                    return
            if not isinstance(event, yaml.NodeEvent | yaml.MappingEndEvent):
                continue
            if error := _wrong_node(event, depth, label):
                yield _Line(line, label or "", "", error)
                return
            if isinstance(event, yaml.MappingStartEvent):
                depth += 1
            elif isinstance(event, yaml.ScalarEvent) and depth:
                if label is None:
                    label = event.value
                    if error := _wrong_name(label):
                        yield _Line(line, "", "", error)
                        return
                else:
                    is_null = event.implicit[0] and event.value in _NULL  # not in quotes
                    yield _Line(line, label, event.value, _wrong_text(label, event.value, is_null))
                    label = None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else line
        yield _Line(line, "", "", f"it is no YAML ({error.problem or error.context}): {_FORM}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:  # bytes that are no text
        reason = getattr(error, "reason", "") or " ".join(str(error).split())
        yield _Line(0, "", "", f"it is no text in UTF-8 ({reason}): {_FORM}")


def _wrong_node(event: object, depth: int, label: str | None) -> str:
    """What is wrong with something in a file, whatever it holds."""
    import yaml

    if isinstance(event, yaml.MappingEndEvent):
        return ""
    what = f"the value of {label!r}" if label is not None else "a label's name" if depth else "the file"
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:  # type: ignore[attr-defined]
        return f"{what} is an anchor or refers to one (& or *); put it in quotes if that is its text"
    if event.tag is not None and event.tag != "!":  # type: ignore[attr-defined]
        return f"{what} has a tag (!); put it in quotes if that is its text"
    if isinstance(event, yaml.SequenceStartEvent):
        return f"{what} is a list: {_FORM}"
    if isinstance(event, yaml.MappingStartEvent) and depth:
        return f"{what} is a mapping: {_FORM}"
    if isinstance(event, yaml.ScalarEvent) and not depth:
        return f"there are no names: {_FORM}"
    return ""


def _wrong_name(label: str) -> str:
    if label.isidentifier() and len(label) <= _NAME:
        return ""
    return (
        f"{printable(label[:_NAME])!r} can't name a column: use letters, digits and underscores, no digit first, at"
        f" most {_NAME} characters"
    )


def _wrong_text(label: str, text: str, is_null: bool) -> str:
    if is_null:
        return f'{label!r} has no value: write one, or "" where the label is to be empty'
    if len(text) > _TEXT:
        return f"the value of {label!r} has {len(text)} characters: write at most {_TEXT}"
    if printable(text) != text:
        return f"the value of {label!r} has line breaks or characters that can't be seen: {printable(text[:_NAME])}"
    return ""
