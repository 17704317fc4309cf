"""What readers have in common whose runs are in JSON files of any name: which files are theirs, one or several runs in
a file, and how the keys of a run become a record. A reader adds its tables of keys, and what is only its own."""

import errno
import hashlib
import os
import re
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from typing import Any, NamedTuple

from .. import jsonfile
from ..bounded import Failure
from ..problems import storable
from ..record import Part, Record, Wanted
from .base import Listing, Reader, Source
from .requests import Requests, UnreadableRequests

LARGEST = 2**27
"""Bytes of the largest file that is read. With all request rows in it, it holds some 100,000 requests."""

BEGINNING = 2**16
"""Bytes at the beginning of a file that show whose it is."""

_MANY = 2**23  # values of a file: more would not fit into the memory that reading it may take


class Document(NamedTuple):
    """What a file holds of one run.

    Attributes:
        run: its name in the tables.
        path: of the file below the tree.
        content: the JSON object.
        data: the bytes that it was parsed from.
        folder: that the file lies in, as it can be opened; for what else lies there.
    """

    run: str
    path: str
    content: dict[str, Any]
    data: bytes
    folder: str = ""


class NoRequests(UnreadableRequests):
    """A run has no request rows, or only some of them; the text says why."""


class ResultFiles(Reader):
    """A reader whose sources are files.

    Attributes:
        marks: what the beginning of every one of its files has. Others are left alone after a look at it.
        names: of files that only this tool calls so: what can't be read in one is a problem, while any other file may
            be anybody's.
        indexed: runs are always numbered, as further ones are appended to their file.
    """

    arguments_file = "result file"
    rows_file = "of this tool, none are read"
    marks: re.Pattern[bytes]
    names: re.Pattern[str] = re.compile(r"(?!)")
    indexed = False

    def sources(self, listing: Listing) -> Iterator[Source]:
        """Every file with one of its endings: what it holds shows whose it is."""
        folder = f"{listing.path}/" if listing.path else ""
        return (Source(f"{folder}{name}", (name,)) for name in listing.names if self.may_be_own(name))

    def may_be_own(self, name: str) -> bool:
        """Whether a file may hold runs of the tool, by its name."""
        return True

    def chosen_name(self, path: str) -> str | None:
        """The name of a file without its ending, if it is not one that the tool makes up: somebody told tests apart
        by it."""
        name = os.path.basename(path)
        return None if self.names.fullmatch(name) else storable(name.rpartition(".")[0]) or None

    def files(self, path: str) -> Collection[str]:
        """The file itself."""
        return (os.path.basename(path),)

    def folder(self, path: str) -> str:
        """The folder that the file is in."""
        return os.path.dirname(path)

    @abstractmethod
    def is_run(self, content: Mapping[str, Any]) -> bool:
        """Whether an object in a file is one that this tool wrote of a run."""

    def stopped(self, content: Mapping[str, Any]) -> bool:
        """Whether an object is what this tool writes of a run that came to nothing."""
        return False

    @abstractmethod
    def record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        """The record of a run.

        Args:
            document: of the run.
            wanted: whether to fill in cells from the request rows; not where computing it ended the process before.
                What is `recomputed` from them is not for the reader to do: see `rows`.
        """

    def applies(self, content: Mapping[str, Any], column: str) -> bool:
        """Whether a run of its kind can have values in a column."""
        return True

    def rows(self, content: Mapping[str, Any]) -> Iterator[Requests] | None:
        """The requests of a run in parts; None if the tool kept none of them.

        Raises:
            NoRequests: not all of them are there, so that they say nothing of the run.
        """
        return None

    def rows_of(self, document: Document) -> Iterator[Requests] | None:
        """As `rows`, for a tool that keeps them in a file of their own."""
        return self.rows(document.content)

    def requests(self, root: str, path: str, present: Collection[str]) -> Iterator[tuple[str, Iterator[Requests]]]:
        """See `base.Reader`."""
        try:
            data = jsonfile.read_bytes(f"{root}/{path}", LARGEST)
        except OSError as error:
            if jsonfile.is_passing(error):
                raise UnreadableRequests.because(f"it can't be read: {error.strerror}", error) from error
            return  # its runs are in no table either
        if not self.marks.search(data[:BEGINNING]):
            return
        for document in self.documents(path, data):
            if isinstance(document, Document):
                with suppress(NoRequests):
                    rows = self.rows_of(document._replace(folder=f"{root}/{self.folder(path)}"))
                    if rows is not None:
                        yield document.run, rows

    def documents(self, path: str, data: bytes) -> Iterator[Document | Record]:
        """The runs in a file, and the records of those that can't be read; nothing if there are none of this tool.

        Args:
            path: of the file below the tree.
            data: its bytes.
        """
        try:
            whole = _parsed(data)
        except ValueError as error:
            yield from self.lines(path, data, error)
            return
        if isinstance(whole, dict):
            yield from self.found(f"{path}#0" if self.indexed else path, path, whole, data)

    def found(self, run: str, path: str, content: dict[str, Any], data: bytes) -> Iterator[Document | Record]:
        """An object of a file, if it is one of a run of this tool."""
        if self.is_run(content):
            yield Document(run, path, content, data)
        elif self.stopped(content):
            yield self.unreadable(path, "the test was stopped by an error, which it names", run, "incomplete")

    def lines(self, path: str, data: bytes, error: ValueError) -> Iterator[Document | Record]:
        """As `documents`, of a file with an object in each line, the runs of which are numbered.

        Args:
            path: of the file below the tree.
            data: its bytes.
            error: why it is not one object.
        """
        documents: list[Document | Record] = []
        damaged = False
        for index, line in enumerate(filter(bytes.strip, data.split(b"\n"))):
            run = f"{path}#{index}"
            try:
                content = _parsed(line)
            except ValueError:
                damaged = True
                documents.append(self.unreadable(path, "it is cut off, or damaged", run))
                continue
            if isinstance(content, dict):
                documents += self.found(run, path, content, line)
        if any(isinstance(one, Document) for one in documents):
            yield from documents
        elif damaged:
            yield self.unreadable(path, str(error))

    def read(
        self,
        root: str,
        path: str,
        present: Collection[str],
        wanted: AbstractSet[Wanted],
        failure: Failure | None = None,
    ) -> list[Record]:
        """See `base.Reader`. JSON of others gives no record, and no problem."""
        is_own = self.names.fullmatch(os.path.basename(path))
        try:
            data = beginning(f"{root}/{path}")
            if not self.marks.search(data):
                return [self.unreadable(path, "it is empty, or damaged")] if is_own else []
            if len(data) == BEGINNING:
                data = jsonfile.read_bytes(f"{root}/{path}", LARGEST)
        except OSError as error:
            if not is_own and not jsonfile.is_passing(error) and error.errno != errno.EFBIG:  # its beginning is its own
                return []
            record = self.unreadable(path, f"it can't be read: {error.strerror}")
            record.passing |= jsonfile.is_passing(error)
            if jsonfile.is_denied(error):
                record.denied.append(os.path.basename(path))
            return [record]
        documents = list(self.documents(path, data))
        if not documents and is_own:
            return [self.unreadable(path, "it holds no results of a run", code="unknown-format")]
        asked: AbstractSet[Wanted] = frozenset() if failure else wanted
        folder = f"{root}/{self.folder(path)}"
        records = [
            one if isinstance(one, Record) else self._record(one._replace(folder=folder), asked) for one in documents
        ]
        if failure:
            for record in records:
                message = f"reading its request rows {failure.message}; the cells that would come from them stay empty"
                record.note("warning", "unreadable-json", os.path.basename(path), message)
                record.passing |= failure.passing
                for part in wanted:
                    record.derived.setdefault(part, Part())
        return records

    def _record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        record = self.record(document, wanted - {"recomputed"})
        if "recomputed" in wanted:
            record.derived["recomputed"] = self._recomputed(record, document)
        record.fingerprint = hashlib.sha256(document.data.strip()).hexdigest()
        record.common.values["run"] = storable(document.run)
        return record

    def _recomputed(self, record: Record, document: Document) -> Part:
        """All performance cells by one definition for all tools."""
        from .recompute import Recomputation  # imports numpy

        file = os.path.basename(document.path)
        part = Part()
        try:
            rows = self.rows_of(document)
            if rows is None:
                raise NoRequests(f"it has no request rows ({self.rows_file})")
            with closing(Recomputation()) as recomputation:
                for some in rows:
                    recomputation.add(some)
                part.values = dict(recomputation.cells(lambda column: self.applies(document.content, column)))
                if recomputation.unusable:
                    counts = ", ".join(f"{number} of {name}" for name, number in sorted(recomputation.unusable.items()))
                    message = f"request rows hold values that are none (negative, infinite, texts), left out: {counts}"
                    part.problems.append(record.problem("warning", "value-out-of-range", file, message))
        except NoRequests as error:
            record.passing |= error.passing
            message = f"{error}, so nothing can be recomputed; the performance cells stay empty"
            part.problems.append(record.problem("warning", "no-request-rows", file, message))
        return part

    def unreadable(self, path: str, reason: str, run: str = "", code: str = "unreadable-json") -> Record:
        """The record of a run that is not in the table."""
        record = Record(run or path, derived={"filled": Part(), "recomputed": Part()})
        again = "run the test again" if code == "incomplete" else "copy it again, or run the test again"
        record.note("skipped", code, os.path.basename(path), f"{reason}; {again}")
        return record


def beginning(path: str) -> bytes:
    """The first `BEGINNING` bytes of a file.

    Raises:
        OSError: it can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, BEGINNING)
    finally:
        os.close(descriptor)


def _parsed(data: bytes) -> Any:
    if len(data) > 2**20 and sum(map(data.count, (b",", b"[", b"{"))) > _MANY:
        raise ValueError("it holds more than 8 million values")
    return jsonfile.parse(data)
