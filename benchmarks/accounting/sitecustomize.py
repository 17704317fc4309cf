"""Has every Python that starts note at its end what it was and what it cost, in the file that EVALSCOPE_BENCH_ACCOUNT
names: see `../parts.py`."""

import atexit
import json
import os
import resource
import sys


def _note() -> None:
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cost = {
        "program": os.path.basename(sys.argv[0]),
        "own": own.ru_utime + own.ru_stime,
        "children": children.ru_utime + children.ru_stime,
    }
    with open(os.environ["EVALSCOPE_BENCH_ACCOUNT"], "a", encoding="utf-8") as file:
        file.write(f"{json.dumps(cost)}\n")


if "EVALSCOPE_BENCH_ACCOUNT" in os.environ:
    atexit.register(_note)
