"""Python's search for garbage: most of what our processes make is needed until they end."""

import atexit
import gc


def never_look() -> None:
    """Look for none: for a process that ends soon, and leaves next to none."""
    gc.disable()
    atexit.register(gc.freeze)  # the interpreter's end would look nevertheless


def pass_over_what_is_there() -> None:
    """Look only among what is made from now on, and nowhere at the end, when Snakemake's process would search all
    modules for a quarter of a second."""
    gc.freeze()
    atexit.unregister(gc.freeze)  # a Snakefile may be parsed repeatedly
    atexit.register(gc.freeze)
