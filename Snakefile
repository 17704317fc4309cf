# A tree of `evalscope perf` results → tables. Rules in flow order: extract → merge → stats → export.
# The runs are found while this file is parsed, which writes one small inventory per batch; see docs/reruns.md.

from snakemake.io import IOFile
from snakemake.sourcecache import LocalGitFile
from snakemake.utils import min_version

min_version("9.19")

BASE = workflow.current_basedir


# `gitfile()` finds nothing beside a Snakefile at the root of its repository: see docs/snakemake-gitfile.md
include:
    LocalGitFile(BASE.repo_path, "workflow/library.smk", commit=BASE.ref)
    if isinstance(BASE, LocalGitFile)
    else "workflow/library.smk"


if library().has_settings("config/config.yaml"):

    configfile: "config/config.yaml"


settings = plainly(library().settings.complete, config)


scattergather:
    evalscope_runs=settings["batches"],


BATCHES = gather.evalscope_runs("{scatteritem}")

flow = library().Flow(settings, BATCHES, HERE, plainly(library().Start.of, workflow, settings))
plainly(flow.discover)


if flow.start.image:

    container: flow.start.image


wildcard_constraints:
    table="raw|stats|long|compare",
    tree="[0-9a-f]{16}",  # where there are several: its folder in the work folder


# The default: the `tables` in the `formats` of the configuration.
rule evalscope_summary:
    input:
        flow.targets,
        local(flow.strict_stamp) if flow.strict else [],
    localrule: True


rule extract:
    """One batch: read its new and changed runs into records, which lie beside the stamp and depend on nothing else.
    Reruns when the batch's inventory changed; a record whose run did not change is kept. Where jobs share no files with
    Snakemake, it is no job, and takes over the records of the two rules below."""
    input:
        inventory=local(flow.inventory("{scatteritem}")),
        records=lambda wildcards: flow.read_elsewhere(workflow, wildcards),
    output:
        touch(local(flow.stamp("{scatteritem}"))),
    log:
        local(flow.log("extract-{scatteritem}")),
    conda:
        flow.environment("runs")
    resources:
        **flow.batch_resources,
    params:
        program=flow.program("extract.py"),
    shell:
        flow.command("{input.inventory:q} {wildcards.scatteritem:q} {input.records:q}")


# Nothing asks for these two where jobs share files with Snakemake. Elsewhere (`--shared-fs-usage` without `input-output`,
# Kubernetes, a cloud), packs go through the storage that jobs have instead; see docs/scaling.md.
rule pack:
    """One batch: what a job needs to read its new and changed runs."""
    input:
        local(flow.inventory("{scatteritem}")),
    output:
        temp(flow.pack("{scatteritem}.tar.gz")),
    log:
        local(flow.log("pack-{scatteritem}")),
    localrule: True
    conda:
        flow.environment("runs")
    params:
        program=flow.program("pack.py"),
    shell:
        flow.command("{input:q} {output:q}", "--ship-files" if settings["ship_files"] else "")


rule extract_elsewhere:
    """One batch: read the runs of its pack."""
    input:
        rules.pack.output,
    output:
        temp(flow.pack("{scatteritem}.read.tar.gz")),
    log:
        flow.pack("{scatteritem}.log"),
    conda:
        flow.environment("runs")
    resources:
        **flow.packed_resources,
    params:
        program=flow.program("extract_elsewhere.py"),
    shell:
        flow.command("{input:q} {output:q}")


