"""How texts fit on a terminal, and ends of pipes that nobody reads."""

import os
import sys
import unicodedata
from contextlib import suppress


def width(text: str) -> int:
    """The columns that a text takes: Chinese characters take two.

    >>> width("TTFT 均值")
    9
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, columns: int) -> str:
    """A text that takes at most so many columns: without its middle, as paths differ at their ends.

    >>> shortened("evalscope-1.12.0/p4_n40_flaky", 15)
    'evalsco…0_flaky'
    """
    if width(text) <= columns:
        return text
    if columns < 2:
        return "…"[:columns]
    head, tail = "", ""
    left = columns - 1
    for i in range(len(text)):
        first, last = text[i], text[-1 - i]
        if width(head + first + tail) > left:
            break
        head += first
        if width(head + last + tail) > left:
            break
        tail = last + tail
    return f"{head}…{tail}"


def wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns; Chinese breaks anywhere but before punctuation, other text at spaces."""
    lines, line = [], ""
    for word in _words(text):
        if line and width(line + word.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        line += word if line else word.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _words(text: str) -> list[str]:
    """What may stand on a line of its own, with the space or the punctuation behind it."""
    words: list[str] = []
    breakable = True
    for character in text:
        wide = width(character) == 2
        closing = character in "，。、；：！？）》”" or character.isspace()
        if words and (closing or not (breakable or wide)):
            words[-1] += character
        else:
            words.append(character)
        breakable = wide or closing
    return words


def put_up_with_closed_pipes() -> None:
    """Let names be printed that the terminal's encoding lacks, and go on where nobody reads what is printed (`| head`):
    then all else is printed to nobody."""
    sys.stdout = _Patient(sys.stdout)
    sys.stderr = _Patient(sys.stderr)


class _Patient:
    """A stream of texts whose other end may be closed."""

    def __init__(self, stream: object) -> None:
        self._stream = stream
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream's own."""
        with self._nobody_reads():
            self._stream.write(text)  # type: ignore[attr-defined]
            self._stream.flush()  # type: ignore[attr-defined]
        return len(text)

    def flush(self) -> None:
        """As the stream's own."""
        with self._nobody_reads():
            self._stream.flush()  # type: ignore[attr-defined]

    def _nobody_reads(self) -> "_ToNobody":
        return _ToNobody(self._stream)


class _ToNobody:
    """Turns a stream to the null device when its other end is closed."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if not isinstance(error, BrokenPipeError):
            return False
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())  # type: ignore[attr-defined]
        os.close(null)
        return True
