#!/bin/sh
# Print whether the job with the given id is `running`, a `success` or `failed`; for `--cluster-generic-status-cmd`.
#
# Asks LSF if it is installed, else SGE, else PBS or Torque. A job that the scheduler doesn't know left how it ended (see
# jobscript.sh), or else has failed once it was unknown for 120 seconds: accounting is late, shared disks show files late.
# A scheduler that gives no answer at all has 30 times as long: jobs survive its restart, but nothing is waited for without end.
# EVALSCOPE_UNKNOWN_SECONDS in Snakemake's environment replaces the 120. Snakemake starts this in its working directory.
set -u
job=$1
grace=${EVALSCOPE_UNKNOWN_SECONDS:-120}
logs=.snakemake/cluster_logs
trace=$logs/${job%%.*}.exit
unknown=$logs/${job%%.*}.unknown

# A job's states → `running`, `success`, `failed`, or nothing; what a scheduler says instead goes to standard output too.

pbs() { # Torque has a job's end in the first answer, PBS in the second, if it keeps a history
    for history in -f -xf; do
        answer=$(qstat "$history" "$job" 2>&1 | awk '
            /^ *[Ee]xit_status =/ {exit_status = $3} /^ *job_state =/ {state = $3} {answer = answer $0 "\n"}
            END {
                if (exit_status != "") print exit_status == 0 ? "success" : "failed"
                else if (state != "") print state ~ /^[FC]$/ ? "failed" : "running"
                else printf "%s", answer
            }')
        echo "$answer"
        case $answer in running | success | failed) break ;; esac
    done
}

sge() {
    if answer=$(qstat -j "$job" 2>&1); then
        echo running
        return
    fi
    echo "$answer"
    qacct -j "$job" 2>/dev/null | awk '
        /^failed/ {failed = $2} /^exit_status/ {exit_status = $2}
        END {if (exit_status != "") print exit_status == 0 && failed == 0 ? "success" : "failed"}'
}

lsf() {
    answer=$(bjobs -noheader -o stat "$job" 2>&1)
    case $answer in
    DONE) echo success ;;
    EXIT) echo failed ;;
    PEND | PROV | PSUSP | RUN | USUSP | SSUSP | WAIT | UNKWN | ZOMBI) echo running ;;
    *) echo "$answer" ;;
    esac
}

answers=$(
    if command -v bjobs >/dev/null; then
        lsf
    elif command -v qacct >/dev/null; then
        sge
    elif command -v qstat >/dev/null; then
        pbs
    fi
)
result=$(echo "$answers" | grep -x -e running -e success -e failed | head -n 1)

if [ -z "$result" ] && [ -s "$trace" ]; then
    result=failed
    [ "$(cat "$trace")" != 0 ] || result=success
fi
if [ -z "$result" ]; then
    case $answers in
    *[Uu]nknown\ [Jj]ob* | *not\ exist* | *not\ found* | *has\ finished*) ;;
    *) grace=$((grace * 30)) ;;
    esac
    now=$(date +%s)
    mkdir -p "$logs"
    [ -s "$unknown" ] || echo "$now" > "$unknown"
    result=running
    if [ $((now - $(cat "$unknown"))) -ge "$grace" ]; then
        echo "job $job is unknown to the scheduler and left no trace of its end: taken for failed" >&2
        result=failed
    fi
elif [ "$result" = running ]; then
    rm -f "$unknown"
fi
[ "$result" = running ] || rm -f "$trace" "$unknown" # it is not asked about again
echo "$result"
