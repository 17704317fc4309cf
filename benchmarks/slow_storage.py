"""Storage that answers late, as network file systems do: see `slowfs.c`."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("slowfs.c")


def preload(folder: Path, tree: Path, microseconds: int) -> dict[str, str]:
    """The environment in which programs get late answers about the files of a tree.

    Args:
        folder: for the library, which is compiled there with `cc` if it is not there yet.
        tree: absolute path.
        microseconds: before each answer.

    Raises:
        subprocess.CalledProcessError, FileNotFoundError: there is no C compiler for Linux.
    """
    library = folder / "slowfs.so"
    if not library.exists():
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "SLOW_UNDER": str(tree), "SLOW_US": str(microseconds)}
