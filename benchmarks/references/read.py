"""Read the bytes of every file of a tree, and do nothing with them.

read.py TREE
"""

import sys
from pathlib import Path


def main() -> None:
    """Read in pieces of a megabyte."""
    total = 0
    for path in Path(sys.argv[1]).rglob("benchmark_*"):
        with open(path, "rb") as file:
            while piece := file.read(2**20):
                total += len(piece)
    print(total)


if __name__ == "__main__":
    main()
