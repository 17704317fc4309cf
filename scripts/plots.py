"""Draw the pictures of docs/plots.md with the scripts on that page, from tables of example/results: `make plots`.

It needs matplotlib."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "plots.md"
PICTURES = ROOT / "docs" / "plots"


def blocks(language: str) -> list[str]:
    """The code on the page in a language: `yaml` (the settings), `python` (a script for each plot)."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def make_tables(folder: Path) -> None:
    """Make the tables of example/results that the scripts read.

    Raises:
        CalledProcessError: the workflow failed.
    """
    (settings,) = blocks("yaml")
    (folder / "settings.yaml").write_text(settings, "utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--quiet"]
    chosen = ["--configfile", "settings.yaml", "--config", f"results_dir={ROOT / 'example' / 'results'}", "batches=2"]
    subprocess.run([*command, "all", *chosen], cwd=folder, check=True)


def draw(script: str, folder: Path) -> None:
    """Run a script in a folder with the tables.

    Raises:
        CalledProcessError: it failed.
    """
    subprocess.run([sys.executable, "-c", script], cwd=folder, env={**os.environ, "MPLBACKEND": "Agg"}, check=True)


def main() -> None:
    """Make the tables in a temporary folder, draw there, and take the pictures."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_tables(folder)
        for script in blocks("python"):
            draw(script, folder)
        PICTURES.mkdir(exist_ok=True)
        for picture in sorted(folder.glob("*.png")):
            shutil.copy(picture, PICTURES)
            print(PICTURES / picture.name)


if __name__ == "__main__":
    main()
