"""What a reader of one tool's results is asked for. A reader is a module or package beside this one, or a file of your
own that the setting `readers` names; it has one object of a class derived from `Reader`, called `READER`."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ..bounded import Failure
from ..record import Record, Wanted
from .releases import Definition
from .requests import Requests

Signature = dict[str, list[int]]
"""File of a source → [size in bytes, mtime in ns]; an empty list where it is no regular file that can be asked."""


class Listing(NamedTuple):
    """A folder of the tree.

    Attributes:
        path: below the tree; empty for the tree itself.
        names: of all that is in it.
    """

    path: str
    names: AbstractSet[str]

    @property
    def name(self) -> str:
        """The folder's own name; empty for the tree itself."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Source:
    """What runs are read from: a folder, or a file in it.

    Attributes:
        path: of the folder or the file, below the tree.
        files: names of the files in the folder that it is read from; their sizes and times are its signature.
        foreign: names of folders beside them that are not entered, as what is in them is in these files.
        below: paths of further files, there or not, in folders that are foreign.
    """

    path: str
    files: Collection[str]
    foreign: Collection[str] = ()
    below: Collection[str] = ()


@dataclass(frozen=True)
class Trace:
    """Something that shows that a test was started, and no run.

    Attributes:
        path: of the folder below the tree.
        code: of the problem that it is.
        file: that shows it.
        message: what was found, and what to do.
        unless_below: it is no problem if anything else is found in this folder or below it.
        foreign: names of folders in it that are not entered.
    """

    path: str
    code: str
    file: str
    message: str
    unless_below: bool = False
    foreign: Collection[str] = ()


@dataclass(frozen=True)
class Difference:
    """What a tool means by a metric, where evalscope's newest release means something else.

    Attributes:
        metric: what is concerned: a column, or words.
        meaning: what the tool does.
        basis: where that is seen: releases, and whether their source says it or the files of real runs show it.
    """

    metric: str
    meaning: str
    basis: str


class Reader(ABC):
    """The reader of one tool's results.

    Attributes:
        name: of the tool; names its records.
        arguments_file: where its users find what a test was asked to do.
        rows_file: where its request rows are.
        endings: of the names of its files; it is asked about folders that have such files, and about these files alone.
            Without any it is asked about every folder, and about all that is in it.
        known_files: names of files that no other tool writes: nobody else is asked about them.
        foreign_folders: names of folders inside its results that belong to others, and are not entered.
        workload_arguments: the names in `Record.arguments`, in the order in which messages name them, with their
            defaults in words.
        definitions: where runs of its releases don't compare.
        differences: what it means by a metric that other tools have too, for the documentation.
    """

    name: str
    arguments_file: str
    rows_file: str
    endings: tuple[str, ...] = ()
    known_files: AbstractSet[str] = frozenset()
    foreign_folders: AbstractSet[str] = frozenset()
    workload_arguments: Mapping[str, str] = MappingProxyType({})
    definitions: Sequence[Definition] = ()
    differences: Sequence[Difference] = ()

    @abstractmethod
    def sources(self, listing: Listing) -> Iterator[Source | Trace]:
        """What a folder holds, by names alone: this is asked of every folder at every start.

        A file may be claimed that turns out to be somebody else's: `read` then finds no run in it.
        """

    @abstractmethod
    def files(self, path: str) -> Collection[str]:
        """The names of all files that a source may have, there or not, in the folder of `folder`."""

    @abstractmethod
    def folder(self, path: str) -> str:
        """The folder that a source's files lie in: the source itself, or the one that it is in."""

    @abstractmethod
    def read(
        self,
        root: str,
        path: str,
        present: Collection[str],
        wanted: AbstractSet[Wanted],
        failure: Failure | None = None,
    ) -> Sequence[Record]:
        """Read all runs of a source. Bad input becomes problems of records, never an exception.

        Args:
            root: the results tree.
            path: of the source below it.
            present: which of its files were found.
            wanted: what to compute from the request rows.
            failure: what ended the process that read the source before: what is likely to have done it is left alone.
        """

    def requests(self, root: str, path: str, present: Collection[str]) -> Iterator[tuple[str, Iterator[Requests]]]:
        """The requests of all runs of a source that are in the table; none of a run whose tool keeps none.

        Args:
            root: the results tree.
            path: of the source below it.
            present: which of its files were found.

        Yields:
            The name of a run, as in its record, and its requests in parts, which are to be taken before the next run.

        Raises:
            UnreadableRequests: those of a run can't be read; also while its parts are taken.
        """
        return iter(())

    @abstractmethod
    def origins(self) -> Mapping[str, str]:
        """Column of `summary_raw` → where its cells come from: files and keys, newest spelling first, or in words."""

    def place(self, run: str) -> tuple[str | None, str] | None:
        """Timestamp (None if there is none) and config that the path of a run shows; None if it can't be its run."""
        return None
