"""Logs of array tasks that finished, which Snakemake's plugin for Slurm would remove if it knew where they are."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

_FINISHED = b" (100%) done\n"  # how Snakemake (9.19, 9.27) ends if all went well, but for a line or two
_TAIL = 200  # bytes that these lines take; one task's log holds two Snakemakes, of which the outer one ends last


def remove(workflow: Any) -> None:
    """Remove the logs of finished tasks of rule `extract`, under whatever name it was imported.

    The plugin (2.8) has an array's logs written as `rule_extract/<job>_<task>.log`, and removes
    `rule_extract/<batch>/<job>_<task>.log`. Those of tasks that failed stay, as it does it with other jobs.

    Args:
        workflow: Snakemake's, whose jobs have ended.
    """
    options = workflow.executor_settings
    if getattr(options, "keep_successful_logs", True):  # another executor has no such option
        return
    folder = Path(workflow.workdir_init, options.logdir or ".snakemake/slurm_logs")
    for path in folder.glob("rule_*extract/*.log"):
        with suppress(OSError):  # a log too many is nobody's harm
            if re.fullmatch(r"\d+_\d+\.log", path.name) and _FINISHED in path.read_bytes()[-_TAIL:]:
                path.unlink()
