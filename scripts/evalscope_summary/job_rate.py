"""Snakemake's limit on how many jobs begin in a second, for which a local Snakemake stays for a second too long."""

from typing import Any

DEFAULT = (100, 1)
"""Jobs and seconds of the limit that Snakemake has where nobody chose one (`--max-jobs-per-timespan`, 9.19 to 9.27)."""


def drop_limit(workflow: Any) -> None:
    """Have no limit where jobs are processes on this machine: `--cores` limits them, and there are few.

    After each choice of jobs the limit starts a timer that Snakemake's process waits for when all is done; no value of
    the option avoids it, see docs/snakemake-job-rate.md. A limit that the user chose stays, and so does that of a
    scheduler, which must not be flooded.

    Args:
        workflow: Snakemake's, whose jobs have not begun.
    """
    if not getattr(workflow, "local_exec", False):
        return
    limit = getattr(getattr(workflow, "scheduler", None), "job_rate_limiter", None)
    if (getattr(limit, "max_jobs", None), getattr(limit, "timespan", None)) == DEFAULT:
        workflow.scheduler.job_rate_limiter = None
