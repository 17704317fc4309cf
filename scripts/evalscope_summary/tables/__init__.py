"""The tables: records become rows, rows a frame, and frames the statistics, the overview and the files.

Modules that import pandas, which takes 0.4 s, are for programs that make tables of tables: `frame` and all that need it
(`groups`, `stats`, `overview`, and one module per file format). The others bring records together without it.
"""
