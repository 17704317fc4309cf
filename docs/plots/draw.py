"""Run the scripts of docs/plots.md on the bundled example, and keep their pictures here.

Matplotlib draws text as its version and fonts have it, so pictures are not compared with what is drawn again; a
test runs every script.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PAGE = CHECKOUT / "docs" / "plots.md"
STYLE = "import matplotlib\nmatplotlib.use('Agg')\nmatplotlib.rcParams['savefig.bbox'] = 'tight'\n"


def blocks(language: str) -> list[str]:
    """The code of one language on the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def pictures() -> list[str]:
    """The names of the pictures that the page shows, in its order."""
    return re.findall(r"\(plots/(.*?\.png)\)", PAGE.read_text("utf-8"))


def make_tables(folder: Path) -> None:
    """Run the page's command in a folder, with this checkout and this Python.

    Raises:
        CalledProcessError: it failed.
    """
    (command,) = blocks("bash")
    words = shlex.split(command.replace("\\\n", "").replace("/path/to/evalscope-summary", str(CHECKOUT)))
    assert words[0] == "snakemake"
    subprocess.run([sys.executable, "-m", *words, "--quiet", "all"], cwd=folder, check=True)


def main() -> None:
    """Draw all pictures."""
    with TemporaryDirectory() as folder:
        make_tables(Path(folder))
        for script, picture in zip(blocks("python"), pictures(), strict=True):
            subprocess.run([sys.executable, "-c", STYLE + script], cwd=folder, check=True)
            shutil.copy(Path(folder, picture), HERE / picture)


if __name__ == "__main__":
    main()
