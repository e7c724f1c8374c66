"""Draws the README's pictures, which are figures of the docs, into docs/assets.

python site/readme.py
"""

import html
from pathlib import Path

from figures import PART, figures

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = {"fan": "forecast.md", "through-time": "gradients.md"}
COLOURS = """<style>
svg { color: #1f2328 }
@media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }
</style>"""


def picture(name: str, page: Path) -> str:
    """A page's figure as an SVG file of its own, in the text's colour of light and dark pages."""
    parts = [*PART.finditer(page.read_text("utf-8"))]
    (shows,) = [part["shows"] for part in parts if part["name"] == name]
    drawn = dict(figures(tuple(part["code"] or part["name"] for part in parts)))[name]
    title = f"<title>{html.escape(shows)}</title>"
    head, inside = drawn.split(">", 1)
    return f"{head}>\n{title}\n{COLOURS}{inside}"


def main() -> None:
    """Write the pictures."""
    for name, page in PICTURES.items():
        path = DOCS / "assets" / f"{name}.svg"
        path.write_text(picture(name, DOCS / page), encoding="utf-8")
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
