# A tree of `evalscope perf` results → tables. Rules in flow order: extract → merge → stats → export.
# The runs are found while this file is parsed, which writes one small inventory per batch; see docs/reruns.md.

import hashlib
import importlib.util
import os
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.sourcecache import LocalGitFile, LocalSourceFile
from snakemake.utils import min_version

min_version("9.19")


def checkout():
    """The folder of this file. If a workflow names it by `github()` or `gitfile()` it lies in none: then the files of its
    commit, in a folder that stays the same, since another path in a command is a change of it."""
    here = workflow.current_basedir
    if isinstance(here, LocalSourceFile):
        return here.get_path_or_uri(secret_free=True)
    from git import Repo  # Snakemake's own; takes long to import

    repository = Repo(here.repo_path) if isinstance(here, LocalGitFile) else here.hosted_repo.repo
    commit = repository.commit(here.ref).hexsha
    folder = Path(".snakemake", f"evalscope-summary-{commit}").absolute()
    folder.parent.mkdir(exist_ok=True)
    if not folder.exists():
        with TemporaryDirectory(dir=folder.parent) as temporary:
            archive, files = Path(temporary, "archive"), Path(temporary, "files")
            repository.git.archive(commit, format="tar", output=archive)
            with tarfile.open(archive) as tar:
                tar.extractall(files, filter="data")
            try:
                files.rename(folder)
            except OSError:
                if not folder.exists():  # another start was quicker
                    raise
    return str(folder / here.path)


HERE = checkout()


def library():
    """Load this checkout's package, under a name of its own: another checkout may be loaded in the same process."""
    folder = Path(HERE, "scripts", "evalscope_summary")
    name = f"evalscope_summary_{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return importlib.import_module(f"{name}.workflow")


def tell(function, *arguments):
    """Call a function of the library; what is wrong on the user's side becomes a message without a traceback."""
    try:
        return function(*arguments)
    except library().UserErrors as error:
        raise WorkflowError(str(error)) from error


if library().has_settings("config/config.yaml"):

    configfile: "config/config.yaml"


settings = tell(library().settings.complete, config)


scattergather:
    evalscope_runs=settings["batches"],


BATCHES = gather.evalscope_runs("{scatteritem}")

flow = library().Flow(settings, BATCHES, HERE, library().Start.of(workflow, settings["output"]))
tell(flow.discover)


wildcard_constraints:
    table="raw|stats",


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
        local(flow.inventory("{scatteritem}")),
        records=lambda wildcards: flow.read_elsewhere(workflow, wildcards.scatteritem),
    output:
        touch(local(flow.stamp("{scatteritem}"))),
    log:
        local(flow.log("extract-{scatteritem}")),
    conda:
        flow.environment("runs")
    resources:
        **flow.batch_resources,
    shell:
        flow.program("extract.py", "{input[0]:q} {wildcards.scatteritem:q} {input.records:q}")


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
    shell:
        flow.program("pack.py", "{input:q} {output:q}", "--ship-files" if settings["ship_files"] else "")


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
    shell:
        flow.program("extract_elsewhere.py", "{input:q} {output:q}")


rule merge:
    """All records → the table of runs, and what was wrong. Reruns when a batch or its settings did."""
    input:
        settings=local(flow.settings("merge")),
        inventories=local([flow.inventory(batch) for batch in BATCHES]),
        extracted=local([flow.stamp(batch) for batch in BATCHES]),
    output:
        raw=flow.table("raw", "csv"),
        problems=report(flow.table("problems", "csv"), category="Summary"),
    log:
        local(flow.log("merge")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("runs")
    threads: 4
    resources:
        **flow.table_resources,
    shell:
        flow.program(
            "merge.py",
            "{input.settings:q} {input.inventories:q}",
            "--raw={output.raw:q} --problems={output.problems:q} --threads {threads}",
        )


rule stats:
    """Statistics over the runs of each group. Reruns when the table of runs or the grouping did."""
    input:
        settings=local(flow.settings("stats")),
        raw=rules.merge.output.raw,
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        flow.table("stats", "csv"),
    log:
        local(flow.log("stats")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("tables")
    resources:
        **flow.table_resources,
    shell:
        flow.program("stats.py", "{input.settings:q} {input.raw:q} {output:q}")


rule export:
    """A table in a further format. Reads no run and repeats no merge."""
    input:
        settings=local(flow.settings("export")),
        table=flow.table("{table}", "csv"),
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        flow.table("{table}", "{format}"),
    log:
        local(flow.log("export-{table}-{format}")),
    wildcard_constraints:
        format="json|parquet|xlsx",
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("exports")
    resources:
        **flow.table_resources,
    shell:
        flow.program("export.py", "{input.settings:q} {input.table:q} {wildcards.table} {output:q}")


rule overview:
    """The main metrics of each group of runs, to look at and to paste into a report."""
    input:
        settings=local(flow.settings("overview")),
        raw=rules.merge.output.raw,
        problems=rules.merge.output.problems,
        strict=local(flow.strict_stamp) if flow.strict else [],
    output:
        report(flow.overview, category="Summary"),
    log:
        local(flow.log("overview")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("tables")
    resources:
        **flow.table_resources,
    shell:
        flow.program("overview.py", "{input.settings:q} {input.raw:q} {input.problems:q} {output:q}")


rule workbook:
    """All tables as the sheets of one workbook for spreadsheets."""
    input:
        settings=local(flow.settings("workbook")),
        tables=[flow.table(table, "csv") for table in ("overview", "raw", "stats", "problems")],
    output:
        flow.workbook,
    log:
        local(flow.log("workbook")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("exports")
    resources:
        **flow.table_resources,
    shell:
        flow.program("workbook.py", "{input.settings:q} {output:q} {input.tables:q}")


rule data_package:
    """The data dictionary: what every column of the configured tables means."""
    input:
        settings=local(flow.settings("data_package")),
        tables=flow.described,
    output:
        flow.data_package,
    log:
        local(flow.log("data_package")),
    localrule: flow.makes_tables_at_once
    conda:
        flow.environment("tables")
    resources:
        **flow.table_resources,
    shell:
        flow.program("data_package.py", "{input.settings:q} {output:q} {input.tables:q}")


# With `strict: true`: fail if a run was skipped. A rule of its own, as a failing rule loses its output.
rule strict:
    input:
        rules.merge.output.problems,
    output:
        touch(local(flow.strict_stamp)),
    log:
        local(flow.log("strict")),
    retries: 0  # the same runs would be skipped
    localrule: True
    conda:
        flow.environment("runs")
    shell:
        flow.program("strict.py", "{input:q}")


# A table that can't be made anew stays as it was (not in an importing workflow, where only its own handlers run).
onstart:
    flow.keep_tables()


onerror:
    for path in flow.restore_tables():
        workflow.persistence.cleanup_metadata(IOFile(str(path)))  # it says that it was made of the inputs of now


onsuccess:
    flow.release_tables()
    flow.show_overview()
