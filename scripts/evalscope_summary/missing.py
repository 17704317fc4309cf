"""A library that is missing is a message, and no traceback."""

import sys
from types import TracebackType

_DISTRIBUTIONS = {"re2": "google-re2", "yaml": "pyyaml", "vl_convert": "vl-convert-python"}


def distribution(module: str) -> str:
    """What pip calls a library.

    >>> distribution("vl_convert")
    'vl-convert-python'
    """
    return _DISTRIBUTIONS.get(module, module)


def advice(error: ModuleNotFoundError) -> str:
    """Which library is missing where, and what to do."""
    from .languages import say  # its imports are for what goes wrong

    module = (error.name or str(error)).partition(".")[0]
    return say(
        "the library {name} is missing in this Python ({python}): start evalscope-summary with the Python of the"
        " environment that it was installed into, or {python} -m pip install {distribution}",
        name=module,
        python=sys.executable,
        distribution=distribution(module),
    )


def explain_missing_libraries() -> None:
    """Have this process end with a message if it can't import something."""
    usual = sys.excepthook

    def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, ModuleNotFoundError):
            print(f"evalscope-summary: {advice(error)}", file=sys.stderr)
        else:
            usual(kind, error, trace)

    sys.excepthook = explain
