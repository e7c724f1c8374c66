"""Report pages: one HTML file that needs nothing else, light or dark, on a desk or a phone."""

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import FileError
from elman.files import is_file, write_atomic
from elman.folders import path_of

if TYPE_CHECKING:  # charts alone need matplotlib, and import it
    from matplotlib.axes import Axes

# Colours to draw a chart in. On the page each is a variable of the style sheet, so that charts
# follow the reader's light or dark theme.
INK, FAINT = "#010101", "#020202"
SERIES = ("#030303", "#040404", "#050505", "#060606")
_VARIABLES = dict(zip((INK, FAINT, *SERIES), ("ink", "faint", "s1", "s2", "s3", "s4"), strict=True))

_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--card:#f6f7f9;--ink:#1c2330;--soft:#5b6577;
  --faint:#d9dee6;--accent:#2563c9;--s1:#2563c9;--s2:#d9730d;--s3:#8a94a6;--s4:#1c8a58}
@media(prefers-color-scheme:dark){:root{--paper:#12161d;--card:#1a2029;--ink:#e4e8ee;
  --soft:#9aa5b6;--faint:#333d4b;--accent:#7aacff;--s1:#7aacff;--s2:#f0a35c;--s3:#8b96a8;
  --s4:#5fcf9a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.3rem;line-height:1.3;margin:3rem 0 .5rem;padding-top:1rem;
  border-top:1px solid var(--faint)}
p{margin:.6rem 0;max-width:44rem}
.lead{font-size:1.1rem;color:var(--soft)}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.92rem;min-width:100%}
caption,figcaption{color:var(--soft);font-size:.88rem;text-align:left;padding:.3rem 0}
th,td{padding:.4rem .75rem;text-align:left;border-bottom:1px solid var(--faint);
  vertical-align:top}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.heat{width:auto;min-width:0}
.heat th,.heat td{border:0;padding:.3rem .6rem;vertical-align:middle}
.heat thead th{text-align:center}
.heat td{text-align:center;border:2px solid var(--paper);border-radius:.4rem;min-width:4.5rem;
  padding:.7rem .5rem;font-variant-numeric:tabular-nums;line-height:1.25}
.dense td{min-width:2.1rem;padding:.3rem .15rem;font-size:.8rem}
.dense tbody th{max-width:14rem;overflow-wrap:anywhere;font-weight:400}
.heat small{display:block;color:var(--soft)}
.dense small{display:none}
.heat .hot small{color:inherit}
.heat .hot{color:var(--paper)}
dl{display:flex;flex-wrap:wrap;gap:.6rem 1.8rem;margin:1rem 0;padding:.8rem 1rem;
  background:var(--card);border-radius:.6rem}
dt{color:var(--soft);font-size:.8rem}
dd{margin:0;font-variant-numeric:tabular-nums}
pre{background:var(--card);border-radius:.6rem;padding:1rem;overflow-x:auto;font-size:.85rem;
  line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere}
.aligned{white-space:pre;padding:.6rem 1rem}
code{font-size:.9em;overflow-wrap:anywhere}
.bar{position:relative;width:60%}
.bar i{position:absolute;left:0;top:.2rem;bottom:.2rem;border-radius:.25rem;
  background:color-mix(in srgb,var(--accent) 28%,var(--paper))}
.bar span{position:relative;overflow-wrap:anywhere}
li{margin:.4rem 0;max-width:44rem}
details{margin:1rem 0}
summary{cursor:pointer;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem;
  margin:1rem 0}
