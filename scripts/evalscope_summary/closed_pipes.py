"""A program whose output nobody reads any more (`| head -1`) ends without a traceback; those that have tables to write
go on instead (`terminal.put_up_with_closed_pipes`)."""

import atexit
import os
import sys
from types import TracebackType


def end_quietly() -> None:
    """Have this process say nothing of pipes that were closed at their other end."""
    usual = sys.excepthook

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, BrokenPipeError):
            _flush()
        else:
            usual(kind, error, trace)

    sys.excepthook = end
    atexit.register(_flush)


def _flush() -> None:
    """Write what is left; Python's own last attempt would complain, and change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        except (AttributeError, ValueError):  # there is no such stream, or it is closed
            continue
