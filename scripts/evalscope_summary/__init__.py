"""Turns a tree of `evalscope perf` results into tables. See README.md; the modules read in flow order:
discovery, inventory, records (by readers), tables; CONTRIBUTING.md has a map."""

__version__ = "0.1.0"