figure{margin:0;min-width:0}
svg{display:block;width:100%;height:auto;max-width:36rem}
svg text{font-family:system-ui,sans-serif}
.long td{overflow-wrap:anywhere;min-width:6rem}
.long td:first-child{min-width:min(15rem,80vw);overflow-wrap:break-word}
@media(max-width:44rem){th,td{padding:.4rem .35rem}thead th{white-space:normal}
.stacked thead{display:none}
.stacked tr{display:block;border-bottom:1px solid var(--faint);padding:.6rem 0}
.stacked td{display:block;border:0;padding:.1rem 0;text-align:left}
.stacked td::before{content:attr(data-name) ": ";color:var(--soft)}}
"""
_LONG = 30  # characters of a first cell that needs room
_SHORT = 3  # characters of labels that head a narrow column themselves
_MOST_ACROSS = 64  # characters of the labels above a heat map


@dataclass(frozen=True)
class Section:
    """A part of a page: its title, and pieces of HTML that the functions here make."""

    title: str
    parts: Sequence[str]


def page(title: str, sections: Iterable[Section], *, lead: str = "", generator: str = "") -> str:
    """A whole HTML page that loads nothing.

    **Arguments:**

    - `title`, `lead`: the heading and the line under it, plain text.
    - `sections`: the rest.
    - `generator`: who wrote it, for programs.

    >>> page("A report", [Section("Part", [text("x < y")])]).count("x &lt; y")
    1
    """
    body = [f"<h1>{escape(title)}</h1>"]
    if lead:
        body.append(f'<p class="lead">{escape(lead)}</p>')
    for section in sections:
        body += [f"<section><h2>{escape(section.title)}</h2>", *section.parts, "</section>"]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="generator" content="{escape(generator)}">' if generator else "",
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style></head>",
            "<body><main>",
            *body,
            "</main></body></html>",
            "",
        ]
    )


def write_page(path: Path | str, content: str) -> Path:
    """Write a page atomically; returns its path.

    Raises `FileError` where a file stands there that is not a page of elman's.
    """
    path = path_of(path, "path")
    if os.path.lexists(path) and not is_page(path):
        raise FileError(
            f"{path} would be overwritten, and it is no page of elman's: choose another name"
        )
    write_atomic(path, content)
    return path


def is_page(path: Path) -> bool:
    """Whether a file is a page that elman wrote."""
    if not is_file(path) or path.is_symlink():
        return False
    try:
        with path.open("rb") as file:
            return b'<meta name="generator" content="elman' in file.read(1000)
    except OSError:
        return False


def text(content: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(content)}</p>"


def strong(content: str) -> str:
    """A paragraph that says what matters."""
    return f"<p><strong>{escape(content)}</strong></p>"


def preformatted(content: str) -> str:
    """Text as it stands, line for line: commands, samples."""
    return f"<pre>{escape(content)}</pre>"


def aligned(content: str) -> str:
    """Lines whose columns stand below each other; they are not broken, but scrolled."""
    return f'<pre class="aligned">{escape(content)}</pre>'


def facts(values: Mapping[str, Any]) -> str:
    """Short values with their names, side by side."""
    pairs = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(v))}</dd></div>" for name, v in values.items()
    )
    return f"<dl>{''.join(pairs)}</dl>"


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    caption: str = "",
    stacked: bool = False,
) -> str:
    """A table; columns of numbers stand to the right.

    Where it is `stacked`, for cells of many words, a phone shows them one below the other.

    >>> '<td class="n" data-name="b">0.50</td>' in table(["a", "b"], [["x", 0.5]])
    True
    """
    rows = [list(row) for row in rows]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]
    classes = [' class="n"' if rows and each else "" for each in numeric]
    head = "".join(
        f"<th{kind}>{escape(name)}</th>" for name, kind in zip(header, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{kind} data-name="{escape(name)}">{escape(_shown(value))}</td>'
            for name, kind, value in zip(header, classes, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    is_long = any(len(str(row[0])) > _LONG for row in rows)
    kind = ("stacked long" if is_long else "stacked") if stacked else "plain"
    return (
        f'<div class="wide"><table class="{kind}">{_caption(caption)}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def confusion(labels: Sequence[str], counts: NDArray[np.int64], *, caption: str = "") -> str:
    """How often each true label (row) was taken for each (column), the shares as a heat map.

    `counts` is (C, C), in the order of `labels`. Columns of many longer labels have numbers.
    """
    dense = sum(max(len(label), 8) for label in labels) > _MOST_ACROSS
    if dense and max(map(len, labels)) > _SHORT:
        names = [str(i) for i in range(1, len(labels) + 1)]
        labels = [f"{i} {label}" for i, label in enumerate(labels, 1)]
    else:
        names = list(labels)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for label, row, of_row in zip(labels, counts.tolist(), shares.tolist(), strict=True):
        cells = "".join(
            f'<td{" class=hot" if share > 0.5 else ""} style="background:color-mix(in srgb,'
            f'var(--accent) {100 * share:.0f}%,var(--card))">{count}<small>{share:.1%}</small></td>'
            for count, share in zip(row, of_row, strict=True)
        )
        rows.append(f"<tr><th>{escape(label)}</th>{cells}</tr>")
    kind = "heat dense" if dense else "heat"
    return (
        f'<div class="wide"><table class="{kind}">{_caption(caption)}<thead><tr>'
        f"<th>true \\ predicted</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def bars(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    shares: Iterable[float],
    *,
    caption: str = "",
) -> str:
    """A table with a bar behind the first cell of each row, whose length is a share (0 to 1).

    >>> "width:50%" in bars(["length", "count"], [["1 to 9", 3]], [0.5])
    True
    """
    rows = [list(row) for row in rows]
    head = "".join(
        f"<th{'' if i == 0 else ' class=n'}>{escape(h)}</th>" for i, h in enumerate(header)
    )
    body = "".join(
        f'<tr><td class="bar"><i style="width:{100 * min(max(share, 0.0), 1.0):.0f}%"></i>'
        f"<span>{escape(_shown(row[0]))}</span></td>"
        + "".join(f'<td class="n">{escape(_shown(value))}</td>' for value in row[1:])
        + "</tr>"
        for row, share in zip(rows, shares, strict=True)
    )
    return (
        f'<div class="wide"><table>{_caption(caption)}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def items(sentences: Iterable[str]) -> str:
    """A list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in sentences)}</ul>"


