"""Hooks of the site's build: figures drawn by the Python of the pages that show them.

For `![what it shows](figures/NAME.svg)` a page gets what its code calls `figure` at that place, as
SVG in the text's colour, which suits the light and the dark scheme.
"""

import contextlib
import doctest
import html
import io
import re
import tempfile
from functools import cache
from typing import Any

from cycler import cycler
from mkdocs.exceptions import PluginError

PART = re.compile(
    r"^```python\n(?P<code>.*?)^```$|^!\[(?P<shows>[^\]]*)\]\(figures/(?P<name>[\w-]+)\.svg\)$",
    re.MULTILINE | re.DOTALL,
)
INK = "#010203"  # stands for the colour of the text around the figure
INKS = [INK, "#000000", "#1c2330", "#5b6577"]  # those of the library's own figures, too
LINES = ["#e6e9ef", "#d9dee6", "#cccccc"]  # of their grids
SERIES = {"#2563c9": "#3d7fd6", "#1c8a58": "#2c9a67"}  # of their curves, 3:1 on slate, too
COLOURS = ["#3d7fd6", "#d9622b", "#2c9a67", "#a562cf", "#a8821a"]  # 3:1 on white and on slate
STYLE = {
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "patch.edgecolor"], INK),
    **dict.fromkeys(["xtick.color", "ytick.color", "grid.color"], INK),
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "figure.figsize": (5.6, 3.0),
    "font.size": 11,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the figures of a page in the places of their images."""
    parts = [*PART.finditer(markdown)]
    if not any(part["name"] for part in parts):
        return markdown
    drawn = dict(figures(tuple(part["code"] or part["name"] for part in parts)))

    def figure(part: re.Match[str]) -> str:
        if not part["name"]:
            return part[0]
        shows = html.escape(part["shows"].replace("\n", " "))
        svg = drawn[part["name"]].replace("<svg ", f'<svg role="img" aria-label="{shows}" ', 1)
        return f'<figure class="drawn" data-search-exclude>{svg}</figure>'

    return PART.sub(figure, markdown)


@cache
def figures(parts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names and SVG of a page's figures. `parts` are blocks of code, and names where figures stand.

    Pages of the same code in another language are not run again.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    names: dict[str, Any] = {"__name__": "page"}
    drawn = []
    with (
        mpl.rc_context(STYLE),
        contextlib.redirect_stdout(io.StringIO()),
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),  # for what a page's code writes
    ):
        for part in parts:
            if "\n" not in part:
                drawn.append((part, _svg(part, names.get("figure"))))
                plt.close("all")
                names.pop("figure", None)
            else:
                code = doctest.script_from_examples(part) if ">>>" in part else part
                exec(compile(code, "<page>", "exec"), names)
    return drawn


def _svg(name: str, figure: Any) -> str:
    """The figure without a background. `name` makes the ids of its parts unique on the page."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise PluginError(f"no code of the page has drawn figures/{name}.svg before it is shown")
    for part in (figure, *figure.axes, *figure.legends):
        patch = part.get_frame() if part in figure.legends else part.patch
        patch.set_facecolor("none")
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata={"Date": None}, facecolor="none")
    svg = file.getvalue()
    svg = svg[svg.index("<svg ") :].replace("<svg ", '<svg fill="currentColor" ', 1)  # else black
    for ink in INKS:
        svg = svg.replace(ink, "currentColor")
    for line in LINES:
        svg = svg.replace(line, "#8884")
    for colour, lighter in SERIES.items():
        svg = svg.replace(colour, lighter)
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace('<g id="QuadMesh', '<g shape-rendering="crispEdges" id="QuadMesh')  # no seams
    return re.sub(r"\n\s*", "\n", svg)
