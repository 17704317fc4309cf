#!/usr/bin/env python3
"""The command `evalscope-summary` of a clone: the workflow for people who don't know Snakemake."""

import sys

from evalscope_summary.command import main

if __name__ == "__main__":
    sys.exit(main())
