"""Turns a tree of `evalscope perf` results into tables. See README.md; the modules read in flow order:
discovery, inventory, run (with formats, labels, database, percentiles), tables, stats."""

__version__ = "0.1.0"
