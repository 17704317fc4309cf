"""Make the page: one HTML file with the data, the charts and all that draws them, which asks no network for anything.
Run by rule `page`."""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert
from evalscope_report.charts import CHARTS, CONFIG, LIMITS, LINEAR, LOG, REPEATED
from evalscope_report.content import HERE, Content, content, dump, run_logged
from evalscope_summary.jsonfile import write_atomically
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    snakemake: Any  # Snakemake puts it here

VENDOR = HERE / "vendor"


@dataclass(frozen=True)
class Script:
    """A script in the page; only these run, as the page's Content-Security-Policy names their digests.

    Attributes:
        source: JavaScript.
        module: whether it is a module.
    """

    source: Markup
    module: bool = False

    @property
    def digest(self) -> str:
        """What the Content-Security-Policy calls it."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.source.encode()).digest()).decode()}'"


def script(source: str, module: bool = False) -> Script:
    """A script as it stands in the page.

    Raises:
        ValueError: it would end before its end there.
    """
    if "</script" in source.lower() or "<!--" in source:
        raise ValueError("a script of the page holds '</script' or '<!--', where browsers would end it")
    return Script(Markup(source), module)  # our own and the libraries' sources, checked above


def page(data: Content, title: str) -> str:
    """The page as HTML.

    Args:
        data: of `content.content`.
        title: shown above, and in the browser's tab.
    """
    shared = {"charts": CHARTS, "config": CONFIG, "linear": LINEAR, "log": LOG, "limits": LIMITS, "repeated": REPEATED}
    everything = dump(data | shared)
    packed = base64.b64encode(gzip.compress(everything, 6, mtime=0)).decode()
    scripts = [
        script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")),
        script((VENDOR / "tabulator.min.js").read_text("utf-8")),
        script((HERE / "page.js").read_text("utf-8"), module=True),
    ]
    styles = [path.read_text("utf-8") for path in (VENDOR / "tabulator.min.css", HERE / "page.css")]
    environment = Environment(autoescape=True, loader=FileSystemLoader(HERE), undefined=StrictUndefined)
    return environment.get_template("page.html").render(
        title=title,
        hashes=Markup(" ".join(script.digest for script in scripts)),
        styles=[Markup(style) for style in styles],
        scripts=scripts,
        data=packed,
    )


def write_page(raw: Path, stats: Path, problems: Path, settings: Path, output: Path) -> None:
    """Read the tables and write the page; the arguments but the last are those of `content.content`."""
    data = content(raw, stats, problems, settings)
    write_atomically(output, page(data, output.stem.removesuffix("_report")).encode())


if __name__ == "__main__":
    tables = (Path(snakemake.input[name]) for name in ("raw", "stats", "problems", "settings"))
    run_logged(Path(snakemake.log[0]), write_page, *tables, Path(snakemake.output[0]))
