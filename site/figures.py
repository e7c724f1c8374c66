"""Hooks of the site's build: figures drawn by the Python of the pages that show them.

For `![what it shows](figures/NAME.svg)` a page gets the figure that its code has drawn up to there,
as SVG in the text's colour, which suits the light and the dark scheme.
"""

import contextlib
import doctest
import html
import io
import re
from functools import cache
from typing import Any

from cycler import cycler
from mkdocs.exceptions import PluginError

PART = re.compile(
    r"^```python\n(?P<code>.*?)^```$|^!\[(?P<shows>[^\]]*)\]\(figures/(?P<name>[\w-]+)\.svg\)$",
    re.MULTILINE | re.DOTALL,
)
INK = "#010203"  # stands for the colour of the text around the figure
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
    with mpl.rc_context(STYLE), contextlib.redirect_stdout(io.StringIO()):
        for part in parts:
            if "\n" not in part:
                drawn.append((part, _svg(part)))
                plt.close("all")
            else:
                code = doctest.script_from_examples(part) if ">>>" in part else part
                exec(compile(code, "<page>", "exec"), names)
    return drawn


def _svg(name: str) -> str:
    """The current figure, named in what its parts are called by."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    if not plt.get_fignums():
        raise PluginError(f"no code of the page has drawn figures/{name}.svg before it is shown")
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        plt.gcf().savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg ") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace('<g id="QuadMesh', '<g shape-rendering="crispEdges" id="QuadMesh')  # no seams
    return re.sub(r"\n\s*", "\n", svg)
