"""Logs of array tasks: what finished is removed, what failed stays."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from evalscope_summary import array_logs

INNER = (
    "Finished jobid: 0 (Rule: extract)\n1 of 1 steps (100%) done\nStoring output in storage.\nElapsed time: 0:00:01.2\n"
)
OUTER = f"{INNER}Touching output file extracted/6-of-8.\n[Wed Nov 25 00:21:40 2026]\n{INNER}"
FAILED = f"""{INNER}Waiting at most 60 seconds for missing files:
extracted/6-of-8
[Wed Nov 25 00:22:40 2026]
Error in rule extract:
    message: Job completed successfully, but some output files are missing.
Exiting because a job execution failed. Look above for error messages
WorkflowError:
At least one job did not complete successfully.
"""
"""As Snakemake 9.27 writes them in a task of an array: the job step within the job."""


@pytest.mark.parametrize("logdir", [None, Path("logs"), "absolute"])
def test_logs_of_finished_tasks_are_removed(tmp_path: Path, logdir: Path | str | None) -> None:
    given = tmp_path / "elsewhere" if logdir == "absolute" else logdir
    folder = tmp_path / (given or ".snakemake/slurm_logs")
    kept = {
        "rule_extract/7_2.log": FAILED,
        "rule_extract/7_3.log": "slurmstepd: error: *** JOB 7 ON n1 CANCELLED DUE TO TIME LIMIT ***\n",
        "rule_extract/1-of-2/8.log": OUTER,  # no task: the plugin's own
        "rule_plot/7_1.log": OUTER,  # of somebody else's rule
    }
    for name, text in {**kept, "rule_extract/7_1.log": OUTER, "rule_bench_extract/9_1.log": OUTER}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    workflow = SimpleNamespace(
        workdir_init=tmp_path, executor_settings=SimpleNamespace(keep_successful_logs=False, logdir=given)
    )
    array_logs.remove(workflow)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.log")} == kept.keys()


@pytest.mark.parametrize("options", [SimpleNamespace(keep_successful_logs=True, logdir=None), None])
def test_logs_stay_where_they_are_wanted_or_nobodys(tmp_path: Path, options: SimpleNamespace | None) -> None:
    log = tmp_path / ".snakemake" / "slurm_logs" / "rule_extract" / "7_1.log"
    log.parent.mkdir(parents=True)
    log.write_text(OUTER)
    array_logs.remove(SimpleNamespace(workdir_init=tmp_path, executor_settings=options))
    assert log.exists()
