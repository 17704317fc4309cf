"""Make the page: one HTML file with the data, the charts and all that draws them, which asks no network for anything.
Run by rule `page`."""

import base64
import gzip
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert
from evalscope_report.charts import LIMITS, charts
from evalscope_report.comparing import AT_ONCE
from evalscope_report.content import HERE, Content, content, dump, run_logged
from evalscope_report.looks import CONFIG, DARK, LIGHT, SHAPES, STROKES
from evalscope_report.marks import LINEAR, LOG
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


def vega(folder: Path | None = None) -> str:
    """Vega, Vega-Lite and what embeds them as one script, which takes seconds to make.

    Args:
        folder: where it is kept, if anywhere.
    """
    kept = folder and folder / f"vega-{importlib.metadata.version('vl-convert-python')}.js"
    if kept and kept.exists():
        return kept.read_text("utf-8")
    made: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, made.encode())
    return made


def page(data: Content, title: str, kept: Path | None = None) -> str:
    """The page as HTML.

    Args:
        data: of `content.content`.
        title: shown above, and in the browser's tab.
        kept: folder of `vega`.
    """
    looks = {"light": LIGHT, "dark": DARK, "shapes": SHAPES, "strokes": STROKES, "config": CONFIG}
    shared = {
        "charts": charts(data),
        "looks": looks | {"linear": LINEAR, "log": LOG},
        "limits": LIMITS | {"colours": AT_ONCE},
    }
    everything = dump(data | shared)
    packed = base64.b64encode(gzip.compress(everything, 6, mtime=0)).decode()
    parts = ("page_charts.js", "page_numbers.js", "page_tables.js", "page.js")
    own = "".join((HERE / name).read_text("utf-8") for name in parts)
    scripts = [
        script(vega(kept)),
        script((VENDOR / "tabulator.min.js").read_text("utf-8")),
        script(own, module=True),
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


def write_page(
    raw: Path,
    stats: Path,
    problems: Path,
    settings: Path,
    *,
    requests: Path | None = None,
    compared: Path | None = None,
    output: Path,
    kept: Path | None = None,
) -> None:
    """Read the tables and write the page; the first arguments are those of `content.content`, the last one that of
    `vega`."""
    data = content(raw, stats, problems, settings, requests, compared)
    write_atomically(output, page(data, output.stem.removesuffix("_report"), kept).encode())


def _optional(name: str) -> Path | None:
    """An input that the rule has only if the configuration names it."""
    return Path(snakemake.input[name]) if name in snakemake.input.keys() else None  # noqa: SIM118


if __name__ == "__main__":

    def make() -> None:
        """Write the page."""
        write_page(
            *(Path(snakemake.input[name]) for name in ("raw", "stats", "problems", "settings")),
            requests=_optional("requests"),
            compared=_optional("compared"),
            output=Path(snakemake.output[0]),
            kept=Path(snakemake.params.kept),
        )

    run_logged(Path(snakemake.log[0]), make)
