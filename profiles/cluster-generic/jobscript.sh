#!/bin/sh
# properties = {properties}
# What a job is submitted as. It is Snakemake's own (`--jobscript`), but leaves in .snakemake/cluster_logs/<number>.exit how it
# ended, for status.sh to find when the scheduler has forgotten the job. Braces are doubled as Snakemake formats this file.
# Schedulers tell a job its id and where it was submitted: PBS, LSF, SGE. Nothing is left where that folder isn't shared.
job="${{PBS_JOBID:-${{LSB_JOBID:-${{JOB_ID:-}}}}}}"
trace="${{PBS_O_WORKDIR:-${{LS_SUBCWD:-${{SGE_O_WORKDIR:-$PWD}}}}}}/.snakemake/cluster_logs/${{job%%.*}}.exit"
leave_trace() {{
    status=$?
    if [ -n "$job" ] && [ -d "${{trace%/*}}" ]; then
        echo "$status" > "$trace.new" && mv "$trace.new" "$trace"
    fi
    exit "$status"
}}
[ -z "$job" ] || rm -f "$trace" # of an older job, where numbers begin anew
trap leave_trace EXIT
trap 'exit 143' TERM INT HUP USR1 USR2 XCPU # else a shell that is killed leaves nothing
{exec_job}