# Only with bounds: without any, nothing asks for it.
rule slo:
    """One batch: which requests of its runs kept the bounds of `slo`. Reruns when the batch or the bounds did; only
    the databases of new and changed runs are read."""
    input:
        inventory=local(flow.inventory("{scatteritem}")),
        settings=local(flow.settings("slo")),
        extracted=local(flow.stamp("{scatteritem}")),
    output:
        local(flow.within_slo("{scatteritem}")),
    log:
        local(flow.log("slo-{scatteritem}")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("runs")
    resources:
        **flow.batch_resources,
    params:
        program=flow.program("slo.py"),
    shell:
        flow.command("{input.inventory:q} {input.settings:q} {wildcards.scatteritem:q} {output:q}")


rule merge:
    """All records → the table of runs, and what was wrong. Reruns when a batch or its settings did."""
    input:
        settings=local(flow.settings("merge")),
        inventories=local(flow.each(flow.inventory("{scatteritem}"))),
        extracted=local(flow.each(flow.stamp("{scatteritem}"))),
        labels=local(flow.each(*flow.labels("{scatteritem}"))),
        slo=local(flow.each(flow.within_slo("{scatteritem}"))) if flow.slo else [],
    output:
        raw=flow.table("raw", "csv"),
        problems=report(flow.table("problems", "csv"), category="Summary"),
    log:
        local(flow.log("merge")),
    retries: flow.table_retries
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("tables")
    threads: 4
    resources:
        **flow.table_resources,
    params:
        program=flow.program("merge.py"),
    shell:
        flow.command(
            "{input.settings:q} {input.inventories:q}",
            "--raw={output.raw:q} --problems={output.problems:q} --threads {threads}",
        )


rule stats:
    """Statistics over the runs of each group. Reruns when the table of runs or the grouping did."""
    input:
        settings=local(flow.settings("stats")),
        tables=rules.merge.output.raw,
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        flow.table("stats", "csv"),
    log:
        local(flow.log("stats")),
    retries: flow.table_retries
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("tables")
    resources:
        **flow.table_resources,
    params:
        program=flow.program("stats.py"),
    shell:
        flow.command("{input.settings:q} {input.tables:q} {output:q}")


# What else is made of tables, as `stats` is: none of it reads a run, or repeats the merge.


# The main metrics of each group of runs, to look at and to paste into a report.
use rule stats as overview with:
    input:
        settings=local(flow.settings("overview")),
        tables=[rules.merge.output.raw, rules.merge.output.problems],
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        report(flow.overview, category="Summary"),
    log:
        local(flow.log("overview")),
    params:
        program=flow.program("overview.py"),


# A row per run, metric and statistic: for plots and SQL.
use rule stats as long with:
    input:
        settings=local(flow.settings("long")),
        tables=rules.merge.output.raw,
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        flow.table("long", "csv"),
    log:
        local(flow.log("long")),
    params:
        program=flow.program("long.py"),


# Groups of runs beside those of a baseline.
use rule stats as compare with:
    input:
        settings=local(flow.settings("compare")),
        tables=rules.merge.output.raw,
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        flow.table("compare", "csv"),
    log:
        local(flow.log("compare")),
    params:
        program=flow.program("compare.py"),


# A table in a further format.
use rule stats as export with:
    input:
        settings=local(flow.settings("export")),
        tables=flow.table("{table}", "csv"),
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        flow.table("{table}", "{format}"),
    log:
        local(flow.log("export-{table}-{format}")),
    wildcard_constraints:
        format="json|parquet|xlsx",
    conda:
        flow.environment("exports")
    params:
        program=flow.program("export.py"),


# All tables as the sheets of one workbook for spreadsheets.
use rule stats as workbook with:
    input:
        settings=local(flow.settings("workbook")),
        tables=[flow.table(table, "csv") for table in flow.sheets],
    output:
        flow.workbook,
    log:
        local(flow.log("workbook")),
    conda:
        flow.environment("exports")
    params:
        program=flow.program("workbook.py"),


# The data dictionary: what every column of the configured tables means.
use rule stats as data_package with:
    input:
        settings=local(flow.settings("data_package")),
        tables=flow.described,
    output:
        flow.data_package,
    log:
        local(flow.log("data_package")),
    params:
        program=flow.program("data_package.py"),


# Only if it is asked for: the requests of all runs, see docs/requests.md.
rule request_rows:
    """One batch: the requests of its runs, a row each. Reruns when the batch or the labels did; only the databases of
    new and changed runs are read."""
    input:
        inventory=local(flow.inventory("{scatteritem}")),
        settings=local(flow.settings("request_rows")),
        labels=local(flow.labels("{scatteritem}")),
        extracted=local(flow.stamp("{scatteritem}")),
        slo=local(flow.within_slo("{scatteritem}")) if flow.slo else [],  # it keeps the same rows
    output:
        local(flow.request_rows("{scatteritem}")),
    log:
        local(flow.log("request_rows-{scatteritem}")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("tables")
    resources:
        **flow.batch_resources,
    params:
        program=flow.program("request_rows.py"),
    shell:
        flow.command("{input.inventory:q} {input.settings:q} {wildcards.scatteritem:q} {output:q}")


# The files of all batches in one folder, which is the table.
rule requests:
    input:
        settings=local(flow.settings("request_table")),
        parts=local(flow.each(flow.request_rows("{scatteritem}"))),
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        directory(flow.requests),
    log:
        local(flow.log("requests")),
    localrule: True
    conda:
        flow.environment("runs")
    params:
        program=flow.program("request_table.py"),
    shell:
        flow.command("{input.settings:q} {input.parts:q} {output:q}")


# With `strict`: fail if a run was skipped. A rule of its own, as a failing rule loses its output.
rule strict:
    input:
        settings=local(flow.settings("strict")),
        problems=rules.merge.output.problems,
    output:
        touch(local(flow.strict_stamp)),
    log:
        local(flow.log("strict")),
    retries: 0  # the same runs would be skipped
    localrule: True
    conda:
        flow.environment("runs")
    params:
        program=flow.program("strict.py"),
    shell:
        flow.command("{input.settings:q} {input.problems:q}")


# A table that can't be made anew stays as it was (not in an importing workflow, where only its own handlers run).
onstart:
    flow.kept.keep()
    flow.ending.begin()
    library().job_rate.drop_limit(workflow)


onerror:
    for path in flow.kept.restore():
        workflow.persistence.cleanup_metadata(IOFile(str(path)))  # it says that it was made of the inputs of now
    flow.ending.fail(workflow)
    library().array_logs.remove(workflow)


onsuccess:
    flow.kept.release()
    flow.take_over_dates()
    flow.ending.succeed()
    library().array_logs.remove(workflow)
