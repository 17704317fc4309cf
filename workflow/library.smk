# How the Snakefile gets at its own library, whatever names it: a path, a module, `github()` or `gitfile()`.

import hashlib
import importlib.util
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import LocalGitFile, LocalSourceFile


def checkout():
    """The folder of the Snakefile. If a workflow names it by `github()` or `gitfile()` it lies in none: then the files of
    its commit, in a folder that all jobs find."""
    here = workflow.current_basedir
    if isinstance(here, LocalSourceFile):
        return Path(here.get_path_or_uri(secret_free=True)).parent
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
                # Debian 12 has Python 3.11.2, and 3.11.4 was the first to know filters
                tar.extractall(files, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            try:
                files.rename(folder)
            except OSError:
                if not folder.exists():  # another start was quicker
                    raise
    return (folder / here.path).parent


HERE = str(checkout())


def library():
    """Load this checkout's package, under a name of its own: another checkout may be loaded in the same process."""
    folder = Path(HERE, "scripts", "evalscope_summary")
    name = f"evalscope_summary_{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    try:
        return importlib.import_module(f"{name}.workflow")
    except ModuleNotFoundError as error:
        said = importlib.import_module(f"{name}.missing").advice(error)
        importlib.import_module(f"{name}.last_words").keep(said)
        raise WorkflowError(said) from None


def plainly(function, *arguments):
    """Call a function of the library; what is wrong on the user's side becomes a message without a traceback."""
    try:
        return function(*arguments)
    except library().UserErrors as error:
        if workflow.is_main_process:
            library().last_words.keep(str(error))  # Snakemake says it above the lines of a traceback, or not at all
        raise WorkflowError(str(error)) from error