def folded(title: str, *parts: str) -> str:
    """Pieces of a page that are shown when their title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>"


def axes(x_label: str, y_label: str, *, width: float = 5.6, height: float = 3.5) -> "Axes":
    """Empty axes to draw a chart on, in the colours `SERIES`; sizes in inches.

    pyplot's state and the user's settings of matplotlib are not touched.
    """
    from matplotlib.figure import Figure

    with _own_settings():
        figure = Figure(figsize=(width, height), layout="constrained")
        ax = figure.add_subplot(xlabel=x_label, ylabel=y_label)
    for name, spine in ax.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_edgecolor(FAINT)
    ax.tick_params(color=FAINT, labelcolor=INK, labelsize=12)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=INK, fontsize=13)
    ax.grid(axis="y", color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def chart(ax: "Axes", caption: str) -> str:
    """The figure of `axes`, drawn on, as an inline SVG with its caption."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = ax.get_figure()
    assert isinstance(figure, Figure)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=12, labelcolor=INK)
    buffer = io.StringIO()
    with _own_settings():
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": caption})
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = _inline(buffer.getvalue(), caption)
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def charts(*figures: str) -> str:
    """Charts side by side where there is room."""
    return f'<div class="charts">{"".join(figures)}</div>'


@contextmanager
def _own_settings() -> Iterator[None]:
    """matplotlib's defaults, whatever the user's are, and these again afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def _inline(svg: str, caption: str) -> str:
    """matplotlib's SVG file as an element of a page: no prologue, only needed ids, our colours."""
    svg = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    content = svg[svg.index(">") + 1 :]
    content = re.sub(r"<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    content = re.sub(r'xlink:href="', 'href="', content)
    content = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", content)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', content))
    content = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", content)
    for colour, variable in _VARIABLES.items():
        content = content.replace(colour, f"var(--{variable})")
    return f'<svg role="img" aria-label="{escape(caption)}" {box[0]}>{content.strip()}'


def _caption(content: str) -> str:
    return f"<caption>{escape(content)}</caption>" if content else ""


def _shown(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
