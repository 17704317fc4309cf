"""Turns a tree of `evalscope perf` results into tables. See README.md; the modules read in flow order:
discovery, inventory, records (by readers), tables; CONTRIBUTING.md has a map."""

import sys

__version__ = "0.1.0"

if sys.version_info < (3, 11):  # noqa: UP036 (an older Python gets as far as saying it)
    from .old_pythons import refuse

    refuse("use the one of the environment that evalscope-summary was installed into")

from .closed_pipes import end_quietly
from .missing import explain_missing_libraries

explain_missing_libraries()
end_quietly()
